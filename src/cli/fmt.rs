//! `varve fmt`: lays Dockerfiles out evenly.

use super::arguments::FmtArguments;
use super::failure::{Exit, Failure};
use super::files::{matching, plain, read};
use super::{color, note, print_text, rewrite};
use crate::diagnostic::{Severity, Source, render};
use crate::format::{FormatError, format};
use crate::lint::{not_text, too_large};
use rayon::prelude::*;
use std::collections::HashSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

/// Bytes of a Dockerfile that is looked at.
const LARGEST: usize = 4 << 20;

/// What became of a file.
enum Outcome {
    /// It is as it should be.
    Even,
    /// What it was, and what it should be.
    Uneven { old: String, new: String },
    /// What is wrong with it, drawn.
    Broken(Vec<String>),
}

pub(super) fn run(arguments: &FmtArguments) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for path in &arguments.paths {
        for file in matching(path)? {
            let file = plain(&file).to_path_buf();
            if seen.insert(file.clone()) {
                files.push(file);
            }
        }
    }
    let outcomes: Vec<io::Result<Outcome>> = files.par_iter().map(|path| lay_out(path)).collect();
    let (mut changed, mut fails, mut unread) = (0, false, false);
    for (path, outcome) in files.iter().zip(outcomes) {
        match outcome.and_then(|outcome| hand_out(arguments, path, outcome)) {
            Ok(Step::Done) => {}
            Ok(Step::Changed) => changed += 1,
            Ok(Step::Failed) => fails = true,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Failure::silent(Exit::Failed)),
            Err(error) => {
                note(&format!("error: cannot format `{}`: {error}", path.display()));
                unread = true;
            }
        }
    }
    let only_looks = arguments.check || arguments.diff;
    if changed > 0 && (only_looks || files != [PathBuf::from("-")]) {
        let count = format!("{changed} file{}", if changed == 1 { "" } else { "s" });
        note(&match only_looks {
            true => format!("{count} would change"),
            false => format!("{count} changed"),
        });
    }
    Ok(match unread {
        true => Exit::Usage,
        false if fails || only_looks && changed > 0 => Exit::Failed,
        false => Exit::Done,
    })
}

fn lay_out(path: &Path) -> io::Result<Outcome> {
    let bytes = read(path, LARGEST)?;
    let refused = match bytes.len() > LARGEST {
        true => Some(too_large(&bytes, LARGEST)),
        false => not_text(&bytes),
    };
    if let Some((_, finding)) = refused {
        return Err(io::Error::other(finding.message));
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    match format(&text) {
        Ok(new) if new == text => Ok(match path == Path::new("-") {
            true => Outcome::Uneven { old: text, new },
            false => Outcome::Even,
        }),
        Ok(new) => Ok(Outcome::Uneven { old: text, new }),
        Err(FormatError::Broken(diagnostics)) => {
            let source = Source::new(path.display().to_string(), text);
            let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error);
            Ok(Outcome::Broken(
                errors.map(|diagnostic| render(diagnostic, &source, color())).collect(),
            ))
        }
    }
}

/// What was done with a file.
enum Step {
    Done,
    Changed,
    Failed,
}

fn hand_out(arguments: &FmtArguments, path: &Path, outcome: Outcome) -> io::Result<Step> {
    let (old, new) = match outcome {
        Outcome::Even => return Ok(Step::Done),
        Outcome::Uneven { old, new } => (old, new),
        Outcome::Broken(drawn) => {
            for diagnostic in drawn {
                note(&diagnostic);
            }
            return Ok(Step::Failed);
        }
    };
    let name = path.display().to_string();
    let is_even = old == new;
    if arguments.diff {
        print_text(&rewrite::difference(
            &name,
            &old,
            &new,
            io::stdout().is_terminal() && color(),
        ))?;
    } else if arguments.check {
        if !is_even {
            print_text(&format!("{name}\n"))?;
        }
    } else if path == Path::new("-") {
        print_text(&new)?;
    } else {
        rewrite::replace(path, &old, &new)?;
    }
    Ok(if is_even { Step::Done } else { Step::Changed })
}
