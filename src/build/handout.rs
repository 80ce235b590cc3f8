//! Hands the target out, in every form that was asked for.

use super::far::looks;
use super::request::{Destination, Output, OutputKind, Request};
use super::testimony::{Testimony, Told};
use super::{BuildError, Progress, annotations};
use crate::execute::{BaseImage, ExecuteError, Executor, Tree, TreeLayer, fetch_layers};
use crate::export::{self, Epoch, Exported, HistoryLine, Image, LayerPlace, LayerSource, Member, Options};
use crate::layer::Time;
use crate::oci::media::Family;
use crate::oci::{Descriptor, Platform};
use crate::plan::{Graph, Target};
use crate::registry::Registries;
use crate::schedule::{Cancel, Results};
use crate::store::Store;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

/// What handing out needs.
pub(super) struct HandOut<'a> {
    pub(super) store: &'a Store,
    pub(super) executor: &'a Executor<'a>,
    pub(super) platforms: &'a [Platform],
    pub(super) testimony: Option<&'a Testimony<'a>>,
    pub(super) registries: &'a Registries,
    pub(super) graph: &'a Graph,
    pub(super) results: &'a Results<Tree>,
    pub(super) cancel: &'a Cancel,
    pub(super) progress: &'a (dyn Fn(Progress) + Sync),
}

