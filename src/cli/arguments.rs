//! What can be typed, each flag described once.
//!
//! Flags of `build` are named as `docker build` names them.

use super::images::arguments::{
    BuilderCommand, DfArguments, HistoryArguments, ImageCommand, ImagesArguments, InspectArguments, LoadArguments,
    PruneArguments, PullArguments, RemoveArguments, SaveArguments, SystemCommand, TagArguments,
};
use super::lint::LintArguments;
use super::manifest::ManifestCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Builds container images from Dockerfiles.
#[derive(Debug, Parser)]
#[command(name = "varve", version, about, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build an image from a Dockerfile
    Build(Box<BuildArguments>),
    /// Run a command in a new container made from an image of the store
    Run(Box<RunArguments>),
    /// Write down the digests of all that a build gets from elsewhere: images, pages and commits
    Lock(Box<LockArguments>),
    /// Push an image of the store to a registry
    Push(PushArguments),
    /// Log in to a registry
    Login(LoginArguments),
    /// Forget the password of a registry
    Logout(LogoutArguments),
    /// List the images of the store
    Images(ImagesArguments),
    /// Find what is unwise in Dockerfiles
    Lint(Box<LintArguments>),
    /// Lay Dockerfiles out evenly
    Fmt(FmtArguments),
    /// Answer an editor about Dockerfiles: a language server on standard input and output
    Lsp(LspArguments),
    /// Tell all about images
    Inspect(InspectArguments),
    /// Tell how the layers of an image came about
    History(HistoryArguments),
    /// Give an image another name
    Tag(TagArguments),
    /// Remove names of images, and images without a name
    Rmi(RemoveArguments),
    /// Fetch an image from its registry
    Pull(PullArguments),
    /// Write images to an archive
    Save(SaveArguments),
    /// Read images from an archive
    Load(LoadArguments),
    /// Remove what is not needed
    Prune(PruneArguments),
    /// Tell what the store takes up
    Df(DfArguments),
    /// Work with images of the store
    #[command(subcommand)]
    Image(ImageCommand),
    /// Work with indexes of several images
    #[command(subcommand)]
    Manifest(ManifestCommand),
    /// Work with results of earlier builds
    #[command(subcommand)]
    Builder(BuilderCommand),
    /// Look after the store
    #[command(subcommand)]
    System(SystemCommand),
    /// Look at Dockerfiles without building them
    #[command(subcommand)]
    Dockerfile(DockerfileCommand),
    /// Show the version
    Version,
}

#[derive(Debug, Args)]
pub(super) struct LspArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Accepted, since many clients give it: there is no other way
    #[arg(long)]
    pub(super) stdio: bool,
}

#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// Directory of the store [default: /var/lib/varve for root, the user's data directory otherwise]
    #[arg(long, value_name = "DIR", env = "VARVE_ROOT", hide_env_values = true)]
    pub(super) root: Option<PathBuf>,
}

