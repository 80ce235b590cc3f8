//! Steps: what a build does, as values.

use super::{GitSource, Outline};
use crate::diagnostic::Span;
use crate::digest::DiffId;
use crate::oci::ImageConfig;
use crate::oci::Platform;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

/// A step's place in [`Graph::steps`].
pub type StepId = NodeIndex<u32>;

/// Why one step needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Its tree is the root file system that the step starts from.
    Root,
    /// Its tree is copied from, mounted, or the beginning of a cache mount.
    Source,
}

/// What a build does, and in which order it may.
///
/// A step is added after everything that it needs: the order of the indices is one in which all could be done.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Steps; an edge goes from the needed step to the step that needs it.
    pub steps: StableDiGraph<Step, Need>,
    /// The stage to hand out.
    pub target: Target,
    /// The same stage for further platforms.
    pub others: Vec<Target>,
    /// `SOURCE_DATE_EPOCH`: seconds since 1970 that no time of the result may exceed.
    pub source_date_epoch: Option<i64>,
    /// What may be given to this build.
    pub outline: Outline,
}

impl Graph {
    /// What is handed out, in the order of the platforms that were asked for.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.target).chain(&self.others)
    }
}

/// The stage to hand out: its last step and everything that is not a step.
#[derive(Debug, Clone)]
pub struct Target {
    /// The step whose tree is the image's root file system.
    pub step: StepId,
    /// The config: `rootfs` and `created` are those of the base, `history` is the base's.
    pub config: ImageConfig,
    /// The history that this Dockerfile adds.
    pub history: Vec<HistoryEntry>,
    /// The platform that was asked for; the config may tell of another one.
    pub platform: Platform,
}

/// A line of history; its time is that of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// In Docker's spelling.
    pub created_by: String,
    /// The step that made the layer; `None` when there is no layer.
    pub step: Option<StepId>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The stage's name, or its number when it has none.
    pub stage: String,
    /// Which of how many steps of its stage it is, counted from 1; FROM is the first.
    pub position: (usize, usize),
    /// For which machines its tree is, and so the commands in it.
    pub platform: Platform,
    /// The platform for progress, in a build for several: that of the stage, and where it builds for another one, that.
    pub shown_platform: Option<String>,
    /// The instruction as a line for progress: keyword and arguments after expansion, secrets masked.
    pub title: String,
    /// The instruction's place in the Dockerfile; `None` for what ONBUILD triggers of a base image bring.
    pub span: Option<Span>,
    /// The cache is not asked for it: `--no-cache`, or `--no-cache-filter` names the stage.
    pub no_cache: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// An empty tree, or an image's.
    Base(Base),
    /// A command.
    Run(Run),
    /// Files from somewhere.
    Copy(Copy),
    /// A directory that must exist.
    Workdir(Workdir),
}

/// Where a stage begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// `FROM scratch`: an empty tree.
    Scratch,
    /// An image.
    Image {
        /// The reference as expanded, which the resolver of bases knows.
        reference: String,
        /// Which of its images.
        platform: Platform,
        /// Its layers, lowest first.
        layers: Vec<DiffId>,
    },
    /// A named context that is a directory, used as a stage.
    Directory {
        /// The context's name.
        name: String,
    },
}

/// RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Program and arguments; the shell form has the shell in front.
    pub argv: Vec<String>,
    /// The environment in scope, ENV and ARG, in order, without PATH's and HOME's defaults.
    pub env: Vec<(String, String)>,
    /// Proxy variables that were given but not declared: in the process' environment, not in the key.
    pub proxy_env: Vec<(String, String)>,
    /// `user[:group]` by name or number; empty is root.
    pub user: String,
    /// Absolute.
    pub workdir: String,
    /// Which network the command sees.
    pub network: Network,
    /// `--security=insecure`.
    pub insecure: bool,
    /// `--mount`, in order.
    pub mounts: Vec<Mount>,
    /// Files given by heredocs with `#!`: name below `/dev/pipes/` and body.
    pub scripts: Vec<(String, String)>,
    /// Host name.
    pub hostname: String,
    /// `--add-host`: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// `--shm-size` in bytes.
    pub shm_size: Option<u64>,
    /// `--ulimit`: name, soft and hard value.
    pub ulimits: Vec<(String, u64, u64)>,
    /// `--cgroup-parent`.
    pub cgroup_parent: Option<String>,
}

