//! `varve lint`, and what a link named `hadolint` does.

mod arguments;
mod baseline;
mod check;
mod configuration;
mod fix;
mod image;
mod shellcheck;
mod standing;
mod surroundings;

pub(super) use arguments::LintArguments;
pub(super) use standing::Standing;

use super::failure::{Exit, Failure, Usage};
use super::files::{matching, plain};
use super::{end, note, print};
use crate::diagnostic::visible;
use crate::lint::config::Settings;
use crate::lint::formats::{Format, Linted, Report};
use crate::lint::{Level, Safety, State, every_rule, explain, find};
use arguments::{HadolintArguments, SharedArguments, code};
use baseline::Baseline;
use check::{Job, Manner, check};
use clap::Parser as _;
use configuration::{Configuration, Holding};
use fix::{Fixes, Fixing};
use shellcheck::Shellcheck;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The hadolint whose rules these are.
const HADOLINT: &str = "2.15.1";

/// `varve lint`
pub(super) fn run(arguments: LintArguments) -> Result<Exit, Failure> {
    if let Some(word) = &arguments.explain {
        return tell(word);
    }
    if arguments.list_rules {
        return list();
    }
    if arguments.unsafe_ && !arguments.fix && !arguments.diff {
        return Err(Usage::new("`--unsafe` says which fixes are made; give `--fix` or `--diff` too").into());
    }
    let codes = |words: &[String]| words.iter().map(|word| code(word)).collect::<Result<Vec<_>, _>>();
    let command = Settings {
        preview: arguments.preview.then_some(true),
        select: codes(&arguments.select).map_err(Usage::new)?,
        only: codes(&arguments.only).map_err(Usage::new)?,
        shellcheck: arguments.shellcheck.clone(),
        ..arguments.shared.settings(code).map_err(Usage::new)?
    };
    let mut files = Vec::new();
    if !arguments.images.is_empty() {
        let run = Run {
            shared: &arguments.shared,
            files,
            baseline: None,
            write_baseline: None,
            as_hadolint: false,
            fixing: None,
        };
        return run.run_images(command, &arguments.images, arguments.store.root.as_deref());
    }
    let mut seen = HashSet::new();
    for path in &arguments.paths {
        for file in matching(path).map_err(|failure| Failure {
            exit: Exit::Usage,
            ..failure
        })? {
            let file = plain(&file).to_path_buf();
            // A file that is named twice, or is in a directory that is named too.
            if seen.insert(file.clone()) {
                files.push(file);
            }
        }
    }
    Run {
        shared: &arguments.shared,
        files,
        baseline: arguments.baseline,
        write_baseline: arguments.write_baseline,
        as_hadolint: false,
        fixing: (arguments.fix || arguments.diff).then_some(Fixing {
            safety: if arguments.unsafe_ {
                Safety::Unsafe
            } else {
                Safety::Safe
            },
            diff: arguments.diff,
        }),
    }
    .run(command)
}

/// Does what hadolint does with these arguments, the program's name first, and returns the exit code.
pub(super) fn as_hadolint(arguments: &[OsString]) -> u8 {
    let parsed = match HadolintArguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return u8::from(error.use_stderr());
        }
    };
    if parsed.version {
        let version = format!("Dockerfile Linter {HADOLINT} (varve {})", env!("CARGO_PKG_VERSION"));
        return end(print(&version).map(|()| Exit::Done));
    }
    if parsed.files.is_empty() {
        return end(Err(Failure::machine("no Dockerfile is named")));
    }
    let Ok(command) = parsed
        .shared
        .settings(|word| Ok::<_, std::convert::Infallible>(word.to_owned()));
    let run = Run {
        shared: &parsed.shared,
        files: parsed.files,
        baseline: None,
        write_baseline: None,
        as_hadolint: true,
        fixing: None,
    };
    // It knows one way to fail.
    end(run.run(command)).min(1)
}

/// One run over all files.
struct Run<'a> {
    shared: &'a SharedArguments,
    files: Vec<PathBuf>,
    baseline: Option<PathBuf>,
    write_baseline: Option<PathBuf>,
    as_hadolint: bool,
    fixing: Option<Fixing>,
}