// Of a flag given twice the last counts, as with `docker`; scripts add theirs to those of an alias.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(super) struct BuildArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Build context: a directory, a git repository, the URL of a tar or Dockerfile, or `-` for a tar (or a Dockerfile)
    /// on standard input
    #[arg(value_name = "CONTEXT")]
    pub(super) context: PathBuf,

    /// Name of the image, as NAME[:TAG]; repeatable
    #[arg(short = 't', long = "tag", value_name = "NAME")]
    pub(super) tags: Vec<String>,

    /// Dockerfile, its URL, or `-` for standard input [default: CONTEXT/Dockerfile]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// Stage to build [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub(super) target: Option<String>,

    /// Value of an ARG; without a value, that of the environment variable; repeatable
    #[arg(long = "build-arg", value_name = "KEY[=VALUE]")]
    pub(super) build_args: Vec<String>,

    /// Another context under a name: a directory, oci-layout://PATH[:TAG|@DIGEST], docker-image://NAME, a git repository
    /// or a URL; repeatable
    #[arg(long = "build-context", value_name = "NAME=VALUE")]
    pub(super) build_contexts: Vec<String>,

    /// Label of the image; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(super) labels: Vec<String>,

    /// Secret for RUN --mount=type=secret and for private repositories and pages: id=ID[,src=FILE|,env=NAME]; repeatable
    #[arg(long = "secret", value_name = "SPEC")]
    pub(super) secrets: Vec<String>,

    /// Agent for RUN --mount=type=ssh: default, or ID=SOCKET, or ID=KEYFILE[,KEYFILE]; repeatable
    #[arg(long = "ssh", value_name = "SPEC")]
    pub(super) ssh: Vec<String>,

    /// Do not use results of earlier builds
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    pub(super) no_cache: bool,

    /// Stages that do not use results of earlier builds; repeatable, or with commas
    #[arg(long = "no-cache-filter", value_name = "STAGE", value_delimiter = ',')]
    pub(super) no_cache_filter: Vec<String>,

    /// Network of RUN steps
    #[arg(long, value_enum, default_value_t = NetworkArgument::Default)]
    pub(super) network: NetworkArgument,

    /// Entry of RUN steps' /etc/hosts; repeatable
    #[arg(long = "add-host", value_name = "NAME:ADDRESS")]
    pub(super) add_hosts: Vec<String>,

    /// Size of /dev/shm in RUN steps, such as 128m
    #[arg(long, value_name = "BYTES")]
    pub(super) shm_size: Option<String>,

    /// Limit of RUN steps, as NAME=SOFT[:HARD]; repeatable
    #[arg(long = "ulimit", value_name = "SPEC")]
    pub(super) ulimits: Vec<String>,

    /// Control group in which those of RUN steps are made
    #[arg(long, value_name = "PATH")]
    pub(super) cgroup_parent: Option<String>,

    /// Limit of each RUN step: memory, memory-swap, cpu-shares, cpu-period, cpu-quota, cpuset-cpus or cpuset-mems,
    /// as KEY=VALUE; repeatable
    #[arg(long = "resource", value_name = "KEY=VALUE")]
    pub(super) resources: Vec<String>,

    #[command(flatten)]
    pub(super) older_limits: OlderLimits,

    /// Grant a right that a Dockerfile asks for: security.insecure or network.host; repeatable
    #[arg(long = "allow", value_name = "RIGHT")]
    pub(super) allow: Vec<String>,

    /// Platform of the image; repeatable, or with commas: several make an index
    #[arg(
        long = "platform",
        value_name = "OS/ARCH[/VARIANT]",
        value_delimiter = ',',
        env = "DOCKER_DEFAULT_PLATFORM"
    )]
    pub(super) platforms: Vec<String>,

    /// When to fetch base images from their registries; alone it means `always`
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
        default_missing_value = "always", default_value_t = PullArgument::Missing)]
    pub(super) pull: PullArgument,

    /// Use of the outside only what a lock file says, which `varve lock` writes [default: the Dockerfile's name and
    /// `.lock`]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) locked: Option<OsString>,

    #[command(flatten)]
    pub(super) servers: ServerArguments,

    /// Where the result goes: a directory, `-` for a tar on standard output, or
    /// type=oci|docker|tar|local|image|registry|cacheonly[,dest=PATH][,push=true][,compression=gzip|zstd|uncompressed];
    /// repeatable
    #[arg(short = 'o', long = "output", value_name = "SPEC")]
    pub(super) outputs: Vec<String>,

    /// Push the image to the registries that its names tell of; the same as -o type=registry
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    pub(super) push: bool,

    /// Load the image into the docker or podman of this machine
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        action = clap::ArgAction::Set)]
    pub(super) load: bool,

    /// Question to answer in place of building: build, check, outline, targets or subrequests.describe, and possibly
    /// ,format=json
    #[arg(long, value_name = "METHOD", default_value = "build")]
    pub(super) call: String,

    /// Note on the image, as [PLACE[PLATFORM]:]KEY=VALUE, PLACE being manifest (the default), manifest-descriptor,
    /// index or index-descriptor; repeatable
    #[arg(long = "annotation", value_name = "SPEC")]
    pub(super) annotations: Vec<String>,

    /// Reuse results that other builds have put there: REF, or type=registry,ref=REF (a cache, or an image with inline
    /// records), or type=local,src=DIR; repeatable, asked in this order
    #[arg(long = "cache-from", value_name = "SPEC")]
    pub(super) cache_from: Vec<String>,

    /// Put results there for other builds: REF, or type=registry,ref=REF, type=local,dest=DIR or type=inline, with
    /// [,mode=min|max][,compression=gzip|zstd|uncompressed][,ignore-error=true]; repeatable
    #[arg(long = "cache-to", value_name = "SPEC")]
    pub(super) cache_to: Vec<String>,

    /// Say how the image was built: true, false, or mode=min|max[,version=v1|v0.2][,builder-id=URI][,reproducible=true]
    #[arg(long, value_name = "SPEC", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) provenance: Option<String>,

    /// Say what software is in the image: true, false, or format=spdx|cyclonedx
    #[arg(long, value_name = "SPEC", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) sbom: Option<String>,

    /// The same in one flag, as type=provenance|sbom[,disabled=true][,form=referrers|index] with what the others take;
    /// repeatable
    #[arg(long = "attest", value_name = "SPEC")]
    pub(super) attest: Vec<String>,

    /// Look at the Dockerfile instead of building it; the same as --call=check
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    pub(super) check: bool,

    /// How to show progress [default: $BUILDKIT_PROGRESS, or auto]
    #[arg(long, value_enum)]
    pub(super) progress: Option<Progress>,

    /// Print the image ID only
    #[arg(short = 'q', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    pub(super) quiet: bool,

    /// Write the image ID to a file
    #[arg(long, value_name = "FILE")]
    pub(super) iidfile: Option<PathBuf>,

    /// Write what was made to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) metadata_file: Option<PathBuf>,

    /// Steps that may run at once
    #[arg(long, value_name = "NUMBER", default_value = "16")]
    pub(super) jobs: std::num::NonZeroUsize,
}

