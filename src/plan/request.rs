//! What is asked of a build, and what the answer may be.

use super::{EpochAnswer, EpochSource, Graph, Network};
use crate::diagnostic::{Diagnostic, Span};
use crate::dockerfile::Dockerfile;
use crate::oci::Platform;
use std::collections::BTreeMap;

/// A build, as far as its plan depends on it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The tree; it parsed without errors.
    pub dockerfile: &'a Dockerfile,
    /// `--build-arg`, in order.
    pub build_args: &'a [(String, String)],
    /// `--target`; the last stage when absent.
    pub target: Option<&'a str>,
    /// `--build-context`, by name.
    pub named_contexts: &'a BTreeMap<String, NamedContext>,
    /// `--label`, in order.
    pub labels: &'a [(String, String)],
    /// The machine that builds.
    pub build_platform: Platform,
    /// What is built for.
    pub target_platform: Platform,
    /// Whether somebody asked for this platform, so that the image is for it whatever its base says.
    pub is_platform_asked_for: bool,
    /// Whether this is one of several platforms, which then stand before each step.
    pub shows_platform: bool,
    /// Which stages do not ask the cache.
    pub no_cache: NoCache,
    /// The network of a RUN that does not choose one.
    pub network: Network,
    /// The host name that a RUN sees; the build arg `BUILDKIT_SANDBOX_HOSTNAME` overrides it.
    pub hostname: String,
    /// `--add-host`: name and address.
    pub extra_hosts: &'a [(String, String)],
    /// `--shm-size` in bytes.
    pub shm_size: Option<u64>,
    /// `--ulimit`: name, soft and hard value.
    pub ulimits: &'a [(String, u64, u64)],
    /// `--cgroup-parent`.
    pub cgroup_parent: Option<&'a str>,
    /// What the source of `SOURCE_DATE_EPOCH` says, once it was asked.
    pub epoch: Option<&'a EpochAnswer>,
}

/// The host name that BuildKit gives to a RUN.
pub const DEFAULT_HOSTNAME: &str = "buildkitsandbox";

impl<'a> Request<'a> {
    /// A build of the last stage, for the platform that builds, with nothing asked for.
    pub fn new(
        dockerfile: &'a Dockerfile,
        platform: Platform,
        named_contexts: &'a BTreeMap<String, NamedContext>,
    ) -> Self {
        Self {
            dockerfile,
            build_args: &[],
            target: None,
            named_contexts,
            labels: &[],
            build_platform: platform.clone(),
            target_platform: platform,
            is_platform_asked_for: false,
            shows_platform: false,
            no_cache: NoCache::None,
            network: Network::Default,
            hostname: DEFAULT_HOSTNAME.to_owned(),
            extra_hosts: &[],
            shm_size: None,
            ulimits: &[],
            cgroup_parent: None,
            epoch: None,
        }
    }
}

/// A named context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// Files that are no image: a directory, a commit of a repository, a page.
    Directory,
    /// No files at all: the image `scratch`.
    Nothing,
    /// An image.
    Image {
        /// What the resolver of bases understands: `oci-layout://…`, a reference, whatever it handles.
        reference: String,
    },
}

/// Which stages do not ask the cache. Only RUN, COPY and ADD are affected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NoCache {
    /// All steps ask.
    #[default]
    None,
    /// No step asks.
    All,
    /// Steps of these stages, by name or number, do not ask.
    Stages(Vec<String>),
}

/// An image as the resolver of bases finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageKey {
    /// The reference as expanded, or as a named context gives it.
    pub reference: String,
    /// Which of its images.
    pub platform: Platform,
}

/// An image whose config is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageNeed {
    /// The image.
    pub key: ImageKey,
    /// The place that names it.
    pub span: Option<Span>,
    /// A stage or named context of a similar name, to suggest when the image can't be found.
    pub near: Option<String>,
}

/// What came of lowering.
#[derive(Debug)]
pub enum Outcome {
    /// The plan.
    Ready(Box<Graph>),
    /// The moment that `SOURCE_DATE_EPOCH` names is needed first, if there is one. Then lower again.
    NeedsEpoch(EpochSource),
    /// Configs of these images are needed first. Then lower again: triggers of a base may need more.
    NeedsImages(Vec<ImageNeed>),
}

/// What came of lowering, and what is odd about it.
#[derive(Debug)]
pub struct Lowered {
    /// The plan, or what is missing for one.
    pub outcome: Outcome,
    /// Nothing that stops the build.
    pub warnings: Vec<Diagnostic>,
}
