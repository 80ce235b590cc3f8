//! What can be typed to work with images.

use crate::cli::arguments::{BuildArguments, ServerArguments, StoreArguments};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Work with images of the store
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ImageCommand {
    /// Build an image from a Dockerfile
    Build(Box<BuildArguments>),
    /// List the images of the store
    #[command(visible_alias = "list")]
    Ls(ImagesArguments),
    /// Tell all about images
    Inspect(InspectArguments),
    /// Tell how the layers of an image came about
    History(HistoryArguments),
    /// Give an image another name
    Tag(TagArguments),
    /// Remove names of images, and images without a name
    #[command(visible_alias = "remove")]
    Rm(RemoveArguments),
    /// Fetch an image from its registry
    Pull(PullArguments),
    /// Write images to an archive
    Save(SaveArguments),
    /// Read images from an archive
    Load(LoadArguments),
    /// Remove what is not needed
    Prune(PruneArguments),
}

/// Work with results of earlier builds
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BuilderCommand {
    /// Build an image from a Dockerfile
    Build(Box<BuildArguments>),
    /// Remove results of earlier builds
    Prune(PruneArguments),
}

/// Look after the store
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SystemCommand {
    /// Tell what the store takes up
    Df(DfArguments),
    /// Remove what is not needed
    Prune(PruneArguments),
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct ImagesArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Images of this name only, as REPOSITORY[:TAG]; `*` stands for any part without a slash
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,

    /// All images; always so
    #[arg(short = 'a', long)]
    pub(super) all: bool,

    /// Images of one kind only: reference=PATTERN, dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE or
    /// until=TIME; repeatable
    #[arg(short = 'f', long = "filter", value_name = "FILTER")]
    pub(super) filters: Vec<String>,

    /// Show the digests under which images were pulled
    #[arg(long)]
    pub(super) digests: bool,

    /// Print image IDs only
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,

    /// Do not shorten image IDs
    #[arg(long)]
    pub(super) no_trunc: bool,

    /// `table`, `json`, or a Go template such as `{{.Repository}}:{{.Tag}}`, with `table` before it for columns
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct InspectArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Show the bill of materials that an image has, from the store, from oci-layout://PATH[:TAG|@DIGEST], or from its
    /// registry; --format is then json, spdx or cyclonedx
    #[arg(long, conflicts_with_all = ["provenance", "raw"])]
    pub(super) sbom: bool,

    /// Show how an image was built, if it says so; from the same places
    #[arg(long, conflicts_with = "raw")]
    pub(super) provenance: bool,

    /// Platform of the image to ask about with --sbom or --provenance [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(super) platform: Option<String>,

    /// `json`, or a Go template such as `{{.Config.Env}}`
    #[arg(short = 'f', long, value_name = "FORMAT")]
    pub(super) format: Option<String>,

    /// Print the index or the manifest that the name leads to, in the store or else in its registry, byte by byte
    #[arg(long, conflicts_with = "format")]
    pub(super) raw: bool,

    #[command(flatten)]
    pub(super) servers: ServerArguments,

    /// Kind of thing; there are only images
    #[arg(long = "type", value_name = "KIND", value_parser = ["image"], hide = true)]
    pub(super) kind: Option<String>,

    /// Images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<String>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct HistoryArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Sizes and times for people
    #[arg(short = 'H', long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = true, action = clap::ArgAction::Set)]
    pub(super) human: bool,

    /// Do not shorten anything
    #[arg(long)]
    pub(super) no_trunc: bool,

    /// Print image IDs only
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,

    /// `table`, `json`, or a Go template such as `{{.CreatedBy}}`
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,

    /// Image, by name or ID
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TagArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Image, by name or ID
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,

    /// Names to give it, as NAME[:TAG]
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Remove an image with several names by its ID, and do not fail for one that is not there
    #[arg(short = 'f', long)]
    pub(super) force: bool,

    /// Accepted for scripts: parents without a name are never removed
    #[arg(long, hide = true)]
    pub(super) no_prune: bool,

    /// Images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<String>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct PullArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Platform of the image [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", env = "DOCKER_DEFAULT_PLATFORM")]
    pub(super) platform: Option<String>,

    /// Fetch the images of all platforms, and keep their index
    #[arg(long)]
    pub(super) all_platforms: bool,

    /// Print the name only
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) servers: ServerArguments,

    /// Names, as NAME[:TAG|@DIGEST]
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SaveFormat {
    /// For `docker load`; it is an OCI layout as well
    #[value(name = "docker-archive", alias = "docker")]
    Docker,
    /// An OCI layout
    #[value(name = "oci-archive", alias = "oci")]
    Oci,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct SaveArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// File to write [default: standard output]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Which of several platforms to save [default: all, as they are]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(super) platform: Option<String>,

    /// Form of the archive
    #[arg(long, value_enum, default_value = "docker-archive")]
    pub(super) format: SaveFormat,

    /// Images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<String>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct LoadArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Archive or directory to read, also a compressed one [default: standard input]
    #[arg(short = 'i', long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,

    /// Which of several platforms of one image to load [default: all]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(super) platform: Option<String>,

    /// Print nothing
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct PruneArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Remove all images, not only those without a name
    #[arg(short = 'a', long)]
    pub(super) all: bool,

    /// Remove results of earlier builds and cache mounts as well
    #[arg(long)]
    pub(super) cache: bool,

    /// Only what is older: until=TIME or until=DURATION; for images also label=KEY[=VALUE] and label!=KEY[=VALUE];
    /// repeatable
    #[arg(long = "filter", value_name = "FILTER")]
    pub(super) filters: Vec<String>,

    /// Forget what was used longest ago until the store has this size at most, such as 10gb; implies --cache
    #[arg(long, visible_alias = "max-used-space", value_name = "BYTES")]
    pub(super) keep_storage: Option<String>,

    /// Do not ask
    #[arg(short = 'f', long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct DfArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// `table`, `json`, or a Go template such as `{{.Type}} {{.Size}}`
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
}