impl Run<'_> {
    fn run(self, command: Settings) -> Result<Exit, Failure> {
        let here = std::env::current_dir()
            .map_err(|error| refused(format!("cannot find out the working directory: {error}")))?;
        let mut configuration =
            Configuration::new(command, self.shared.config.as_deref(), Path::new(""), self.as_hadolint)?;
        let whole = configuration.holding(&here)?;
        let jobs = self.jobs(&mut configuration, &here)?;
        if whole.settings.verbose == Some(true) {
            tell_settings(&jobs);
        }
        let baseline = self.baseline.clone().or_else(|| {
            let file = whole.file.as_deref()?;
            let known = whole.settings.baseline.as_ref()?;
            Some(file.parent().unwrap_or(Path::new("")).join(known))
        });
        let mut baseline = match (&baseline, &self.write_baseline) {
            (Some(path), None) => Some(Baseline::read(path)?),
            _ => None,
        };

        let (mut files, mut fails, mut unread) = (Vec::new(), false, false);
        let mut paths = Vec::new();
        let shellcheck = Shellcheck::new(whole.settings.shellcheck.as_deref());
        let manner = Manner {
            as_hadolint: self.as_hadolint,
            fix: self.fixing.map(|fixing| fixing.safety),
            baseline: baseline.as_ref(),
            shellcheck: &shellcheck,
        };
        let checked = check(&jobs, manner);
        if let Some(error) = shellcheck.failure() {
            return Err(refused(error));
        }
        let mut fixes = self.fixing.map(Fixes::new);
        for (job, result) in jobs.iter().zip(checked) {
            let mut linted = match result {
                Ok(checked) => {
                    if let (Some(fixes), Some(repaired)) = (&mut fixes, &checked.repaired)
                        && !fixes.hand_out(job, repaired)?
                    {
                        // What was found is about a text that is in no file.
                        unread = true;
                        continue;
                    }
                    checked.linted
                }
                Err(error) => {
                    note(&format!("error: cannot read `{}`: {error}", job.path.display()));
                    unread = true;
                    continue;
                }
            };
            if let Some(baseline) = &mut baseline {
                baseline.forget(&job.path, &mut linted);
            }
            let threshold = job.holding.settings.failure_threshold.unwrap_or(Level::Info);
            fails |= linted.findings.iter().any(|finding| finding.level >= threshold);
            files.push(linted);
            paths.push(job.path.as_path());
        }
        if let Some(fixes) = &fixes
            && let Some(exit) = fixes.end()
        {
            return Ok(if unread { Exit::Usage } else { exit });
        }
        if let Some(path) = &self.write_baseline {
            let document = baseline::document(path, paths.iter().copied().zip(&files));
            std::fs::write(path, document)
                .map_err(|error| refused(format!("cannot write `{}`: {error}", path.display())))?;
            let count: usize = files.iter().map(|file| file.findings.len()).sum();
            note(&format!("{} listed in `{}`", counted(count, "finding"), path.display()));
            return Ok(if unread { Exit::Usage } else { Exit::Done });
        }
        if let Some(gone @ 1..) = baseline.as_ref().map(Baseline::gone) {
            note(&format!(
                "{} in the baseline, and no longer in the files; `--write-baseline` lists what is left",
                counted(usize::try_from(gone).unwrap_or(usize::MAX), "finding")
            ));
        }

        let exit = self.hand_out(&whole.settings, &files, fails)?;
        Ok(if unread { Exit::Usage } else { exit })
    }

    /// The settings that hold in a directory.
    fn settings_at(&self, command: Settings, directory: &Path) -> Result<Arc<Holding>, Failure> {
        Configuration::new(command, self.shared.config.as_deref(), Path::new(""), self.as_hadolint)?.holding(directory)
    }

    /// Writes what was found in every format that is wanted, and says how the program ends.
    fn hand_out(&self, settings: &Settings, found: &[Linted], fails: bool) -> Result<Exit, Failure> {
        let formats = self.formats(settings);
        for (format, output) in &formats {
            self.write(*format, output.as_deref(), found, settings.no_color == Some(true))?;
        }
        let is_quiet = settings.no_fail == Some(true) || formats.iter().all(|(format, _)| format.never_fails());
        Ok(if fails && !is_quiet { Exit::Failed } else { Exit::Done })
    }

    fn jobs(&self, configuration: &mut Configuration, here: &Path) -> Result<Vec<Job>, Failure> {
        let mut jobs = Vec::with_capacity(self.files.len());
        for path in &self.files {
            let path = path.clone();
            let absolute = here.join(&path);
            let directory = match path == Path::new("-") {
                true => here,
                false => absolute.parent().unwrap_or(here),
            };
            jobs.push(Job {
                name: path.display().to_string(),
                holding: configuration.holding(directory)?,
                path,
            });
        }
        Ok(jobs)
    }

    /// Each format with the place it is written to; `None` is standard output.
    fn formats(&self, settings: &Settings) -> Vec<(Format, Option<PathBuf>)> {
        let usual = if self.as_hadolint { Format::Tty } else { Format::Full };
        let count = settings.formats.len().max(self.shared.outputs.len()).max(1);
        let pairs = (0..count).map(|at| {
            let output = self.shared.outputs.get(at).filter(|path| *path != Path::new("-"));
            (settings.formats.get(at).copied().unwrap_or(usual), output.cloned())
        });
        pairs.collect()
    }

    fn write(&self, format: Format, output: Option<&Path>, files: &[Linted], no_color: bool) -> Result<(), Failure> {
        let mut report = Report {
            files,
            as_hadolint: self.as_hadolint,
            color: false,
            path: self.shared.file_path_in_report.as_deref(),
        };
        if let Some(path) = output {
            let written = File::create(path).and_then(|file| into(format, &report, file));
            return written.map_err(|error| refused(format!("cannot write `{}`: {error}", path.display())));
        }
        if self.fixing.is_some() && self.files.iter().any(|file| file == Path::new("-")) {
            // Standard output has the fixed text.
            let _ = into(format, &report, io::stderr().lock());
            return Ok(());
        }
        report.color = !no_color && io::stdout().is_terminal();
        into(format, &report, io::stdout().lock()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(Exit::Failed),
            _ => refused(format!("cannot write to standard output: {error}")),
        })?;
        if format == Format::Full {
            note(&summary(files));
        }
        Ok(())
    }
}

