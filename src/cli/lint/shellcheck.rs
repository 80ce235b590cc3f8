//! Who looks at the text of RUN: varve itself, nobody, or an installed shellcheck.

use crate::diagnostic::{causes, visible};
use crate::lint::shellcheck::{ARGUMENTS, Report, Unit, built_in, units};
use crate::lint::{Document, Finding};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Scripts of one process: their names fit into a command line many times.
const SCRIPTS: usize = 20_000;

/// Who looks at the text of RUN.
#[derive(Debug)]
pub(super) enum Shellcheck {
    /// varve itself.
    Auto,
    /// Nobody.
    Off,
    /// This program.
    Program(Program),
}

/// An installed shellcheck, and what it said so far.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    /// By script: the report that has it, and the file it was in.
    known: Mutex<HashMap<String, (Arc<Report>, String)>>,
    /// What went wrong first.
    failure: Mutex<Option<io::Error>>,
}

impl Shellcheck {
    /// `auto`, `off`, or the path of a program; a name without `/` is looked for in `PATH`.
    pub(super) fn new(word: Option<&str>) -> Self {
        match word {
            None | Some("auto") => Self::Auto,
            Some("off") => Self::Off,
            Some(path) => {
                let path = match path.contains('/') {
                    // It is started in another directory.
                    true => std::path::absolute(path).unwrap_or_else(|_| path.into()),
                    false => path.into(),
                };
                Self::Program(Program {
                    path,
                    known: Mutex::default(),
                    failure: Mutex::default(),
                })
            }
        }
    }

    /// Looks at the RUNs of many files at once, where that is worth it.
    pub(super) fn prepare(&self, scripts: impl FnOnce() -> Vec<String>) {
        if let Self::Program(program) = self {
            program.look(scripts());
        }
    }

    /// What there is to say about the RUNs of a document.
    pub(super) fn findings(&self, document: &Document<'_>) -> Vec<Finding> {
        match self {
            Self::Auto => built_in(document),
            Self::Off => Vec::new(),
            Self::Program(program) => program.findings(document),
        }
    }

    /// What went wrong with the program; findings are missing then.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match self {
            Self::Auto | Self::Off => None,
            Self::Program(program) => lock(&program.failure).take(),
        }
    }
}

/// The scripts of a file, for [`Shellcheck::prepare`].
pub(super) fn scripts(document: &Document<'_>) -> Vec<String> {
    units(document).into_iter().map(|unit| unit.text).collect()
}

impl Program {
    /// Starts one process for all these scripts, as far as they are new.
    fn look(&self, scripts: Vec<String>) {
        let mut known = lock(&self.known);
        let mut new = scripts;
        new.retain(|script| !known.contains_key(script));
        new.sort();
        new.dedup();
        for scripts in new.chunks(SCRIPTS) {
            match self.report(scripts) {
                Ok(report) => {
                    let report = Arc::new(report);
                    let files = scripts.iter().enumerate();
                    known.extend(files.map(|(at, script)| (script.clone(), (Arc::clone(&report), at.to_string()))));
                }
                Err(error) => {
                    lock(&self.failure).get_or_insert(error);
                }
            }
        }
    }

    fn findings(&self, document: &Document<'_>) -> Vec<Finding> {
        let units = units(document);
        // What a fix made of a script is new.
        self.look(units.iter().map(|unit| unit.text.clone()).collect());
        let known = lock(&self.known);
        let found = |unit: &Unit| {
            let known = known.get(&unit.text);
            known.map_or_else(Vec::new, |(report, file)| report.findings(document, unit, file))
        };
        units.iter().flat_map(found).collect()
    }

    fn report(&self, scripts: &[String]) -> io::Result<Report> {
        let directory = Directory::new()?;
        let names: Vec<String> = (0..scripts.len()).map(|at| at.to_string()).collect();
        for (name, script) in names.iter().zip(scripts) {
            fs::write(directory.0.join(name), script)?;
        }
        let program = self.path.display();
        let output = Command::new(&self.path)
            .args(ARGUMENTS)
            .args(&names)
            .current_dir(&directory.0)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start `{program}`: {error}")))?;
        Report::parse(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = visible(said.lines().next().unwrap_or("nothing"));
            let why = causes(&error).join(": ");
            io::Error::other(format!("`{program}`: {why}; on standard error it said: {said}"))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory of our own, gone at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = std::env::temp_dir();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("varve-lint-{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let text = format!("cannot make a directory in `{}`: {error}", base.display());
                    return Err(io::Error::new(error.kind(), text));
                }
            }
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
