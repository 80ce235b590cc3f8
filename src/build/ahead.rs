//! What becomes of layers before the last step is done.

use super::request::{OutputKind, Request};
use super::share::Sharing;
use crate::exchange::Record;
use crate::execute::{Executor, Tree, TreeLayer};
use crate::export::Ahead;
use crate::layer::Compression;
use crate::plan::{Graph, Need, StepId};
use crate::schedule::{Cancel, Inputs, Listener, Lookup, Work};
use petgraph::Direction;
use petgraph::visit::EdgeRef as _;
use std::collections::BTreeSet;

/// Does steps as the executor does, and has the image's layers packed as soon as they are there.
pub(super) struct Packing<'a> {
    executor: &'a Executor<'a>,
    ahead: &'a Ahead,
    sharing: &'a Sharing,
    /// The steps whose layers are the image's, but for the last: nothing runs after it.
    steps: BTreeSet<StepId>,
}

impl<'a> Packing<'a> {
    pub(super) fn new(executor: &'a Executor<'a>, ahead: &'a Ahead, sharing: &'a Sharing) -> Self {
        Self {
            executor,
            ahead,
            sharing,
            steps: below(executor.graph),
        }
    }

    /// Hands on what a step left to those who share it.
    fn share(&self, step: StepId, tree: &Tree) {
        if let (Some(key), Some(record)) = (self.executor.notes.key_of(step), record(tree)) {
            let graph = self.executor.graph;
            let of_image = self.steps.contains(&step) || graph.targets().any(|target| target.step == step);
            self.sharing.add(key, &record, of_image);
        }
    }
}

/// What a step left, by name.
pub(super) fn record(tree: &Tree) -> Option<Record> {
    match (tree.top(), tree.created()) {
        (Some(TreeLayer::Delta(content)), Some(created)) => Some(Record {
            content: *content,
            created,
            layer: None,
        }),
        _ => None,
    }
}

impl<'a> Work for Packing<'a> {
    type Output = <Executor<'a> as Work>::Output;
    type Prepared = <Executor<'a> as Work>::Prepared;
    type Error = <Executor<'a> as Work>::Error;

    fn is_costly(&self, step: StepId) -> bool {
        self.executor.is_costly(step)
    }

    fn look_up(
        &self,
        step: StepId,
        inputs: &Inputs<Tree>,
    ) -> Result<Lookup<Self::Output, Self::Prepared>, Self::Error> {
        let found = self.executor.look_up(step, inputs)?;
        if let Lookup::Hit(tree) | Lookup::Told(tree, _) = &found {
            self.share(step, tree);
        }
        Ok(found)
    }

    fn perform(
        &self,
        step: StepId,
        inputs: &Inputs<Tree>,
        prepared: Self::Prepared,
        cancel: &Cancel,
        events: &dyn Listener,
    ) -> Result<Self::Output, Self::Error> {
        let tree = self.executor.perform(step, inputs, prepared, cancel, events)?;
        self.share(step, &tree);
        if self.steps.contains(&step)
            && let Some(TreeLayer::Delta(content)) = tree.top()
        {
            self.ahead.layer(content);
        }
        Ok(tree)
    }
}

/// How the layers of the request's image will travel; [`Compression::None`] stands for their names alone.
pub(super) fn wanted(request: &Request, graph: &Graph) -> Vec<Compression> {
    let mut wanted = Vec::new();
    let mut names = request.outputs.is_empty() || !request.tags.is_empty();
    for output in &request.outputs {
        let rewrites = output.rewrite_timestamp && output.epoch.or(graph.source_date_epoch).is_some();
        match output.kind {
            // Layers with other times have other bytes.
            _ if rewrites => {}
            OutputKind::Store => names = true,
            OutputKind::Oci
            | OutputKind::OciDirectory
            | OutputKind::Docker
            | OutputKind::DockerDirectory
            | OutputKind::Registry => {
                if !wanted.contains(&output.compression) {
                    wanted.push(output.compression);
                }
            }
            OutputKind::Nothing | OutputKind::Tar | OutputKind::Local => {}
        }
    }
    // What is compressed is named on the way.
    if wanted.is_empty() && names {
        wanted.push(Compression::None);
    }
    wanted
}

/// The steps that the targets' root file systems are made of, without their last ones.
fn below(graph: &Graph) -> BTreeSet<StepId> {
    let root_of = |step: &StepId| {
        let mut edges = graph.steps.edges_directed(*step, Direction::Incoming);
        edges
            .find(|edge| *edge.weight() == Need::Root)
            .map(|edge| edge.source())
    };
    let targets = graph.targets().map(|target| target.step);
    targets
        .flat_map(|last| std::iter::successors(root_of(&last), root_of))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Base, Op, Outline, Step, Target};
    use petgraph::stable_graph::StableDiGraph;

    #[test]
    fn only_layers_of_the_image_that_something_follows_are_packed_early() {
        let mut steps = StableDiGraph::new();
        let [base, low, other, high, last] = [1, 2, 3, 4, 5].map(|line| {
            steps.add_node(Step {
                op: Op::Base(Base::Scratch),
                stage: String::new(),
                platform: Default::default(),
                shown_platform: None,
                position: (1, line),
                title: String::new(),
                span: None,
                no_cache: false,
            })
        });
        for (from, to, need) in [
            (base, low, Need::Root),
            (other, high, Need::Source),
            (low, high, Need::Root),
            (high, last, Need::Root),
        ] {
            steps.add_edge(from, to, need);
        }
        let graph = Graph {
            steps,
            target: Target {
                step: last,
                config: Default::default(),
                platform: Default::default(),
                history: Vec::new(),
            },
            others: Vec::new(),
            source_date_epoch: None,
            outline: Outline::default(),
        };
        assert_eq!(below(&graph), BTreeSet::from([base, low, high]));
    }
}
