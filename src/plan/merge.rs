//! Plans for several platforms become one: what they have in common is done once.

use super::{Copy, From, Graph, MountKind, Need, Op, Step, StepId};
use crate::diagnostic::Span;
use petgraph::Direction;
use petgraph::visit::EdgeRef as _;
use std::collections::{BTreeMap, HashMap};

/// One graph that does what all of these do, with a target for each of theirs, in order; `None` without any.
///
/// Steps that do the same to the same are one, such as those of a stage `FROM --platform=$BUILDPLATFORM` that asks for
/// nothing of the target. What is not said for each target alone is that of the first graph.
pub fn merge(graphs: impl IntoIterator<Item = Graph>) -> Option<Graph> {
    let mut graphs = graphs.into_iter();
    let mut merged = graphs.next()?;
    let mut known: HashMap<Place, Vec<StepId>> = HashMap::new();
    for id in merged.steps.node_indices() {
        known.entry(Place::of(&merged.steps[id])).or_default().push(id);
    }
    for graph in graphs {
        let mut places = BTreeMap::new();
        // A step comes after all that it needs.
        for id in graph.steps.node_indices() {
            let mut step = graph.steps[id].clone();
            step.op = placed(step.op, &places);
            let mut needs: Vec<(StepId, Need)> = graph
                .steps
                .edges_directed(id, Direction::Incoming)
                .map(|edge| (there(edge.source(), &places), *edge.weight()))
                .collect();
            needs.sort_unstable_by_key(|(id, need)| (*id, *need == Need::Root));
            let alike = known.entry(Place::of(&step)).or_default();
            let same = alike
                .iter()
                .find(|other| is_same(&merged, **other, &step, &needs))
                .copied();
            let found = same.unwrap_or_else(|| {
                let new = merged.steps.add_node(step);
                for (from, need) in needs {
                    merged.steps.add_edge(from, new, need);
                }
                alike.push(new);
                new
            });
            places.insert(id, found);
        }
        for mut target in std::iter::once(graph.target).chain(graph.others) {
            target.step = there(target.step, &places);
            for line in &mut target.history {
                line.step = line.step.map(|step| there(step, &places));
            }
            merged.others.push(target);
        }
    }
    Some(merged)
}

/// Where in the file a step comes from: only steps of one place can be the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place(String, usize, Option<(u32, u32)>);

impl Place {
    fn of(step: &Step) -> Self {
        let span = step.span.map(|Span { start, end }| (start, end));
        Self(step.stage.clone(), step.position.0, span)
    }
}

fn is_same(graph: &Graph, other: StepId, step: &Step, needs: &[(StepId, Need)]) -> bool {
    let known = &graph.steps[other];
    if known.op != step.op || known.no_cache != step.no_cache || known.platform != step.platform {
        return false;
    }
    let edges = graph.steps.edges_directed(other, Direction::Incoming);
    let mut its: Vec<(StepId, Need)> = edges.map(|edge| (edge.source(), *edge.weight())).collect();
    its.sort_unstable_by_key(|(id, need)| (*id, *need == Need::Root));
    its == needs
}

fn there(step: StepId, places: &BTreeMap<StepId, StepId>) -> StepId {
    places.get(&step).copied().unwrap_or(step)
}

/// What a step does, with the steps that it names where they are now.
fn placed(op: Op, places: &BTreeMap<StepId, StepId>) -> Op {
    let from = |from: From| match from {
        From::Step(step) => From::Step(there(step, places)),
        other => other,
    };
    match op {
        Op::Copy(copy) => Op::Copy(Copy {
            from: from(copy.from),
            ..copy
        }),
        Op::Run(mut run) => {
            for mount in &mut run.mounts {
                let old = match &mut mount.kind {
                    MountKind::Bind { from, .. }
                    | MountKind::Cache {
                        seed: Some((from, _)), ..
                    } => from,
                    MountKind::Cache { seed: None, .. }
                    | MountKind::Tmpfs { .. }
                    | MountKind::Secret { .. }
                    | MountKind::Ssh { .. } => continue,
                };
                *old = from(old.clone());
            }
            Op::Run(run)
        }
        Op::Base(_) | Op::Workdir(_) => op,
    }
}
