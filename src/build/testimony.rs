//! What a build says of itself and of its image.

use super::prepare::Planned;
use super::request::{ContextSource, DockerfileSource, NamedContext, Request};
use super::{Attestations, BuildError};
use crate::attest::{
    self, Artifact, ConfigSource, Dependency, Described, Detail, Predicate, Provenance, StatementForm, Subject,
    image_url, without_password,
};
use crate::digest::BlobDigest;
use crate::execute::{Stacks, Tree, TreeLayer};
use crate::export::{self, Attestation};
use crate::inventory::Inventory;
use crate::layer::{Host, Time};
use crate::oci::{ImageConfig, Platform, Reference, format_time};
use crate::plan::{Base, ImageKey, Network, Op, Target};
use crate::store::{Store, now};
use std::collections::BTreeMap;

/// What is known once the steps are done.
pub(super) struct Testimony<'a> {
    pub(super) wanted: Attestations,
    planned: &'a Planned<'a>,
    source: ConfigSource,
    args: BTreeMap<String, String>,
    locals: Vec<String>,
    began: Time,
}

/// What is said, as far as it does not depend on the form in which the image is handed out.
pub(super) struct Told<'a> {
    testimony: &'a Testimony<'a>,
    target: &'a Target,
    inventory: Option<Inventory>,
    dependencies: Vec<Dependency>,
    times: Option<(String, String)>,
}

impl<'a> Testimony<'a> {
    /// What a request wants to be said; `None` when that is nothing.
    pub(super) fn of(planned: &'a Planned<'a>, request: &Request, began: Time) -> Option<Self> {
        let wanted = request.attestations.clone();
        if wanted.is_empty() {
            return None;
        }
        let near = matches!(request.context, ContextSource::Directory(_) | ContextSource::Stream(_));
        let mut locals = Vec::new();
        if near {
            locals.push("context".to_owned());
        }
        if matches!(
            request.dockerfile,
            DockerfileSource::Text { .. } | DockerfileSource::File(_)
        ) || near
        {
            locals.push("dockerfile".to_owned());
        }
        let named = request.named_contexts.iter();
        locals.extend(named.filter_map(|(name, context)| match context {
            NamedContext::Directory(_) | NamedContext::Layout { .. } => Some(name.clone()),
            _ => None,
        }));
        Some(Self {
            source: source(planned, request),
            args: args(request),
            wanted,
            planned,
            locals,
            began,
        })
    }

    /// Finds out what is to be said of a tree. Its files are looked at unless that was done before.
    pub(super) fn tell(
        &'a self,
        tree: &Tree,
        target: &'a Target,
        stacks: &Stacks,
        store: &Store,
        host: &Host,
    ) -> Result<Told<'a>, BuildError> {
        let inventory = match (&self.wanted.bill, attest::scanned(store, tree.id())?) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(_), None) => {
                // A base's layers have to be there as files.
                stacks.of(tree, store, host)?;
                let mut deltas = Vec::new();
                for layer in tree.layers() {
                    deltas.extend(match layer {
                        TreeLayer::Delta(content) => Some(*content),
                        TreeLayer::Base(image, index) => image.unpacked(*index, store)?,
                    });
                }
                Some(attest::scan(store, tree.id(), &deltas)?)
            }
        };
        let mut dependencies = Vec::new();
        let mut times = None;
        if let Some(provenance) = &self.wanted.provenance {
            dependencies = self.dependencies(store)?;
            let fixed = provenance.reproducible || self.planned.graph.source_date_epoch.is_some();
            let told = |time: Time| format_time(time.seconds, 0);
            times = (!fixed).then(|| (told(self.began), told(now())));
        }
        Ok(Told {
            testimony: self,
            target,
            inventory,
            dependencies,
            times,
        })
    }

    fn dependencies(&self, store: &Store) -> Result<Vec<Dependency>, BuildError> {
        let used = self.planned.remotes.used().into_iter().map(|used| Dependency {
            uri: without_password(&used.address),
            digest: (used.digest.0.to_owned(), used.digest.1),
        });
        let mut all: Vec<Dependency> = used.collect();
        for step in self.planned.graph.steps.node_weights() {
            let Op::Base(Base::Image {
                reference, platform, ..
            }) = &step.op
            else {
                continue;
            };
            let key = ImageKey {
                reference: reference.clone(),
                platform: platform.clone(),
            };
            let digest = self.planned.bases.image(&key)?.pinned(store)?;
            let uri = match reference.parse::<Reference>() {
                Ok(name) => image_url(&name, Some(platform)),
                Err(_) => reference.clone(),
            };
            all.push(Dependency {
                uri,
                digest: ("sha256".to_owned(), digest.hex()),
            });
        }
        Ok(all)
    }
}