// What decides what a build needs is given as for the build.
#[derive(Debug, Args)]
#[command(mut_arg("check", |arg| arg.help("Change nothing; tell what would change, and end with 1 if there is anything")))]
#[command(mut_arg("locked", |arg| arg.help("File to write [default: the Dockerfile's name and `.lock`]")))]
pub(super) struct LockArguments {
    #[command(flatten)]
    pub(super) build: BuildArguments,

    /// Ask for everything anew, and drop what is not needed; with a name, for this alone; repeatable
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) update: Vec<String>,
}

/// What `--resource` was before, one flag for each key.
#[derive(Debug, Args)]
pub(super) struct OlderLimits {
    #[arg(short = 'm', long, hide = true, value_name = "BYTES")]
    pub(super) memory: Option<String>,

    #[arg(long, hide = true, value_name = "BYTES", allow_hyphen_values = true)]
    pub(super) memory_swap: Option<String>,

    #[arg(short = 'c', long, hide = true, value_name = "NUMBER")]
    pub(super) cpu_shares: Option<String>,

    #[arg(long, hide = true, value_name = "MICROSECONDS")]
    pub(super) cpu_period: Option<String>,

    #[arg(long, hide = true, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    pub(super) cpu_quota: Option<String>,

    #[arg(long, hide = true, value_name = "LIST")]
    pub(super) cpuset_cpus: Option<String>,

    #[arg(long, hide = true, value_name = "LIST")]
    pub(super) cpuset_mems: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PullArgument {
    /// At every build, if the registry has a newer one
    #[value(alias = "true")]
    Always,
    /// When the store has none of that name
    #[value(alias = "false")]
    Missing,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NetworkArgument {
    /// The usual one: the machine's
    Default,
    /// Only a loopback interface
    None,
    /// The machine's
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// `tty` on a terminal, `plain` elsewhere
    Auto,
    /// A line per event
    Plain,
    /// A live view
    Tty,
    /// Nothing
    #[value(alias = "none")]
    Quiet,
    /// A JSON object per event, as BuildKit's status stream has it
    #[value(name = "rawjson")]
    RawJson,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Remove the container when it ends; always so
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true)]
    pub(super) rm: bool,

    /// Keep standard input open
    #[arg(short = 'i', long)]
    pub(super) interactive: bool,

    /// Give the command a terminal [default: when standard input and output are one]
    #[arg(short = 't', long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) tty: Option<bool>,

    /// Environment variable; without a value, that of the caller; repeatable
    #[arg(short = 'e', long = "env", value_name = "KEY[=VALUE]")]
    pub(super) env: Vec<String>,

