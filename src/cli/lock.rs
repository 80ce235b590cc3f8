//! `varve lock`: the file of all digests that a build gets from elsewhere.

use super::arguments::{BuildArguments, LockArguments};
use super::build::{is_page, request};
use super::failure::{Exit, Failure, Usage};
use super::machine::{self, Machine};
use super::{note, progress};
use crate::build::{self, Progress};
use crate::pins::Pins;
use crate::plan::GitSource;
use crate::schedule::Cancel;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest lock file, in bytes.
const LARGEST: u64 = 16 << 20;

pub(super) fn run(mut arguments: LockArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let build = &mut arguments.build;
    if build.push || build.load || !build.outputs.is_empty() || !build.tags.is_empty() || build.call != "build" {
        return Err(Usage::new("`varve lock` builds nothing: leave out what is for results").into());
    }
    let only_check = std::mem::take(&mut build.check);
    let path = file(build)?;
    // Not the one that a build is bound to.
    build.locked = None;
    let request = request(build)?;
    let old = match path.exists() {
        true => read(&path)?,
        false => Pins::default(),
    };
    let known = kept(&old, &arguments.update)?;
    let machine = Machine::enter(arguments.build.store.root.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel);
    let store = machine.store()?;
    let style = arguments.build.progress.unwrap_or(super::arguments::Progress::Auto);
    let screen = progress::screen(style, arguments.build.quiet);
    let show = |progress: Progress| screen.show(progress);
    let needed = build::lock(&store, &machine.host(), request, known.clone(), cancel, &show);
    screen.close();
    let needed = needed?;
    let new = match arguments.update.iter().any(String::is_empty) {
        true => needed,
        // Another target or platform may need the rest.
        false => joined(known, needed),
    };
    let changes = old.changes(&new);
    if !arguments.build.quiet {
        changes.iter().for_each(|change| note(change));
    }
    if only_check {
        return Ok(if changes.is_empty() { Exit::Done } else { Exit::Failed });
    }
    if !changes.is_empty() || !path.exists() {
        write(&path, &new.to_string())?;
        note(&format!("wrote `{}`", path.display()));
    }
    Ok(Exit::Done)
}

/// The lock file of a build: the one that was named, or the one beside the Dockerfile.
pub(super) fn file(arguments: &BuildArguments) -> Result<PathBuf, Usage> {
    if let Some(path) = arguments.locked.as_ref().filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let is_far = |path: &Path| {
        path == Path::new("-")
            || path
                .to_str()
                .is_some_and(|text| is_page(text) || GitSource::parse_context(text).is_some())
    };
    let beside = match &arguments.file {
        Some(path) if !is_far(path) => Some(path.clone()),
        None if !is_far(&arguments.context) => Some(arguments.context.join("Dockerfile")),
        _ => None,
    };
    let mut name = beside
        .ok_or_else(|| Usage::new("the Dockerfile is not on this machine: name its lock file with `--locked=FILE`"))?
        .into_os_string();
    name.push(".lock");
    Ok(name.into())
}

/// Reads a lock file.
pub(super) fn read(path: &Path) -> Result<Pins, Usage> {
    let failed = |why: String| Usage::new(format!("cannot use the lock file `{}`: {why}", path.display()));
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("it is not there; `varve lock` makes it".to_owned()),
            _ => failed(error.to_string()),
        })?;
    Pins::parse(&text).map_err(|error| failed(error.to_string()))
}

/// What is not to be asked for anew.
fn kept(old: &Pins, updated: &[String]) -> Result<Pins, Usage> {
    let mut kept = old.clone();
    for name in updated {
        if name.is_empty() {
            return Ok(Pins::default());
        }
        let full = name
            .parse::<crate::oci::Reference>()
            .map(|it| it.or_latest().to_string());
        let image = kept.images.remove(full.as_ref().unwrap_or(name)).is_some();
        let page = kept.pages.remove(name).is_some();
        if !(image | page | kept.commits.remove(name).is_some()) {
            return Err(Usage::new(format!(
                "`--update={name}`: the lock file has no such entry"
            )));
        }
    }
    Ok(kept)
}

fn joined(mut known: Pins, needed: Pins) -> Pins {
    known.images.extend(needed.images);
    known.pages.extend(needed.pages);
    known.commits.extend(needed.commits);
    known
}

/// Replaces the file, so that others see the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = std::fs::File::create_new(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Failure::machine(format!("cannot write `{}`: {error}", path.display()))
    })
}
