//! Reads files and looks at them, many at once.

use super::baseline::Baseline;
use super::configuration::Holding;
use super::shellcheck::{Shellcheck, scripts};
use super::surroundings::context;
use crate::cli::files::read;
use crate::context::find_ignore;
use crate::diagnostic::Source;
use crate::dockerfile::{Parsed, parse};
use crate::lint::formats::Linted;
use crate::lint::{
    Document, Family, Finding, Options, Repair, Safety, Surroundings, lint, not_text, repair, silence, too_large,
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
    /// Who looks at the text of RUN.
    pub(super) shellcheck: &'a Shellcheck,
}

/// What was found in each, in order; files that can't be read give an error.
pub(super) fn check(jobs: &[Job], manner: Manner<'_>) -> Vec<io::Result<Checked>> {
    manner
        .shellcheck
        .prepare(|| jobs.par_iter().flat_map_iter(scripts_of).collect());
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
            let findings = find(source, parsed, job, manner);
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
    let findings = find(&source, &parse(source.text()), job, manner);
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

fn find(source: &Source, parsed: &Parsed, job: &Job, manner: Manner<'_>) -> Vec<Finding> {
    let as_hadolint = manner.as_hadolint;
    let settings = &job.holding.settings;
    let options = settings.options();
    let mut selection = job.holding.selection(&job.path);
    if as_hadolint {
        selection.families = vec![Family::Hadolint];
    }
    // A problem with the ignore file is the build's to tell.
    let directory = match as_hadolint || job.path == Path::new("-") {
        true => None,
        // The parent of a bare name is empty, which is no directory.
        false => Some(
            job.path
                .parent()
                .filter(|path| !path.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
        ),
    };
    let ignore = directory.and_then(|directory| find_ignore(directory, Some(&job.path)).ok());
    let context = directory.and_then(|directory| context(directory, parsed));
    let surroundings = Surroundings {
        ignore: ignore
            .as_ref()
            .filter(|found| found.path.is_some())
            .map(|found| &found.ignore),
        // Without a word about the ignore file nobody knows that there is none.
        context: context.as_ref().filter(|_| ignore.is_some()),
        ..Surroundings::default()
    };
    let document = Document::new(source, parsed, &options).with_surroundings(surroundings);
    let mut findings = lint(&document, &selection);
    if selection.only.is_empty() || selection.only.iter().any(|code| code.starts_with("SC")) {
        findings.extend(selection.apply(manner.shellcheck.findings(&document)));
        findings.sort_by(|one, other| (one.span, &one.code).cmp(&(other.span, &other.code)));
    }
    if settings.disable_ignore_pragma != Some(true) {
        findings = silence(&document, &selection, findings);
    }
    if as_hadolint {
        if let Some(broken) = findings.iter().position(|finding| finding.code == "DL1000") {
            return vec![findings.swap_remove(broken)];
        }
        findings.sort_by(|one, other| (one.line, &one.code).cmp(&(other.line, &other.code)));
        // Several places of a RUN look alike when all stand in its first line.
        let said = |finding: &Finding| (finding.line, finding.code.to_string(), finding.message.clone());
        findings.dedup_by(|one, other| one.code.starts_with("SC") && said(one) == said(other));
    }
    findings
}

/// The scripts of a file, if it can be read now: standard input can't be read twice.
fn scripts_of(job: &Job) -> Vec<String> {
    if job.path == Path::new("-") {
        return Vec::new();
    }
    let bytes = read(&job.path, LARGEST).unwrap_or_default();
    if bytes.len() > LARGEST || not_text(&bytes).is_some() {
        return Vec::new();
    }
    let source = Source::new(job.name.as_str(), String::from_utf8(bytes).unwrap_or_default());
    let options = Options::default();
    scripts(&Document::new(&source, &parse(source.text()), &options))
}

fn refused(job: &Job, (text, finding): (String, Finding)) -> Linted {
    Linted {
        source: Source::new(job.name.as_str(), text),
        findings: vec![finding],
    }
}