impl HandOut<'_> {
    /// Hands out all that the request asks for; an image always goes to the store when it has a name, or when nothing
    /// else was asked for.
    pub(super) fn all(&self, request: &mut Request) -> Result<Exported, BuildError> {
        let outputs = std::mem::take(&mut request.outputs);
        // An image that is for a registry alone leaves no copy, so that layers of its base may stay where they are.
        let far_only = !outputs.is_empty() && outputs.iter().all(|output| output.kind == OutputKind::Registry);
        let to_store = outputs.is_empty()
            || !(request.tags.is_empty() || far_only)
            || outputs.iter().any(|output| output.kind == OutputKind::Store);
        let (pushes, outputs): (Vec<_>, Vec<_>) = outputs
            .into_iter()
            .partition(|output| output.kind == OutputKind::Registry);
        if !request.annotations.is_empty() && !to_store && !outputs.iter().chain(&pushes).any(has_manifest) {
            (self.progress)(Progress::Warning(NO_PLACE.to_owned()));
        }
        if !to_store && pushes.is_empty() && outputs.iter().all(|output| output.kind == OutputKind::Nothing) {
            return Ok(Exported::default());
        }
        let trees = self.graph.targets().map(|target| self.results.get(target.step));
        let trees: Vec<&Arc<Tree>> = trees.collect::<Option<_>>().ok_or(BuildError::Cancelled)?;
        // Where files are looked at, the base's must be there as files, whether a step needed them or not.
        let looks = |output: &Output| looks(output, self.epoch(output));
        if outputs.iter().chain(&pushes).any(looks) {
            for tree in &trees {
                self.executor.stack(tree)?;
            }
        }
        let lazy = far_only && !pushes.iter().any(|output| output.force_compression || looks(output));
        let images = self.graph.targets().zip(&trees);
        let mut images: Vec<Image> = images
            .map(|(target, tree)| self.image(target, tree, lazy))
            .collect::<Result<_, _>>()?;
        let told = self.told(&trees)?;
        let mut first = Exported::default();
        let mut of_store = None;
        for mut output in outputs {
            self.warn(&output);
            if matches!(output.kind, OutputKind::Nothing | OutputKind::Store) {
                if output.kind == OutputKind::Store {
                    of_store = Some(output);
                    continue;
                }
                request.tags.append(&mut output.names);
                continue;
            }
            let (members, options) = self.members(&images, &output, request)?;
            let mut stream = None;
            let beside = self.beside(&output);
            let out = self.form(&mut output, &mut stream)?;
            let exported = self.export_told(members, out, &options, &told)?;
            if let Some(beside) = beside {
                self.write_files(&told, &images, &options, &beside)?;
            }
            (self.progress)(Progress::Exported);
            for path in &exported.skipped {
                let text = format!(
                    "note: the device `{}` was left out, since only root can make it",
                    path.display()
                );
                (self.progress)(Progress::Warning(text));
            }
            keep_first(&mut first, exported);
        }
        if to_store {
            // An image of the store must not need the layout that its base came from.
            for (tree, image) in trees.iter().zip(&mut images) {
                self.keep_bases(tree, image)?;
            }
            keep_first(&mut first, self.to_store(&images, of_store, request, &told)?);
        }
        // At the end: whatever a registry says, the rest is done.
        let mut pushes = VecDeque::from(pushes);
        while let Some(output) = pushes.pop_front() {
            self.warn(&output);
            let (members, options) = self.members(&images, &output, request)?;
            let tell = |pushed| (self.progress)(Progress::Pushed(pushed));
            let out = export::Output::Registry {
                registries: self.registries,
                by_digest: output.by_digest,
                tell: &tell,
            };
            let mut exported = self.export_told(members, out, &options, &told);
            let is_far = |layer: &LayerSource| matches!(layer, LayerSource::Told { .. });
            let is_told = |image: &Image| image.layers.iter().any(is_far);
            if exported.is_err() && !self.cancel.is_cancelled() && images.iter().any(is_told) {
                // Who was to have the layers may have lost them: they are looked at here, and sent from here.
                let deltas: Vec<_> = trees.iter().flat_map(|tree| tree.deltas()).collect();
                if let Err(lost) = self.executor.imports.bring_blobs(&deltas) {
                    pushes.push_front(output);
                    request.outputs = pushes.into();
                    return Err(ExecuteError::from(lost).into());
                }
                images = self
                    .graph
                    .targets()
                    .zip(&trees)
                    .map(|(target, tree)| self.image(target, tree, lazy))
                    .collect::<Result<_, _>>()?;
                let out = export::Output::Registry {
                    registries: self.registries,
                    by_digest: output.by_digest,
                    tell: &tell,
                };
                let (members, options) = self.members(&images, &output, request)?;
                exported = self.export_told(members, out, &options, &told);
            }
            let exported = exported?;
            request.tags.extend(output.names);
            keep_first(&mut first, exported);
        }
        Ok(first)
    }

    /// Says what of an output has no effect.
    fn warn(&self, output: &Output) {
        if output.rewrite_timestamp && self.epoch(output).is_none() {
            let text = "warning: `rewrite-timestamp=true` has no effect without `SOURCE_DATE_EPOCH`";
            (self.progress)(Progress::Warning(text.to_owned()));
        }
    }

    /// Puts the images into the store, under their names and those of the output that is the store.
    fn to_store(
        &self,
        images: &[Image],
        output: Option<Output>,
        request: &mut Request,
        told: &[Told<'_>],
    ) -> Result<Exported, BuildError> {
        let mut output = output.unwrap_or_else(|| Output::new(OutputKind::Store, None));
        let prefix = output.dangling_prefix.take();
        let (members, mut options) = self.members(images, &output, request)?;
        request.tags.append(&mut output.names);
        options.keep_manifest = request.needs_manifest || !output.is_usual();
        match (options.names.is_empty(), prefix) {
            (true, Some(prefix)) => options.canonical.push(prefix),
            _ if output.name_canonical => options.canonical.clone_from(&options.names),
            _ => {}
        }
        let exported = self.export_told(members, export::Output::Image, &options, told)?;
        self.keep_told(images, &options, &exported, told)?;
        Ok(exported)
    }

    pub(super) fn export(
        &self,
        members: &[Member<'_>],
        out: export::Output<'_>,
        options: &Options,
    ) -> Result<Exported, BuildError> {
        let cancelled = || self.cancel.is_cancelled();
        let exported = export::export(self.store, members, out, options, &cancelled);
        exported.map_err(|error| match error {
            _ if self.cancel.is_cancelled() => BuildError::Cancelled,
            error if is_broken_pipe(&error) => BuildError::BrokenPipe,
            error => error.into(),
        })
    }

    /// The images with the notes that an output wants on them, and how they are handed out.
    fn members<'i>(
        &self,
        images: &'i [Image],
        output: &Output,
        request: &Request,
    ) -> Result<(Vec<Member<'i>>, Options), BuildError> {
        let always_index = request.has_index(self.platforms);
        let notes = output.annotations.iter().chain(&request.annotations);
        let (notes, index) = annotations::sorted(notes, self.platforms, always_index)?;
        let images = images.iter().zip(self.graph.targets());
        let members = images.zip(notes).map(|((image, target), annotations)| Member {
            annotations,
            records: self.records(target, request),
            ..Member::plain(image)
        });
        let options = Options {
            compression: output.compression,
            force_compression: output.force_compression,
            family: output
                .oci_media_types
                .map(|oci| if oci { Family::Oci } else { Family::Docker }),
            names: request.tags.iter().chain(&output.names).cloned().collect(),
            epoch: self.epoch(output),
            index,
            always_index,
            split: output.platform_split,
            ..Options::default()
        };
        Ok((members.collect(), options))
    }

    pub(super) fn epoch(&self, output: &Output) -> Option<Epoch> {
        let seconds = output.epoch.or(self.graph.source_date_epoch)?;
        Some(Epoch::new(seconds, output.rewrite_timestamp))
    }

    /// The output in the exporter's terms; `stream` holds a stream for as long as it is written to.
    fn form<'s>(
        &self,
        output: &mut Output,
        stream: &'s mut Option<Box<dyn Write + Send>>,
    ) -> Result<export::Output<'s>, BuildError> {
        let destination = output.destination.take().ok_or(BuildError::NoDestination)?;
        if let Destination::Path(path) = &destination {
            (self.progress)(Progress::Exporting(path.display().to_string()));
        }
        Ok(match (output.kind, destination) {
            (OutputKind::OciDirectory, Destination::Path(path)) => export::Output::OciDirectory(path),
            (OutputKind::DockerDirectory, Destination::Path(path)) => export::Output::DockerDirectory(path),
            // The files are the user's, whoever owns them in the image, as BuildKit's client has it.
            (OutputKind::Local, Destination::Path(path)) => export::Output::Local { path, ownership: false },
            (kind, destination) => {
                let destination = match destination {
                    Destination::Path(path) => export::Destination::Path(path),
                    Destination::Stream(out) => export::Destination::Stream(stream.insert(out)),
                };
                match kind {
                    OutputKind::Oci => export::Output::Oci(destination),
                    OutputKind::Docker => export::Output::Docker(destination),
                    OutputKind::Tar => export::Output::Tar(destination),
                    OutputKind::Nothing
                    | OutputKind::Store
                    | OutputKind::Registry
                    | OutputKind::OciDirectory
                    | OutputKind::DockerDirectory
                    | OutputKind::Local => return Err(BuildError::NoDestination),
                }
            }
        })
    }

    /// The target as an image; with `lazy`, layers of its base that are in a registry only stay there.
    fn image(&self, target: &Target, tree: &Tree, lazy: bool) -> Result<Image, BuildError> {
        let time_of = |step| self.results.get(step).and_then(|tree: &Arc<Tree>| tree.created());
        let history: Vec<HistoryLine> = target
            .history
            .iter()
            .map(|entry| HistoryLine {
                created_by: entry.created_by.clone(),
                layer: entry.step.map(|step| time_of(step).unwrap_or_default()),
            })
            .collect();
        // An image that only changes its base's config is as old as the base, and so the same whenever it is built.
        let newest = history.iter().filter_map(|line| line.layer).max();
        let base = target.config.created.as_deref().and_then(crate::oci::parse_time);
        let base = base.map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
        let all = tree.layers();
        let far: Vec<(&BaseImage, usize)> = all
            .iter()
            .filter_map(|layer| match layer {
                TreeLayer::Base(image, index) if image.in_layout(*index).is_none() => Some((&**image, *index)),
                _ => None,
            })
            .collect();
        if !lazy {
            fetch_layers(&far, self.store)?;
        }
        let layers = all
            .into_iter()
            .map(|layer| match layer {
                TreeLayer::Delta(content) if self.executor.notes.has_far() => self.delta(content),
                layer => source(layer, self.store, lazy),
            })
            .collect::<Result<_, BuildError>>()?;
        Ok(Image {
            config: target.config.clone(),
            layers,
            history,
            created: newest.or(base).unwrap_or_default(),
        })
    }

    /// Copies layers of bases into the store.
    fn keep_bases(&self, tree: &Tree, image: &mut Image) -> Result<(), BuildError> {
        for (layer, source) in tree.layers().into_iter().zip(&mut image.layers) {
            if let TreeLayer::Base(base, index) = layer {
                *source = stored(base, *index, self.store)?;
            }
        }
        Ok(())
    }
}

