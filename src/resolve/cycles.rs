//! Stages that wait for each other.

use super::stages::sources_of;
use super::{Binding, Origin};
use crate::diagnostic::{Diagnostic, Span};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

impl Binding<'_> {
    /// Stages that wait for each other, which needs no image to be seen; and sources of COPY that do not exist.
    pub(super) fn cycles(&self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let mut graph = DiGraph::<(), Span>::with_capacity(self.stages.len(), self.stages.len());
        let nodes: Vec<NodeIndex> = self.stages.iter().map(|_| graph.add_node(())).collect();
        let mut problems = Vec::new();
        for stage in &self.stages {
            if let Origin::Stage(base) = stage.base {
                graph.add_edge(nodes[stage.index], nodes[base], stage.from.span);
            }
            for instruction in stage.instructions {
                for (from, flag, is_mount) in sources_of(instruction) {
                    let span = Some(flag.span);
                    let origin = if is_mount {
                        self.names.get(&from.to_lowercase()).map(|index| Origin::Stage(*index))
                    } else if from.parse::<i64>().is_ok() {
                        self.copy_origin(&from, span).map_err(|it| problems.push(it)).ok()
                    } else {
                        self.names.get(&from.to_lowercase()).map(|index| Origin::Stage(*index))
                    };
                    if let Some(Origin::Stage(index)) = origin {
                        graph.add_edge(nodes[stage.index], nodes[index], flag.span);
                    }
                }
            }
        }
        let mut knots: Vec<Vec<usize>> = kosaraju_scc(&graph)
            .into_iter()
            .map(|knot| {
                let mut knot: Vec<usize> = knot.into_iter().map(NodeIndex::index).collect();
                knot.sort_unstable();
                knot
            })
            .filter(|knot| knot.len() > 1 || graph.contains_edge(nodes[knot[0]], nodes[knot[0]]))
            .collect();
        knots.sort_unstable();
        (knots.iter().map(|knot| self.cycle(&graph, knot)).collect(), problems)
    }

    /// The shortest way from the first stage of a knot back to itself. Stays in the knot (which is sorted), so that
    /// all knots together take no longer than the graph is large.
    fn cycle(&self, graph: &DiGraph<(), Span>, knot: &[usize]) -> Diagnostic {
        let start = NodeIndex::new(knot[0]);
        let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        'search: while let Some(node) = queue.pop_front() {
            let inside = |next: &NodeIndex| knot.binary_search(&next.index()).is_ok();
            for next in graph.neighbors(node).filter(inside) {
                if let Entry::Vacant(slot) = came_from.entry(next) {
                    slot.insert(node);
                    if next == start {
                        break 'search;
                    }
                    queue.push_back(next);
                }
            }
        }
        let mut way = vec![start];
        while let Some(before) = came_from.get(way.last().unwrap_or(&start)) {
            way.push(*before);
            if *before == start {
                break;
            }
        }
        way.reverse();
        let names: Vec<String> = way
            .iter()
            .map(|node| format!("`{}`", self.stages[node.index()].label()))
            .collect();
        let span = way
            .get(1)
            .and_then(|second| graph.find_edge(start, *second))
            .and_then(|edge| graph.edge_weight(edge))
            .copied();
        Diagnostic::error(
            "stage-cycle",
            span,
            format!(
                "circular dependency detected on stage {}: {}",
                names[0],
                names.join(" needs ")
            ),
        )
    }
}
