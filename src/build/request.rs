//! What a build is asked to do, as a value.

use crate::agent::Agents;
use crate::attest::{BillForm, Detail, SlsaVersion};
use crate::exchange::Place;
use crate::execute::{Rights, Secret};
use crate::git;
use crate::http;
use crate::layer::Compression;
use crate::oci::{Platform, Reference};
use crate::pins::Ledger;
use crate::plan::{GitSource, Network};
use crate::registry;
use crate::sandbox::GroupLimits;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// One build.
#[derive(Debug)]
pub struct Request {
    /// The user's files.
    pub context: ContextSource,
    /// The Dockerfile.
    pub dockerfile: DockerfileSource,
    /// Stage to build; the last one when absent.
    pub target: Option<String>,
    /// Names of the image.
    pub tags: Vec<Reference>,
    /// Values of ARGs, in the order given.
    pub build_args: Vec<(String, String)>,
    /// Further contexts by name.
    pub named_contexts: Vec<(String, NamedContext)>,
    /// Labels of the image.
    pub labels: Vec<(String, String)>,
    /// Values for `RUN --mount=type=secret`, by id.
    pub secrets: BTreeMap<String, Secret>,
    /// Agents for `RUN --mount=type=ssh`, by id.
    pub agents: Agents,
    /// Do not look anything up in the cache.
    pub no_cache: bool,
    /// Stages in which nothing is looked up in the cache.
    pub no_cache_stages: Vec<String>,
    /// Network of RUN steps that do not say.
    pub network: Network,
    /// Names and addresses for RUN steps' `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Size of `/dev/shm` in RUN steps, in bytes.
    pub shm_size: Option<u64>,
    /// Limits of RUN steps: name, soft and hard value.
    pub ulimits: Vec<(String, u64, u64)>,
    /// The control group in which those of RUN steps are made.
    pub cgroup_parent: Option<String>,
    /// Limits of memory and processors for each RUN step.
    pub limits: GroupLimits,
    /// What RUN steps may ask for.
    pub rights: Rights,
    /// What is built for: `local`, or platforms; this machine's when there is none.
    pub platforms: Vec<String>,
    /// Content of `/etc/resolv.conf` in RUN steps.
    pub resolv_conf: String,
    /// How servers are reached.
    pub http: http::Settings,
    /// How git repositories are reached.
    pub git: git::Settings,
    /// How registries are reached.
    pub registries: registry::Settings,
    /// When images are pulled.
    pub pull: Pull,
    /// What may be used of the outside.
    pub ledger: Arc<Ledger>,
    /// What becomes of the result.
    pub outputs: Vec<Output>,
    /// Whether the image's manifest is to be told, so that it is made whatever the outputs are.
    pub needs_manifest: bool,
    /// Notes on the image, for all outputs that have a place for them.
    pub annotations: Vec<Annotation>,
    /// What is said of the image, beside or about it.
    pub attestations: Attestations,
    /// Steps that may run at once.
    pub jobs: NonZeroUsize,
    /// Where results of other machines are looked for, in this order.
    pub cache_from: Vec<CacheFrom>,
    /// Where results are put for other machines.
    pub cache_to: Vec<CacheTo>,
}

/// Where results of other machines are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFrom {
    /// The place.
    pub place: Place,
    /// Ids of cache mounts that are filled from it when they are new.
    pub mounts: Vec<String>,
}

/// Where results are put for other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheTo {
    /// The place; `None` for the image itself.
    pub place: Option<Place>,
    /// Whether layers of all steps are wanted, and not only those of the image.
    pub max: bool,
    /// How layers travel; as those of the image when absent.
    pub compression: Option<Compression>,
    /// Whether the build succeeds when this fails.
    pub ignore_error: bool,
    /// Ids of cache mounts that are put there as well.
    pub mounts: Vec<String>,
}

impl Request {
    /// Whether the result is an index, even of one image: BuildKit's `BUILDKIT_MULTI_PLATFORM` asks for that.
    pub(super) fn has_index(&self, platforms: &[Platform]) -> bool {
        let asked = self
            .build_args
            .iter()
            .rev()
            .find(|(name, _)| name == "BUILDKIT_MULTI_PLATFORM");
        platforms.len() > 1
            || asked.is_some_and(|(_, value)| matches!(&**value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
    }
}

/// What is said of an image; by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attestations {
    /// How it was built.
    pub provenance: Option<ProvenanceRequest>,
    /// What is in it.
    pub bill: Option<BillForm>,
    /// Whether it stands in an index beside the image, as BuildKit has it. Otherwise it refers to the image, which stays
    /// as it is without it.
    pub index: bool,
}

impl Attestations {
    /// Whether nothing is to be said.
    pub fn is_empty(&self) -> bool {
        self.provenance.is_none() && self.bill.is_none()
    }
}

/// What is told of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProvenanceRequest {
    /// How much.
    pub detail: Detail,
    /// In which version of the predicate.
    pub version: SlsaVersion,
    /// Who builds, a URI.
    pub builder: String,
    /// Somebody promises that the same inputs give the same image.
    pub reproducible: bool,
}