fn into(format: Format, report: &Report<'_>, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    format.write(report, &mut out)?;
    out.flush()
}

/// What a run can't do, as opposed to what it finds.
fn refused(text: impl std::fmt::Display) -> Failure {
    Failure {
        text: format!("error: {text}"),
        exit: Exit::Usage,
    }
}

/// `2 errors and 1 warning in 1 of 3 files`
fn summary(files: &[Linted]) -> String {
    let all = || files.iter().flat_map(|file| &file.findings);
    let of = |level: Level| all().filter(|finding| finding.level == level).count();
    let counts: Vec<String> = [
        (Level::Error, "error"),
        (Level::Warning, "warning"),
        (Level::Info, "info"),
        (Level::Style, "style"),
    ]
    .into_iter()
    .filter(|(level, _)| of(*level) > 0)
    .map(|(level, word)| match level {
        Level::Error | Level::Warning => counted(of(level), word),
        _ => format!("{} {word}", of(level)),
    })
    .collect();
    let files_with = files.iter().filter(|file| !file.findings.is_empty()).count();
    match counts.as_slice() {
        [] => format!("nothing found in {}", counted(files.len(), "file")),
        counts => format!(
            "{} in {files_with} of {}",
            counts.join(", "),
            counted(files.len(), "file")
        ),
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn tell_settings(jobs: &[Job]) {
    let mut told = HashSet::new();
    for job in jobs {
        let file = job.holding.file.as_deref();
        if told.insert(file) {
            match file {
                Some(file) => note(&format!("configuration: `{}`", file.display())),
                None => note("configuration: none"),
            }
            let settings = &job.holding.settings;
            note(&visible(&format!("  ignored: {}", settings.ignored.join(", "))));
            for (level, code) in &settings.levels {
                note(&format!("  {code}: {level}"));
            }
            let threshold = settings.failure_threshold.unwrap_or(Level::Info);
            note(&format!("  failure threshold: {threshold}"));
            let registries = settings.trusted_registries.join(", ");
            note(&visible(&format!("  trusted registries: {registries}")));
        }
    }
}

fn tell(word: &str) -> Result<Exit, Failure> {
    let code = code(word).map_err(Usage::new)?;
    match find(&code) {
        Some(rule) => print(explain(rule).trim_end())?,
        None if code.starts_with("SC") => {
            print(&format!(
                "{code} is a rule of ShellCheck: https://www.shellcheck.net/wiki/{code}"
            ))?;
        }
        None => print(&format!(
            "{code} was a rule of hadolint, which gave it up; nothing looks at it"
        ))?,
    }
    Ok(Exit::Done)
}

/// A line for each rule: code, level, state, fix, name.
fn list() -> Result<Exit, Failure> {
    let mut lines = String::new();
    for rule in every_rule() {
        let state = match rule.state {
            State::On => "on",
            State::Preview => "preview",
            State::Off => "off",
        };
        let fix = match rule.fixable {
            crate::lint::Fixable::No => "-",
            crate::lint::Fixable::Safe => "fix",
            crate::lint::Fixable::Unsafe => "unsafe-fix",
        };
        let (code, level) = (rule.code, rule.level.word());
        lines.push_str(&format!("{code:<33} {level:<7} {state:<7} {fix:<10} {}\n", rule.name));
    }
    print(lines.trim_end())?;
    Ok(Exit::Done)
}
