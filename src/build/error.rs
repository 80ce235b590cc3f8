//! Why a build failed, and how that is told.

use crate::agent::Agents;
use crate::context::ContextError;
use crate::diagnostic::{Diagnostic, Source, causes, render};
use crate::exchange::ExchangeError;
use crate::execute::ExecuteError;
use crate::export::ExportError;
use crate::lint::Finding;
use crate::oci::OciError;
use crate::plan::{Graph, StepId};
use crate::store::StoreError;
use std::collections::BTreeSet;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile, or what it asks for.
    #[error("the Dockerfile has {} error{}", .diagnostics.len(), if .diagnostics.len() == 1 { "" } else { "s" })]
    Dockerfile {
        /// The text.
        text: Box<Source>,
        /// What is wrong, at least one.
        diagnostics: Vec<Diagnostic>,
    },
    /// Checks found something, and the Dockerfile says that this is an error.
    #[error("the checks of the Dockerfile found something: {0}")]
    Checks(String),
    /// A step.
    #[error("`{title}` failed")]
    Step {
        /// The step's instruction.
        title: String,
        /// What is wrong, with its place.
        diagnostic: Box<Diagnostic>,
        /// The Dockerfile.
        dockerfile: Box<Source>,
        /// The last bytes that the command wrote.
        tail: Vec<u8>,
        /// Why.
        source: Box<ExecuteError>,
    },
    /// `--platform`.
    #[error("{0}")]
    Platform(String),
    /// A note on the image that has no place there.
    #[error("the annotation `{key}` can't be written: {why}")]
    Annotation {
        /// Its name.
        key: String,
        /// What is in the way.
        why: String,
    },
    /// The user's files.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// What came in a stream is no tar, but the Dockerfile is to come from elsewhere.
    #[error("the context {0} is not a tar, so that there is no Dockerfile in it")]
    NoTar(String),
    /// A Dockerfile that is none.
    #[error("`{0}` is an archive, and no Dockerfile")]
    NoText(String),
    /// An output needs a destination that it does not have; the request is to blame.
    #[error("an output lacks its destination")]
    NoDestination,
    /// A base image or its layout.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A base could not be fetched or unpacked for the output.
    #[error(transparent)]
    Execute(Box<ExecuteError>),
    /// The result could not be handed out.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The store has no such image.
    #[error("there is no image `{0}` in the store")]
    NoImage(String),
    /// Results could not be put where other machines find them.
    #[error("cannot export the cache to `{place}`")]
    CacheExport {
        /// Where.
        place: String,
        /// Why.
        source: Box<CacheError>,
    },
    /// Whoever read the output went away.
    #[error("nobody reads the output")]
    BrokenPipe,
    /// Ctrl-C.
    #[error("cancelled")]
    Cancelled,
}

/// Why results could not be put where other machines find them.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A layer could not be packed.
    #[error(transparent)]
    Pack(#[from] ExportError),
    /// The place does not take it.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl From<ExecuteError> for BuildError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Cancelled(_) => Self::Cancelled,
            other => Self::Execute(Box::new(other)),
        }
    }
}

impl BuildError {
    /// The checks that found something, each once.
    pub(super) fn checks(findings: &[Finding]) -> Self {
        let codes: BTreeSet<&str> = findings.iter().map(|finding| &*finding.code).collect();
        let codes: Vec<String> = codes.into_iter().map(|code| format!("`{code}`")).collect();
        Self::Checks(codes.join(", "))
    }

    pub(super) fn step(graph: &Graph, step: StepId, error: ExecuteError, dockerfile: Source) -> Self {
        let step = &graph.steps[step];
        let title = step.title.lines().next().unwrap_or_default().to_owned();
        let mut message = format!("`{title}`: {}", causes(&error).join(": "));
        let mut tail = Vec::new();
        if let ExecuteError::Command { tail: last, .. } = &error {
            tail.clone_from(last);
            message = format!("`{title}`: {error}");
        }
        let mut diagnostic = Diagnostic::error("step", step.span, message);
        diagnostic.help.extend(help(&error));
        Self::Step {
            title,
            diagnostic: Box::new(diagnostic),
            dockerfile: Box::new(dockerfile),
            tail,
            source: Box::new(error),
        }
    }

    /// The error as it is shown: what, where, why, and what may help.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Dockerfile { text, diagnostics } => {
                let mut all: Vec<String> = diagnostics
                    .iter()
                    .take(MOST_SHOWN)
                    .map(|diagnostic| render(diagnostic, text, color))
                    .collect();
                if diagnostics.len() > MOST_SHOWN {
                    all.push(format!(
                        "error: {} more errors are not shown\n",
                        diagnostics.len() - MOST_SHOWN
                    ));
                }
                all.join("\n")
            }
            Self::Step {
                diagnostic,
                dockerfile,
                tail,
                ..
            } => {
                let mut text = String::new();
                let last = last_lines(tail);
                if !last.is_empty() {
                    text.push_str("last lines of the command's output:\n");
                    for line in last {
                        text.push_str("  | ");
                        text.push_str(&line);
                        text.push('\n');
                    }
                    text.push('\n');
                }
                text.push_str(&render(diagnostic, dockerfile, color));
                text
            }
            other => {
                let help = match other {
                    Self::Execute(error) => help(error),
                    Self::Export(ExportError::Registry(error)) => error.advice(),
                    _ => None,
                };
                let help = help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
                format!("error: {}{help}", causes(other).join(": "))
            }
        }
    }
}

/// How many errors of a Dockerfile are drawn: a file that is none has one a line.
const MOST_SHOWN: usize = 100;

/// How many of a failing command's lines are shown again.
const LAST_LINES: usize = 10;

fn last_lines(tail: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LAST_LINES);
    lines[first..]
        .iter()
        .map(|line| line.chars().filter(|c| !c.is_control() || *c == '\t').collect())
        .collect()
}

fn help(error: &ExecuteError) -> Option<String> {
    match error {
        ExecuteError::Sandbox(error) => error.advice(),
        ExecuteError::Select(error) => error.help().first().cloned(),
        ExecuteError::Git(error) => error.advice(),
        ExecuteError::Unpinned(_) | ExecuteError::OtherPin { .. } => Some(super::lock::ADVICE.to_owned()),
        ExecuteError::SecretMissing(id) => Some(format!("give it with `--secret id={id},src=FILE`")),
        ExecuteError::SshMissing(id) if id == Agents::DEFAULT => {
            Some("give it with `--ssh default`, or `--ssh default=KEYFILE`".to_owned())
        }
        ExecuteError::SshMissing(id) => Some(format!("give it with `--ssh {id}=SOCKET` or `--ssh {id}=KEYFILE`")),
        ExecuteError::Agent { source, .. } => source.advice().map(str::to_owned),
        ExecuteError::NotAllowed(right) => Some(format!("grant it with `--allow {}`", right.trim_matches('`'))),
        ExecuteError::Command {
            out_of_memory: true, ..
        } => Some(
            "the kernel killed a process that reached the limit of memory; `--resource memory=` sets it".to_owned(),
        ),
        ExecuteError::Command { status, .. } if *status == crate::sandbox::ExitStatus::Code(127) => {
            Some("exit status 127 usually means that a program was not found in the image".to_owned())
        }
        _ => None,
    }
}