/// When base images are pulled. One that is named by its digest can't change, and is pulled only when it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// When the store has none of that name.
    #[default]
    Missing,
    /// Always, if the registry has another one by now.
    Always,
    /// Never.
    Never,
}

/// One thing to hand out.
#[derive(Debug)]
pub struct Output {
    /// In which form.
    pub kind: OutputKind,
    /// Where to; [`OutputKind::Nothing`], [`OutputKind::Store`] and [`OutputKind::Registry`] need none.
    pub destination: Option<Destination>,
    /// How layers of this build travel.
    pub compression: Compression,
    /// Whether layers of the base image are compressed the same way.
    pub force_compression: bool,
    /// Whether later times of files are set to `SOURCE_DATE_EPOCH`.
    pub rewrite_timestamp: bool,
    /// OCI's media types, or Docker's; absent means what is usual for the form.
    pub oci_media_types: Option<bool>,
    /// Whether the image gets no tags in its registries.
    pub by_digest: bool,
    /// Further names of the image.
    pub names: Vec<Reference>,
    /// Whether its names in the store also stand there with its digest.
    pub name_canonical: bool,
    /// What an image without a name is called in the store, with its digest behind it.
    pub dangling_prefix: Option<Reference>,
    /// Whether files are written to a folder for each platform; by default where there are several.
    pub platform_split: Option<bool>,
    /// The moment that counts in place of `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: Option<i64>,
    /// Notes on the image in this output alone; those of the request come after them.
    pub annotations: Vec<Annotation>,
}

impl Output {
    /// One of which nothing special is asked.
    pub fn new(kind: OutputKind, destination: Option<Destination>) -> Self {
        Self {
            kind,
            destination,
            compression: Compression::GZIP,
            force_compression: false,
            rewrite_timestamp: false,
            oci_media_types: None,
            by_digest: false,
            names: Vec::new(),
            name_canonical: false,
            dangling_prefix: None,
            platform_split: None,
            epoch: None,
            annotations: Vec::new(),
        }
    }

    /// Whether an image of the store that is made like this is one that nothing was asked of.
    pub(super) fn is_usual(&self) -> bool {
        let usual = self.compression == Compression::GZIP && !self.force_compression && !self.rewrite_timestamp;
        usual && self.oci_media_types.is_none()
    }
}

/// A note on an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// On which document.
    pub place: AnnotationPlace,
    /// For the image of this platform alone.
    pub platform: Option<Platform>,
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// Which document a note is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationPlace {
    /// The manifest of an image.
    Manifest,
    /// The entry of a manifest in an index.
    ManifestDescriptor,
    /// An index of several images.
    Index,
    /// The entry of such an index in a layout.
    IndexDescriptor,
}

/// In which form a result is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Not at all: the build is done and cached.
    Nothing,
    /// An image in the store.
    Store,
    /// An OCI layout, as a tar.
    Oci,
    /// An OCI layout, as a directory.
    OciDirectory,
    /// What `docker load` reads, as a tar.
    Docker,
    /// The same, as a directory.
    DockerDirectory,
    /// In the registries that its names tell of.
    Registry,
    /// The files of the image, as a tar.
    Tar,
    /// The files of the image, in a directory.
    Local,
}

/// Where a result goes.
pub enum Destination {
    /// A file or directory.
    Path(PathBuf),
    /// A stream, such as standard output.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Where the user's files are.
pub enum ContextSource {
    /// A directory.
    Directory(PathBuf),
    /// A stream: a tar, compressed or not, or a Dockerfile that needs no files.
    Stream(Box<dyn Read + Send>),
    /// A commit of a git repository.
    Git(Box<GitSource>),
    /// A page: a tar, compressed or not, or a Dockerfile, which then is the only file, under the name `context`.
    Url(String),
}

impl fmt::Debug for ContextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Git(source) => write!(f, "Git({source})"),
            Self::Url(_) => f.write_str("Url"),
        }
    }
}

/// Where the Dockerfile is.
#[derive(Debug)]
pub enum DockerfileSource {
    /// `Dockerfile` in the context, or `dockerfile`.
    Context,
    /// A file; a relative path that does not exist is looked for in the context too. Beside a context that comes over
    /// the network, only absolute paths are this machine's.
    File(PathBuf),
    /// A page.
    Url(String),
    /// The text itself, with a name for messages.
    Text {
        /// Shown before line numbers.
        name: String,
        /// The Dockerfile.
        text: String,
    },
}

/// A context with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory.
    Directory(PathBuf),
    /// An OCI layout, as a directory or a tar of one, and which of its images: a tag or a digest.
    Layout {
        /// Where.
        path: PathBuf,
        /// After `:` or `@`.
        selector: Option<String>,
    },
    /// An image by name.
    Image(String),
    /// A commit of a git repository.
    Git(Box<GitSource>),
    /// A page, as a file with the name `context`.
    Url(String),
}
