//! A root file system by name: a chain of deltas that may not be on disk yet.

use super::base::BaseImage;
use crate::cache;
use crate::digest::{ContentId, TreeId};
use crate::layer::Time;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a step leaves: a root file system, and when its own layer was made.
#[derive(Debug, Clone)]
pub struct Tree {
    id: TreeId,
    layers: Option<Arc<Node>>,
    created: Option<Time>,
}

/// The chain is shared between the steps of a stage.
#[derive(Debug)]
struct Node {
    parent: Option<Arc<Self>>,
    layer: TreeLayer,
    depth: usize,
}

/// A place in the chain of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<'a>(&'a Node);

/// One layer of a tree.
#[derive(Debug, Clone)]
pub enum TreeLayer {
    /// A step's delta, which the store holds.
    Delta(ContentId),
    /// A layer of a base image by its place in it, which is fetched and unpacked when somebody needs its files.
    Base(Arc<BaseImage>, usize),
}

impl Tree {
    /// `FROM scratch`.
    pub fn empty() -> Self {
        Self {
            id: cache::empty_tree(),
            layers: None,
            created: None,
        }
    }

    /// The tree of a base image.
    pub fn of_base(image: &Arc<BaseImage>) -> Self {
        let mut tree = Self::empty();
        for index in 0..image.layers().len() {
            tree.push(image.layer(index));
        }
        tree.id = cache::base_tree(image.layers());
        tree
    }

    /// The tree with one more delta.
    #[must_use]
    pub fn with(&self, delta: ContentId, created: Time) -> Self {
        let mut tree = self.clone();
        tree.push(TreeLayer::Delta(delta));
        tree.id = cache::next_tree(&self.id, &delta);
        tree.created = Some(created);
        tree
    }

    fn push(&mut self, layer: TreeLayer) {
        let parent = self.layers.take();
        let depth = parent.as_ref().map_or(0, |parent| parent.depth) + 1;
        self.layers = Some(Arc::new(Node { parent, layer, depth }));
    }

    /// Its name.
    pub fn id(&self) -> &TreeId {
        &self.id
    }

    /// When the layer on top was made; `None` for a base's.
    pub fn created(&self) -> Option<Time> {
        self.created
    }

    /// The layer on top.
    pub fn top(&self) -> Option<&TreeLayer> {
        self.layers.as_deref().map(|node| &node.layer)
    }

    /// The deltas of steps, each once.
    pub fn deltas(&self) -> Vec<ContentId> {
        let of_step = |layer: &TreeLayer| match layer {
            TreeLayer::Delta(content) => Some(*content),
            TreeLayer::Base(..) => None,
        };
        let mut seen = BTreeSet::new();
        let deltas = self.downwards().filter_map(|(_, layer)| of_step(layer));
        deltas.filter(|content| seen.insert(*content)).collect()
    }

    /// How many layers it has.
    pub(super) fn depth(&self) -> usize {
        self.layers.as_ref().map_or(0, |node| node.depth)
    }

    /// The layers from the top down, each with a mark of the tree whose top it is.
    pub(super) fn downwards(&self) -> impl Iterator<Item = (Mark<'_>, &TreeLayer)> {
        std::iter::successors(self.layers.as_deref(), |node| node.parent.as_deref())
            .map(|node| (Mark(node), &node.layer))
    }

    /// Whether a mark is that of this tree's top. Trees that were made apart are never the same.
    pub(super) fn is_at(&self, mark: Mark<'_>) -> bool {
        self.layers.as_deref().is_some_and(|node| std::ptr::eq(node, mark.0))
    }

    /// All layers, lowest first.
    pub fn layers(&self) -> Vec<&TreeLayer> {
        let mut layers = Vec::with_capacity(self.layers.as_ref().map_or(0, |node| node.depth));
        let mut next = self.layers.as_deref();
        while let Some(node) = next {
            layers.push(&node.layer);
            next = node.parent.as_deref();
        }
        layers.reverse();
        layers
    }
}

impl Drop for Node {
    /// Frees a long chain without recursion.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(node) = next {
            match Arc::try_unwrap(node) {
                Ok(mut node) => next = node.parent.take(),
                Err(_) => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Fields;

    #[test]
    fn a_long_chain_keeps_its_order_and_can_be_freed() {
        let mut tree = Tree::empty();
        for number in 0..100_000u64 {
            tree = tree.with(Fields::new("test").number(number).content_id(), Time::default());
        }
        let layers = tree.layers();
        assert_eq!(layers.len(), 100_000);
        let first = Fields::new("test").number(0).content_id();
        assert!(matches!(layers[0], TreeLayer::Delta(id) if *id == first));
    }
}
