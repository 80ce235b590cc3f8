//! Hands out what fixes made of files.

use super::check::{Job, Repaired};
use super::counted;
use crate::cli::failure::{Exit, Failure};
use crate::cli::{color, note, print_text, rewrite};
use crate::lint::Safety;
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// What is done about findings that can be fixed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixing {
    /// Which fixes are made.
    pub(super) safety: Safety,
    /// Whether they are only shown.
    pub(super) diff: bool,
}

/// What was fixed so far.
#[derive(Debug)]
pub(super) struct Fixes {
    fixing: Fixing,
    made: usize,
    files: usize,
}

impl Fixes {
    pub(super) fn new(fixing: Fixing) -> Self {
        Self {
            fixing,
            made: 0,
            files: 0,
        }
    }

    /// Writes or shows what became of a file. False when it could not be written, which was said.
    ///
    /// # Errors
    ///
    /// When nobody reads standard output.
    pub(super) fn hand_out(&mut self, job: &Job, repaired: &Repaired) -> Result<bool, Failure> {
        let repair = &repaired.repair;
        for refused in &repair.refused {
            note(&format!(
                "note: {}:{}: {}: {} was not made: {}",
                job.name,
                refused.line,
                refused.code,
                quoted(&refused.title),
                refused.why
            ));
        }
        let changed = repaired.old != repair.text;
        if changed {
            self.made += repair.made.len();
            self.files += 1;
        }
        let done = if self.fixing.diff {
            let paint = io::stdout().is_terminal() && color();
            print_text(&rewrite::difference(&job.name, &repaired.old, &repair.text, paint))
        } else if job.path == Path::new("-") {
            print_text(&repair.text)
        } else if changed {
            rewrite::replace(&job.path, &repaired.old, &repair.text)
        } else {
            Ok(())
        };
        match done {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(Exit::Failed)),
            Err(error) => {
                note(&format!("error: cannot fix `{}`: {error}", job.path.display()));
                Ok(false)
            }
        }
    }

    /// Says what was done; the exit code when that is all there is to say.
    pub(super) fn end(&self) -> Option<Exit> {
        let files = counted(self.files, "file");
        let made = format!("{} fix{}", self.made, if self.made == 1 { "" } else { "es" });
        if self.fixing.diff {
            if self.files > 0 {
                note(&format!("{made} to make in {files}"));
            }
            return Some(if self.files > 0 { Exit::Failed } else { Exit::Done });
        }
        if self.files > 0 {
            note(&format!("{made} made in {files}"));
        }
        None
    }
}

fn quoted(title: &str) -> String {
    format!("\"{title}\"")
}