/// Which network a command sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// The build's usual network.
    Default,
    /// Only a loopback interface of its own.
    None,
    /// The machine's.
    Host,
}

/// One `--mount` of a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute; for secrets and ssh possibly a default. Empty when a secret only goes into the environment.
    pub target: String,
    /// What is mounted.
    pub kind: MountKind,
    /// Writes are refused.
    pub read_only: bool,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// Part of the context or of a step's tree; writes are discarded.
    Bind {
        /// Where from.
        from: From,
        /// Path in it, relative to its root; empty is all of it.
        source: String,
    },
    /// A directory that outlives the build.
    Cache {
        /// Its name.
        id: String,
        /// Who may use it at once.
        sharing: Sharing,
        /// What a new one begins with: a tree and a path in it.
        seed: Option<(From, String)>,
        /// Mode of a new one.
        mode: u16,
        /// Owner of a new one.
        uid: u32,
        /// Group of a new one.
        gid: u32,
    },
    /// Memory that is gone with the command.
    Tmpfs {
        /// In bytes.
        size: Option<u64>,
    },
    /// A value that leaves no trace.
    Secret {
        /// Its name.
        id: String,
        /// The variable that holds it.
        env: Option<String>,
        /// A missing one is an error.
        required: bool,
        /// Mode of the file.
        mode: u16,
        /// Owner of the file.
        uid: u32,
        /// Group of the file.
        gid: u32,
    },
    /// A forwarded agent.
    Ssh {
        /// Its name.
        id: String,
        /// A missing one is an error.
        required: bool,
        /// Mode of the socket.
        mode: u16,
        /// Owner of the socket.
        uid: u32,
        /// Group of the socket.
        gid: u32,
    },
}

/// Who may use a cache mount at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Everybody.
    Shared,
    /// Whoever finds it in use gets another.
    Private,
    /// One after the other.
    Locked,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The build context.
    Context,
    /// A named context that is a local directory.
    Named(String),
    /// A step's tree.
    Step(StepId),
}

/// COPY and ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where path sources come from.
    pub from: From,
    /// What, in order; expanded.
    pub sources: Vec<Source>,
    /// Absolute; ends with `/` when it must be a directory.
    pub destination: String,
    /// `--chown`, expanded.
    pub chown: Option<String>,
    /// `--chmod`, expanded; octal digits or symbolic clauses, already validated.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`.
    pub excludes: Vec<String>,
    /// ADD rather than COPY.
    pub add: bool,
    /// ADD's `--unpack`; `None` unpacks local archives only.
    pub unpack: Option<bool>,
    /// ADD's `--checksum` of a URL.
    pub checksum: Option<String>,
}

/// One source of a COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path or wildcard pattern.
    Path(String),
    /// A heredoc: file name and content.
    Inline {
        /// The heredoc's name.
        name: String,
        /// After expansion.
        body: String,
    },
    /// ADD from http or https.
    Url(String),
    /// ADD from git.
    Git {
        /// What is fetched, with what the instruction's flags say.
        source: Box<GitSource>,
        /// As written, expanded.
        text: String,
    },
}

/// WORKDIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workdir {
    /// Absolute, clean.
    pub path: String,
    /// Further directories to make first: those that the path as written enters and leaves by `..`. Absolute, clean.
    pub passes: Vec<String>,
    /// Who owns directories that it makes: the stage's USER.
    pub user: String,
}
