//! The Dockerfile and its ignore file.

use super::error::ContextError;
use super::ignore::Ignore;
use crate::diagnostic::{Diagnostic, Source, Span};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest Dockerfile or ignore file that is read, in bytes.
pub(super) const LIMIT: u64 = 16 << 20;

/// A text that was read, and what is odd about it.
#[derive(Debug)]
pub struct FoundDockerfile {
    /// Where it is.
    pub path: PathBuf,
    /// Its text, named as it is to be shown.
    pub source: Source,
    /// Bytes that are no text; each stands as a replacement character in the source.
    pub diagnostics: Vec<Diagnostic>,
}

/// The ignore file of a context.
#[derive(Debug, Default)]
pub struct FoundIgnore {
    /// Its rules; none when there is no such file.
    pub ignore: Ignore,
    /// The file, when there is one.
    pub path: Option<PathBuf>,
    /// Its text, for the diagnostics' places.
    pub source: Option<Source>,
    /// Lines that cannot be read, and bytes that are no text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Finds and reads the Dockerfile.
///
/// Without an option that is `Dockerfile` in the context directory, or else `dockerfile`. A relative option that
/// names nothing as it stands is tried in the context directory. The file may be a pipe, and need not be below the
/// context.
pub fn find_dockerfile(context: &Path, option: Option<&Path>) -> Result<FoundDockerfile, ContextError> {
    let candidates: Vec<PathBuf> = match option {
        None => vec![context.join("Dockerfile"), context.join("dockerfile")],
        Some(path) if path.is_absolute() => vec![path.to_owned()],
        Some(path) => vec![path.to_owned(), context.join(path)],
    };
    let shown_below = option.is_none();
    for path in candidates {
        match File::open(&path) {
            Err(error) if is_absence(&error) => {}
            Err(source) => return Err(ContextError::File { path, source }),
            Ok(file) => {
                let name = match path.strip_prefix(context) {
                    Ok(name) if shown_below => name,
                    _ => &path,
                };
                let (source, diagnostics) = read_text(file, &path, &name.display().to_string())?;
                return Ok(FoundDockerfile {
                    path,
                    source,
                    diagnostics,
                });
            }
        }
    }
    let name = option.unwrap_or(Path::new("Dockerfile"));
    Err(ContextError::NoDockerfile {
        near: nearest_file(context, name),
        name: name.to_owned(),
        context: context.to_owned(),
    })
}

/// Finds and reads the ignore file: the Dockerfile's own, its name and `.dockerignore` beside it, or else
/// `.dockerignore` in the context directory. The two are never combined.
///
/// `dockerfile` is absent for named contexts and for a Dockerfile from the standard input.
pub fn find_ignore(context: &Path, dockerfile: Option<&Path>) -> Result<FoundIgnore, ContextError> {
    let own = dockerfile.and_then(|path| {
        let mut name = path.file_name()?.to_owned();
        name.push(".dockerignore");
        Some(path.with_file_name(name))
    });
    for path in own.into_iter().chain([context.join(".dockerignore")]) {
        match File::open(&path) {
            Err(error) if is_absence(&error) => {}
            Err(source) => return Err(ContextError::File { path, source }),
            Ok(file) => {
                let shown = path.strip_prefix(context).unwrap_or(&path).display().to_string();
                let (source, mut diagnostics) = read_text(file, &path, &shown)?;
                let (ignore, bad) = Ignore::parse(source.text());
                diagnostics.extend(bad);
                return Ok(FoundIgnore {
                    ignore,
                    path: Some(path),
                    source: Some(source),
                    diagnostics,
                });
            }
        }
    }
    Ok(FoundIgnore::default())
}

/// Reads a text of bounded size.
fn read_text(file: impl Read, path: &Path, name: &str) -> Result<(Source, Vec<Diagnostic>), ContextError> {
    let mut bytes = Vec::new();
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|source| ContextError::File {
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > LIMIT {
        return Err(ContextError::TooLarge {
            name: name.to_owned(),
            limit: LIMIT,
        });
    }
    Ok(source_of(name, bytes))
}

/// A text from bytes; what is no UTF-8 is replaced and reported.
pub(super) fn source_of(name: &str, bytes: Vec<u8>) -> (Source, Vec<Diagnostic>) {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (Source::new(name, text), Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len() + 16);
    let mut diagnostics = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().is_empty() {
            continue;
        }
        let start = text.len() as u32;
        text.push(char::REPLACEMENT_CHARACTER);
        // One is enough to say what the matter is: a file in another encoding has thousands.
        if diagnostics.is_empty() {
            let message = format!("`{name}` is not UTF-8 here");
            diagnostics.push(
                Diagnostic::error("not-utf8", Span::new(start, text.len() as u32), message)
                    .help("save the file as UTF-8"),
            );
        }
    }
    (Source::new(name, text), diagnostics)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A file in the directory that was probably meant.
fn nearest_file(context: &Path, name: &Path) -> Option<PathBuf> {
    let directory = context.join(name.parent()?);
    let wanted = name.file_name()?.to_str()?;
    let entries = std::fs::read_dir(&directory).ok()?;
    // A person finds theirs among the first few thousand; nobody waits for millions.
    let mut names: Vec<String> = entries
        .take(4096)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let near = crate::diagnostic::nearest(wanted, names.iter().map(String::as_str));
    let other = || names.iter().map(String::as_str).find(|name| *name == "Containerfile");
    let ending = || {
        let lower = |name: &&str| name.to_lowercase().ends_with(".dockerfile") || name.starts_with("Dockerfile.");
        names.iter().map(String::as_str).find(lower)
    };
    let found = near.or_else(other).or_else(ending)?;
    Some(name.with_file_name(found))
}
