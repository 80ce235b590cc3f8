//! Reads files and looks at them, many at once.

use super::baseline::Baseline;
use super::configuration::Holding;
use crate::cli::files::read;
use crate::context::find_ignore;
use crate::diagnostic::Source;
use crate::dockerfile::{Parsed, parse};
use crate::lint::formats::Linted;
use crate::lint::{
    Document, Family, Finding, Repair, Safety, Surroundings, lint, not_text, repair, silence, too_large,
};
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a Dockerfile that is looked at. The longest known are a hundredth of it.
const LARGEST: usize = 4 << 20;

/// One file to look at.
#[derive(Debug)]
pub(super) struct Job {
    /// `-` is standard input.
    pub(super) path: PathBuf,
    /// What findings show for it.
    pub(super) name: String,
    /// The settings for it.
    pub(super) holding: Arc<Holding>,
}

/// What was found in a file, after fixing it if that was asked for.
#[derive(Debug)]
pub(super) struct Checked {
    /// What was found.
    pub(super) linted: Linted,
    /// What fixes made of the file, if they were asked for.
    pub(super) repaired: Option<Repaired>,
}

/// A file, and what fixes make of it.
#[derive(Debug)]
pub(super) struct Repaired {
    /// What it holds.
    pub(super) old: String,
    /// What it should hold; the text as it is, and what became of each fix.
    pub(super) repair: Repair,
}

/// How files are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    /// Whether it is done as hadolint does.
    pub(super) as_hadolint: bool,
    /// Which fixes are made before.
    pub(super) fix: Option<Safety>,
    /// Findings that are known, and not fixed.
    pub(super) baseline: Option<&'a Baseline>,
}

/// What was found in each, in order; files that can't be read give an error.
pub(super) fn check(jobs: &[Job], manner: Manner<'_>) -> Vec<io::Result<Checked>> {
    match jobs {
        // One file is not worth a pool of threads.
        [job] => vec![check_one(job, manner)],
        jobs => jobs.par_iter().map(|job| check_one(job, manner)).collect(),
    }
}

fn check_one(job: &Job, manner: Manner<'_>) -> io::Result<Checked> {
    let as_hadolint = manner.as_hadolint;
    let unfixed = |linted| Checked { linted, repaired: None };
    let bytes = read(&job.path, LARGEST)?;
    if bytes.len() > LARGEST {
        return Ok(unfixed(refused(job, too_large(&bytes, LARGEST))));
    }
    let text = match not_text(&bytes) {
        // hadolint reads anything.
        Some(_) if as_hadolint => String::from_utf8_lossy(&bytes).into_owned(),
        Some(what) => return Ok(unfixed(refused(job, what))),
        None => String::from_utf8(bytes).unwrap_or_default(),
    };
    let repaired = manner.fix.map(|safety| {
        let known = manner.baseline.map(|baseline| baseline.for_file(&job.path));
        let repair = repair(&job.name, &text, safety, |source, parsed| {
            let findings = find(source, parsed, job, as_hadolint);
            let Some(mut known) = known.clone() else {
                return findings;
            };
            let mut linted = Linted {
                source: source.clone(),
                findings,
            };
            known.forget(&job.path, &mut linted);
            linted.findings
        });
        Repaired {
            old: text.clone(),
            repair,
        }
    });
    let source = Source::new(
        job.name.as_str(),
        repaired.as_ref().map_or(text, |repaired| repaired.repair.text.clone()),
    );
    let findings = find(&source, &parse(source.text()), job, as_hadolint);
    // A file without findings is not shown.
    let source = match findings.is_empty() {
        true => Source::new(job.name.as_str(), ""),
        false => source,
    };
    Ok(Checked {
        linted: Linted { source, findings },
        repaired,
    })
}

fn find(source: &Source, parsed: &Parsed, job: &Job, as_hadolint: bool) -> Vec<Finding> {
    let settings = &job.holding.settings;
    let options = settings.options();
    let mut selection = settings.selection(from_configuration(job).as_deref());
    if as_hadolint {
        selection.families = vec![Family::Hadolint];
    }
    // A problem with the ignore file is the build's to tell.
    let ignore = match as_hadolint || job.path == Path::new("-") {
        true => None,
        false => find_ignore(job.path.parent().unwrap_or(Path::new("")), Some(&job.path)).ok(),
    };
    let surroundings = Surroundings {
        ignore: ignore
            .as_ref()
            .filter(|found| found.path.is_some())
            .map(|found| &found.ignore),
        ..Surroundings::default()
    };
    let document = Document::new(source, parsed, &options).with_surroundings(surroundings);
    let mut findings = lint(&document, &selection);
    if settings.disable_ignore_pragma != Some(true) {
        findings = silence(&document, &selection, findings);
    }
    if as_hadolint {
        if let Some(broken) = findings.iter().position(|finding| finding.code == "DL1000") {
            return vec![findings.swap_remove(broken)];
        }
        findings.sort_by(|one, other| (one.line, &one.code).cmp(&(other.line, &other.code)));
    }
    findings
}

fn refused(job: &Job, (text, finding): (String, Finding)) -> Linted {
    Linted {
        source: Source::new(job.name.as_str(), text),
        findings: vec![finding],
    }
}

/// The file's path from where its configuration is.
fn from_configuration(job: &Job) -> Option<PathBuf> {
    let directory = std::path::absolute(job.holding.file.as_ref()?).ok()?;
    let path = std::path::absolute(&job.path).ok()?;
    path.strip_prefix(directory.parent()?).ok().map(Path::to_path_buf)
}