    /// User, as USER[:GROUP] by name or number
    #[arg(short = 'u', long, value_name = "USER")]
    pub(super) user: Option<String>,

    /// Working directory
    #[arg(short = 'w', long, value_name = "DIR")]
    pub(super) workdir: Option<String>,

    /// First words of the command instead of the image's; empty for none
    #[arg(long, value_name = "PROGRAM")]
    pub(super) entrypoint: Option<String>,

    /// Host name
    #[arg(long, value_name = "NAME")]
    pub(super) hostname: Option<String>,

    /// Network of the container
    #[arg(long, alias = "net", value_enum, default_value_t = NetworkArgument::Default)]
    pub(super) network: NetworkArgument,

    /// Directory or file of the machine to show in the container, as SOURCE:TARGET[:ro]; repeatable
    #[arg(short = 'v', long = "volume", value_name = "SPEC")]
    pub(super) volumes: Vec<String>,

    /// Write an OCI runtime bundle to this directory instead of running
    #[arg(long, value_name = "DIR")]
    pub(super) bundle: Option<PathBuf>,

    /// Image, as NAME[:TAG] or image ID
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,

    /// Command and arguments instead of the image's
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Default, Args)]
pub(super) struct ServerArguments {
    /// Registry that is spoken to without TLS, as HOST[:PORT]; those on this machine always are; repeatable
    #[arg(long = "insecure-registry", value_name = "HOST")]
    pub(super) insecure_registries: Vec<String>,

    /// File with certificates of further authorities to trust, in PEM form; repeatable
    #[arg(long = "ca-cert", value_name = "FILE")]
    pub(super) ca_certs: Vec<PathBuf>,

    /// Place that is asked first for images of a registry, as REGISTRY[/PATH]=HOST[:PORT][/PATH]; repeatable
    #[arg(long = "registry-mirror", value_name = "REGISTRY=PLACE")]
    pub(super) mirrors: Vec<String>,

    /// File with mirrors of registries, in the form of containers' registries.conf or of BuildKit's buildkitd.toml
    /// [default: $CONTAINERS_REGISTRIES_CONF, or registries.conf in ~/.config/containers or /etc/containers, and the
    /// files of registries.conf.d there]
    #[arg(long = "registries-conf", value_name = "FILE")]
    pub(super) registries_conf: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LoginArguments {
    #[command(flatten)]
    pub(super) servers: ServerArguments,

    /// User [default: asked for on the terminal]
    #[arg(short = 'u', long, value_name = "USER")]
    pub(super) username: Option<String>,

    /// Password, which other users of this machine may see; --password-stdin is safer
    #[arg(short = 'p', long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub(super) password: Option<String>,

    /// Read the password from standard input
    #[arg(long)]
    pub(super) password_stdin: bool,

    /// Host of the registry, with its port when that is not the usual one
    #[arg(value_name = "REGISTRY", default_value = "docker.io")]
    pub(super) registry: String,
}

#[derive(Debug, Args)]
pub(super) struct LogoutArguments {
    /// Host of the registry, with its port when that is not the usual one
    #[arg(value_name = "REGISTRY", default_value = "docker.io")]
    pub(super) registry: String,
}

#[derive(Debug, Args)]
pub(super) struct PushArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    #[command(flatten)]
    pub(super) servers: ServerArguments,

    /// Print the digest only
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,

    /// How to show progress [default: auto]
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(super) progress: Progress,

    /// Image, as NAME[:TAG] or image ID
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,

    /// Name to push it to [default: its own]
    #[arg(value_name = "DESTINATION")]
    pub(super) destination: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct FmtArguments {
    /// Files, directories (for all Dockerfiles in them that git does not ignore), patterns, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(super) paths: Vec<PathBuf>,

    /// Change nothing; name the files that would change, and end with 1 if there are any
    #[arg(long)]
    pub(super) check: bool,

    /// Change nothing; show what would change, and end with 1 if there is anything
    #[arg(long)]
    pub(super) diff: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum DockerfileCommand {
    /// Print the tree of a Dockerfile as JSON
    Ast {
        /// Dockerfile, or `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Report what is wrong in Dockerfiles; a directory stands for all Dockerfiles in it that git does not ignore
    Check {
        /// Files and directories
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
    },
}