/// A layer as the exporter wants it; with `lazy`, one that is in a registry only stays there.
pub(super) fn source(layer: &TreeLayer, store: &Store, lazy: bool) -> Result<LayerSource, BuildError> {
    let (image, index) = match layer {
        TreeLayer::Delta(content) => return Ok(LayerSource::Delta(*content)),
        TreeLayer::Base(image, index) => (image, *index),
    };
    let blob = |descriptor: &Descriptor, place| LayerSource::Blob {
        diff_id: image.layers()[index],
        descriptor: Box::new(descriptor.clone()),
        place,
    };
    if let Some((layout, descriptor)) = image.in_layout(index) {
        return Ok(blob(descriptor, LayerPlace::Layout(layout.clone())));
    }
    if lazy && let Some((pulled, descriptor)) = image.far(index, store)? {
        return Ok(blob(descriptor, LayerPlace::Registry(Box::new(pulled.clone()), index)));
    }
    stored(image, index, store)
}

fn stored(image: &BaseImage, index: usize, store: &Store) -> Result<LayerSource, BuildError> {
    Ok(LayerSource::Blob {
        diff_id: image.layers()[index],
        descriptor: Box::new(image.blob(index, store)?),
        place: LayerPlace::Store,
    })
}

/// What to say of annotations without a manifest.
const NO_PLACE: &str = "warning: annotations are written on manifests, and without an output such as \
    `-o type=oci,dest=FILE` there is none";

/// Whether an output has a place for annotations.
fn has_manifest(output: &Output) -> bool {
    match output.kind {
        OutputKind::Oci
        | OutputKind::OciDirectory
        | OutputKind::Docker
        | OutputKind::DockerDirectory
        | OutputKind::Registry => true,
        OutputKind::Nothing | OutputKind::Store | OutputKind::Tar | OutputKind::Local => false,
    }
}

/// What several outputs tell together: the first manifest, and the image's id.
fn keep_first(first: &mut Exported, next: Exported) {
    if first.config.is_none() {
        first.config = next.config;
    }
    if first.manifest.is_none() {
        first.manifest = next.manifest;
    }
}

/// Whether somebody stopped reading what was written, wherever in the chain of causes that is said.
fn is_broken_pipe(error: &export::ExportError) -> bool {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