impl Told<'_> {
    /// What could not be read while the files were looked at.
    pub(super) fn notes(&self) -> impl Iterator<Item = &str> {
        self.inventory.iter().flat_map(|it| &it.notes).map(String::as_str)
    }

    /// What stands beside an image in an index, or refers to it.
    pub(super) fn attestations(
        &self,
        subject: &export::Subject<'_>,
        index: bool,
    ) -> Result<Vec<Attestation>, export::ExportError> {
        let platform = subject.config.platform();
        let mut layers = BTreeMap::new();
        let own = self.target.history.iter().filter_map(|it| it.step);
        let own: Vec<_> = own.collect();
        let base = subject.manifest.layers.len().saturating_sub(own.len());
        for (step, layer) in own.into_iter().zip(&subject.manifest.layers[base..]) {
            layers.insert(step, vec![layer.clone()]);
        }
        let config = &subject.manifest.config.digest;
        let predicates = self.predicates(subject.names, config, subject.config, layers);
        let subjects = subjects(subject.names, &platform, &subject.descriptor.digest);
        let attestation = |artifact: Artifact| Attestation {
            manifest: artifact.manifest,
            blobs: artifact.blobs,
        };
        if index {
            let statements = predicates
                .iter()
                .map(|it| (it, it.statement(StatementForm::V01, &subjects)))
                .collect();
            return Ok(vec![attestation(attest::beside(statements))]);
        }
        let referring = predicates.iter().map(|it| {
            let statement = it.statement(StatementForm::V1, &subjects);
            attestation(attest::referrer(subject.descriptor, it, statement))
        });
        Ok(referring.collect())
    }

    /// Files with statements about an image that has no manifest: their names and contents.
    pub(super) fn files(
        &self,
        names: &[Reference],
        id: &BlobDigest,
        config: &ImageConfig,
    ) -> Vec<(&'static str, Vec<u8>)> {
        let subjects = subjects(names, &config.platform(), id);
        let predicates = self.predicates(names, id, config, BTreeMap::new());
        let file = |it: &Predicate| (it.file_name(), it.statement(StatementForm::V1, &subjects));
        predicates.iter().map(file).collect()
    }

    /// All that is said.
    pub(super) fn predicates(
        &self,
        names: &[Reference],
        id: &BlobDigest,
        config: &ImageConfig,
        layers: BTreeMap<crate::plan::StepId, Vec<crate::oci::Descriptor>>,
    ) -> Vec<Predicate> {
        let Testimony {
            wanted,
            planned,
            source,
            args,
            locals,
            ..
        } = self.testimony;
        let mut all = Vec::new();
        if let Some(asked) = &wanted.provenance {
            let dockerfile = (source.path.as_str(), planned.source.text());
            let provenance = Provenance {
                graph: &planned.graph,
                detail: asked.detail,
                source: source.clone(),
                dockerfile,
                args: args.clone(),
                locals: locals.clone(),
                dependencies: self.dependencies.clone(),
                complete: locals.is_empty(),
                builder_platform: Platform::host().to_string(),
                builder: asked.builder.clone(),
                reproducible: asked.reproducible,
                times: self.times.clone().filter(|_| asked.detail == Detail::Max),
                layers,
            };
            all.push(provenance.predicate(asked.version));
        }
        if let (Some(form), Some(inventory)) = (wanted.bill, &self.inventory) {
            let url = names.first().map(|name| image_url(name, Some(&config.platform())));
            let name = names.first().map_or_else(|| "image".to_owned(), Reference::familiar);
            let described = Described {
                name: &name,
                url: url.as_deref(),
                digest: id,
                created: config.created.as_deref().unwrap_or("1970-01-01T00:00:00Z"),
            };
            all.push(attest::bill(form, &described, inventory));
        }
        all
    }
}

/// An image under each of its names, or without any.
pub(super) fn subjects(names: &[Reference], platform: &Platform, digest: &BlobDigest) -> Vec<Subject> {
    let subject = |name| Subject { name, digest: *digest };
    match names.is_empty() {
        true => vec![subject("_".to_owned())],
        false => names
            .iter()
            .map(|name| subject(image_url(name, Some(platform))))
            .collect(),
    }
}

/// Where the Dockerfile came from.
fn source(planned: &Planned<'_>, request: &Request) -> ConfigSource {
    let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    let path = match &request.dockerfile {
        // Where a file of this machine lies is nobody's business.
        DockerfileSource::File(path) if path.is_relative() => path.display().to_string(),
        DockerfileSource::File(path) => last(&path.to_string_lossy()),
        DockerfileSource::Url(address) => without_password(address),
        DockerfileSource::Context | DockerfileSource::Text { .. } => last(planned.source.name()),
    };
    let address = match &request.context {
        ContextSource::Git(source) => Some(match &source.reference {
            Some(reference) => format!("{}#{reference}", source.public_remote()),
            None => source.public_remote(),
        }),
        ContextSource::Url(address) => crate::http::Url::parse(address).ok().map(|url| url.to_string()),
        ContextSource::Directory(_) | ContextSource::Stream(_) => None,
    };
    let used = planned.remotes.used();
    let used = used.iter().find(|used| Some(&used.address) == address.as_ref());
    ConfigSource {
        digest: used.map(|used| (used.digest.0.to_owned(), used.digest.1.clone())),
        uri: address.map(|address| without_password(&address)),
        path,
    }
}

/// What was asked, under the names of BuildKit's frontend.
fn args(request: &Request) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    if let Some(target) = &request.target {
        args.insert("target".to_owned(), target.clone());
    }
    if !request.platforms.is_empty() {
        args.insert("platform".to_owned(), request.platforms.join(","));
    }
    if let DockerfileSource::File(path) = &request.dockerfile
        && path.is_relative()
    {
        args.insert("filename".to_owned(), path.display().to_string());
    }
    if request.no_cache || !request.no_cache_stages.is_empty() {
        args.insert("no-cache".to_owned(), request.no_cache_stages.join(","));
    }
    match request.network {
        Network::Default => {}
        Network::None => drop(args.insert("force-network-mode".to_owned(), "none".to_owned())),
        Network::Host => drop(args.insert("force-network-mode".to_owned(), "host".to_owned())),
    }
    for (kind, pairs) in [("build-arg", &request.build_args), ("label", &request.labels)] {
        for (name, value) in pairs {
            args.insert(format!("{kind}:{name}"), value.clone());
        }
    }
    args
}
