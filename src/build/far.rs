//! Layers of the image that another machine has: which come here, and which stay.

use super::ahead::record;
use super::handout::HandOut;
use super::request::{Output, OutputKind, Request};
use super::{BuildError, share};
use crate::digest::ContentId;
use crate::exchange::Bundle;
use crate::execute::{ExecuteError, TreeLayer};
use crate::export::{Epoch, LayerPlace, LayerSource, Records};
use crate::oci::Reference;
use crate::plan::Target;
use crate::store::FarLayer;
use std::sync::Arc;

/// Where an output looks at files.
pub(super) fn looks(output: &Output, epoch: Option<Epoch>) -> bool {
    matches!(output.kind, OutputKind::Tar | OutputKind::Local) || epoch.is_some_and(|epoch| epoch.rewrites())
}

impl HandOut<'_> {
    /// Fetches what the outputs need of other machines' layers.
    ///
    /// # Errors
    /// [`ExecuteError::Lost`](crate::execute::ExecuteError::Lost) when something can't be had.
    pub(super) fn prepare(&self, request: &Request) -> Result<(), BuildError> {
        let outputs = &request.outputs;
        let nothing = !outputs.is_empty() && outputs.iter().all(|output| output.kind == OutputKind::Nothing);
        if !self.executor.notes.has_far() || (nothing && request.tags.is_empty()) {
            return Ok(());
        }
        let trees = self.graph.targets().map(|target| self.results.get(target.step));
        let trees: Vec<_> = trees.collect::<Option<_>>().ok_or(BuildError::Cancelled)?;
        let mut deltas: Vec<ContentId> = trees.iter().flat_map(|tree| tree.deltas()).collect();
        deltas.sort_unstable();
        deltas.dedup();
        let imports = self.executor.imports;
        if outputs.iter().any(|output| looks(output, self.epoch(output))) || self.scans(&trees)? {
            return Ok(imports.bring(&deltas).map_err(ExecuteError::from)?);
        }
        let mut wanted = Vec::new();
        for content in deltas {
            let far = imports.far(&content).map_err(ExecuteError::from)?;
            if !far.is_some_and(|(layer, pulled)| may_stay(request, &layer, pulled.source())) {
                wanted.push(content);
            }
        }
        Ok(imports.bring_blobs(&wanted).map_err(ExecuteError::from)?)
    }

    /// What all steps left, for whoever wants to know.
    pub(super) fn bundle(&self) -> Bundle {
        let notes = &self.executor.notes;
        let steps = self.graph.steps.node_indices().filter_map(|step| {
            let tree = self.results.get(step)?;
            Some((notes.key_of(step)?, record(tree)?))
        });
        share::bundle(steps, notes.selections())
    }

    /// The records that go into an image itself.
    pub(super) fn records(&self, target: &Target, request: &Request) -> Option<Arc<Records>> {
        if !request.cache_to.iter().any(|to| to.place.is_none()) {
            return None;
        }
        let layers = self.results.get(target.step)?.layers();
        let numbers = layers
            .into_iter()
            .enumerate()
            .filter_map(|(number, layer)| match layer {
                TreeLayer::Delta(content) => Some((*content, number)),
                TreeLayer::Base(..) => None,
            });
        Some(Arc::new(Records {
            bundle: self.bundle(),
            numbers: numbers.collect(),
        }))
    }

    /// The layer of a step, which another machine may have.
    pub(super) fn delta(&self, content: &ContentId) -> Result<LayerSource, BuildError> {
        if self.store.has_delta(content)? {
            return Ok(LayerSource::Delta(*content));
        }
        let elsewhere = self.store.elsewhere(content)?;
        let Some(layer) = elsewhere.and_then(|it| it.layer).map(Box::new) else {
            return Ok(LayerSource::Delta(*content));
        };
        if self.store.blob_size(&layer.digest)? == Some(layer.size) {
            let place = LayerPlace::Store;
            return Ok(LayerSource::Told { layer, place });
        }
        let far = self.executor.imports.far(content).map_err(ExecuteError::from)?;
        Ok(match far {
            Some((_, pulled)) => LayerSource::Told {
                layer,
                place: LayerPlace::Registry(Box::new(pulled), 0),
            },
            None => LayerSource::Delta(*content),
        })
    }
}

/// Whether a layer may stay in its registry: where all outputs are in the same one, in the same form.
fn may_stay(request: &Request, layer: &FarLayer, source: &Reference) -> bool {
    let stays = |output: &Output| {
        let mut names = request.tags.iter().chain(&output.names);
        output.kind == OutputKind::Registry
            && output.compression.name() == layer.compression
            && names.all(|name| name.registry() == source.registry())
    };
    !request.outputs.is_empty() && request.outputs.iter().all(stays)
}
