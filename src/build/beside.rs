//! What is said of the images on its way out: with the images, or in files beside them.

use super::handout::HandOut;
use super::request::{Destination, Output, OutputKind};
use super::testimony::Told;
use super::{BuildError, Progress};
use crate::attest;
use crate::execute::Tree;
use crate::export::{self, Exported, Image, Member, Options};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where files go that belong to an output.
pub(super) enum Beside {
    /// Into its folder.
    In(PathBuf),
    /// Next to it, under its name and theirs.
    Of(PathBuf),
    Nowhere,
}

impl HandOut<'_> {
    /// Finds out what is to be said of each image; nothing when nothing was asked for.
    pub(super) fn told(&self, trees: &[&Arc<Tree>]) -> Result<Vec<Told<'_>>, BuildError> {
        let Some(testimony) = self.testimony else {
            return Ok(Vec::new());
        };
        let all = trees.iter().zip(self.graph.targets());
        let all: Vec<Told<'_>> = all
            .map(|(tree, target)| testimony.tell(tree, target, &self.executor.stacks, self.store, &self.executor.host))
            .collect::<Result<_, _>>()?;
        for note in all.iter().flat_map(Told::notes) {
            let text = format!("warning: while looking for software: {note}");
            (self.progress)(Progress::Warning(text));
        }
        Ok(all)
    }

    /// Whether files have to be looked at for what is to be said.
    pub(super) fn scans(&self, trees: &[&Arc<Tree>]) -> Result<bool, BuildError> {
        if self.testimony.is_none_or(|it| it.wanted.bill.is_none()) {
            return Ok(false);
        }
        for tree in trees {
            if attest::scanned(self.store, tree.id())?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Exports images with what is said of them, where the form has a place for it.
    pub(super) fn export_told(
        &self,
        members: Vec<Member<'_>>,
        out: export::Output<'_>,
        options: &Options,
        told: &[Told<'_>],
    ) -> Result<Exported, BuildError> {
        let Some(testimony) = self.testimony else {
            return self.export(&members, out, options);
        };
        let index = testimony.wanted.index;
        let attests: Vec<_> = told
            .iter()
            .map(|told| move |subject: &export::Subject<'_>| told.attestations(subject, index))
            .collect();
        let mut members = members;
        for (member, attest) in members.iter_mut().zip(&attests) {
            match out {
                export::Output::Tar(_) | export::Output::Local { .. } | export::Output::Nothing => {}
                _ if index => member.attest = Some(attest),
                export::Output::Oci(_) | export::Output::OciDirectory(_) | export::Output::Registry { .. } => {
                    member.refer = Some(attest);
                }
                export::Output::Image | export::Output::Docker(_) | export::Output::DockerDirectory(_) => {}
            }
        }
        self.export(&members, out, options)
    }

    /// Keeps what is said of images of the store, so that it can go with them later.
    pub(super) fn keep_told(
        &self,
        images: &[Image],
        options: &Options,
        exported: &Exported,
        told: &[Told<'_>],
    ) -> Result<(), BuildError> {
        let cancelled = || self.cancel.is_cancelled();
        for (told, image) in told.iter().zip(images) {
            let id = match &exported.config {
                Some(config) => config.digest,
                None => export::image_id(self.store, image, options.epoch, &cancelled)?,
            };
            let config = image.described(options.epoch.as_ref());
            let said = told.predicates(&options.names, &id, &config, BTreeMap::new());
            attest::keep(self.store, &id, &said)?;
        }
        Ok(())
    }

    /// Where files with what is said go; `None` when the output itself has a place, or nothing is said.
    pub(super) fn beside(&self, output: &Output) -> Option<Beside> {
        let wanted = &self.testimony?.wanted;
        let path = match &output.destination {
            Some(Destination::Path(path)) => Some(path),
            _ => None,
        };
        let has_place = match output.kind {
            OutputKind::Docker | OutputKind::DockerDirectory => wanted.index,
            OutputKind::Tar | OutputKind::Local => false,
            _ => true,
        };
        match (output.kind, path) {
            _ if has_place => None,
            (OutputKind::Local | OutputKind::DockerDirectory, Some(path)) => Some(Beside::In(path.clone())),
            (_, Some(path)) if path.starts_with("/dev") || path.starts_with("/proc") => Some(Beside::Nowhere),
            (_, Some(path)) => Some(Beside::Of(path.clone())),
            (_, None) => Some(Beside::Nowhere),
        }
    }

    /// Writes files with what is said of the images; of several each gets its platform's name.
    pub(super) fn write_files(
        &self,
        told: &[Told<'_>],
        images: &[Image],
        options: &Options,
        beside: &Beside,
    ) -> Result<(), BuildError> {
        let cancelled = || self.cancel.is_cancelled();
        let split = options.split.unwrap_or(images.len() > 1);
        for (told, image) in told.iter().zip(images) {
            let id = export::image_id(self.store, image, options.epoch, &cancelled)?;
            let config = image.described(options.epoch.as_ref());
            let platform = split.then(|| config.platform().to_string().replace('/', "_"));
            for (name, bytes) in told.files(&options.names, &id, &config) {
                let Some(path) = beside.path(platform.as_deref(), name) else {
                    let text = "warning: a stream has no place for what is said of the image: give the output a `dest`";
                    (self.progress)(Progress::Warning(text.to_owned()));
                    return Ok(());
                };
                export::write_file(&path, &bytes)?;
            }
        }
        Ok(())
    }
}

impl Beside {
    fn path(&self, platform: Option<&str>, name: &str) -> Option<PathBuf> {
        let next_to = |archive: &Path| {
            let mut path = archive.as_os_str().to_owned();
            for part in platform.into_iter().chain([name]) {
                path.push(".");
                path.push(part);
            }
            PathBuf::from(path)
        };
        match self {
            Self::In(folder) => Some(
                platform
                    .map_or(folder.clone(), |platform| folder.join(platform))
                    .join(name),
            ),
            Self::Of(archive) => Some(next_to(archive)),
            Self::Nowhere => None,
        }
    }
}
