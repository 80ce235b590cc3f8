//! What can be typed after `varve lint`, and after `hadolint`.

use crate::cli::arguments::StoreArguments;
use crate::lint::config::Settings;
use crate::lint::formats::Format;
use crate::lint::{LabelKind, Level, canonical, suggestion};
use clap::{Args, Parser};
use std::path::PathBuf;

/// Finds what is unwise in Dockerfiles, as hadolint does
#[derive(Debug, Parser)]
#[command(name = "hadolint", disable_version_flag = true)]
pub(super) struct HadolintArguments {
    #[command(flatten)]
    pub(super) shared: SharedArguments,

    /// Show the version
    #[arg(short = 'v', long)]
    pub(super) version: bool,

    /// Dockerfiles, or `-` for standard input
    #[arg(value_name = "DOCKERFILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LintArguments {
    #[command(flatten)]
    pub(super) shared: SharedArguments,

    /// Files, directories (for all Dockerfiles in them that git does not ignore), patterns, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(super) paths: Vec<PathBuf>,

    /// Look at an image in place of files: a name or ID of the store's, or the path of an OCI layout; repeatable
    #[arg(long = "image", value_name = "IMAGE", conflicts_with_all = ["paths", "fix", "diff", "baseline", "write_baseline"])]
    pub(super) images: Vec<String>,

    #[command(flatten)]
    pub(super) store: StoreArguments,

    /// Look at the preview rules too
    #[arg(long)]
    pub(super) preview: bool,

    /// Look at a rule that is off or preview; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) select: Vec<String>,

    /// Look at this rule and no other; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) only: Vec<String>,

    /// Who looks at shell commands: `auto` is varve itself; or `off`, or the path of a shellcheck [default: auto]
    #[arg(long, value_name = "auto|off|PATH")]
    pub(super) shellcheck: Option<String>,

    /// Make the fixes that are proven to be safe, and report what is left; `-` prints the fixed text
    #[arg(long)]
    pub(super) fix: bool,

    /// With `--fix` or `--diff`: make the fixes too that want a look
    #[arg(long = "unsafe")]
    pub(super) unsafe_: bool,

    /// Change nothing; show what `--fix` would do, and end with 1 if there is anything
    #[arg(long, conflicts_with = "write_baseline")]
    pub(super) diff: bool,

    /// Leave out the findings that are listed in a file
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,

    /// List the findings in a file, for `--baseline`, and report none
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub(super) write_baseline: Option<PathBuf>,

    /// Tell what a rule is about
    #[arg(long, value_name = "CODE")]
    pub(super) explain: Option<String>,

    /// List all rules
    #[arg(long)]
    pub(super) list_rules: bool,
}

/// What hadolint has as well.
#[derive(Debug, Args)]
pub(super) struct SharedArguments {
    /// Configuration, in place of those that are looked for
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// How findings are written; repeatable
    #[arg(short = 'f', long = "format", value_name = "FORMAT", value_parser = format)]
    pub(super) formats: Vec<Format>,

    /// Where they are written, the first for the first format and so on; repeatable [default: standard output]
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(super) outputs: Vec<PathBuf>,

    /// The path that reports show in place of the file's own
    #[arg(long, value_name = "PATH")]
    pub(super) file_path_in_report: Option<String>,

    /// End with 0 whatever is found
    #[arg(long)]
    pub(super) no_fail: bool,

    /// No colours
    #[arg(long)]
    pub(super) no_color: bool,

    /// Tell the settings
    #[arg(short = 'V', long)]
    pub(super) verbose: bool,

    /// Make a rule an error; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) error: Vec<String>,

    /// Make a rule a warning; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) warning: Vec<String>,

    /// Make a rule an information; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) info: Vec<String>,

    /// Make a rule a matter of style; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) style: Vec<String>,

    /// Do not look at a rule; repeatable, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) ignore: Vec<String>,

    /// A registry that images may come from; repeatable
    #[arg(long = "trusted-registry", value_name = "REGISTRY")]
    pub(super) trusted_registries: Vec<String>,

    /// A label that is wanted, and what its value is: text, rfc3339, semver, url, hash, spdx or email; repeatable
    #[arg(long = "require-label", value_name = "LABEL:TYPE", value_parser = label)]
    pub(super) require_labels: Vec<(String, LabelKind)>,

    /// No other labels are wanted
    #[arg(long)]
    pub(super) strict_labels: bool,

    /// Comments silence nothing
    #[arg(long)]
    pub(super) disable_ignore_pragma: bool,

    /// The least level that makes the run fail: error, warning, info, style, ignore or none [default: info]
    #[arg(short = 't', long, value_name = "LEVEL", value_parser = threshold)]
    pub(super) failure_threshold: Option<Level>,
}

impl SharedArguments {
    /// What was typed as settings. `code` turns a word into a code.
    pub(super) fn settings<E>(&self, mut code: impl FnMut(&str) -> Result<String, E>) -> Result<Settings, E> {
        let mut levels = Vec::new();
        for (level, words) in [
            (Level::Error, &self.error),
            (Level::Warning, &self.warning),
            (Level::Info, &self.info),
            (Level::Style, &self.style),
        ] {
            for word in words {
                levels.push((level, code(word)?));
            }
        }
        Ok(Settings {
            ignored: self.ignore.iter().map(|word| code(word)).collect::<Result<_, _>>()?,
            levels,
            trusted_registries: self.trusted_registries.clone(),
            label_schema: self.require_labels.iter().cloned().collect(),
            strict_labels: self.strict_labels.then_some(true),
            disable_ignore_pragma: self.disable_ignore_pragma.then_some(true),
            failure_threshold: self.failure_threshold,
            formats: self.formats.clone(),
            no_fail: self.no_fail.then_some(true),
            no_color: self.no_color.then_some(true),
            verbose: self.verbose.then_some(true),
            ..Settings::default()
        })
    }
}

/// The code that a person means, or what to tell them.
pub(super) fn code(word: &str) -> Result<String, String> {
    canonical(word).ok_or_else(|| match suggestion(word) {
        Some(near) => format!("no rule `{word}`; did you mean `{near}`?"),
        None => format!("no rule `{word}`; `varve lint --list-rules` lists them"),
    })
}

/// `NAME:TYPE`
pub(super) fn label(text: &str) -> Result<(String, LabelKind), String> {
    let (name, kind) = text
        .rsplit_once(':')
        .ok_or("a label and its type are wanted, as in `version:semver`")?;
    let kind = LabelKind::from_word(kind)
        .ok_or_else(|| format!("`{kind}` is no type; one of text, rfc3339, semver, url, hash, spdx, email"))?;
    Ok((name.to_owned(), kind))
}

pub(super) fn format(text: &str) -> Result<Format, String> {
    Format::from_word(text).ok_or_else(|| format!("one of {}", Format::WORDS.join(", ")))
}

pub(super) fn threshold(text: &str) -> Result<Level, String> {
    Level::threshold(text).ok_or_else(|| "one of error, warning, info, style, ignore, none".to_owned())
}
