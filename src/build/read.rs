//! Opens what a request names: the Dockerfile, its ignore file, and the contexts.

use super::request::{ContextSource, DockerfileSource, NamedContext, Request};
use super::{BuildError, Source};
use crate::context::{
    Context, ContextError, EmptyContext, FoundDockerfile, FoundIgnore, LocalContext, Stdin, find_dockerfile,
    find_ignore, read_stdin,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::execute::Contexts;
use crate::schedule::Cancel;
use crate::store::{Draft, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was read.
pub(super) struct Read {
    pub(super) contexts: Contexts,
    pub(super) source: Source,
    pub(super) warnings: Vec<Diagnostic>,
    /// Names the Dockerfile among all that share the store.
    pub(super) name: String,
    /// Holds the files of a context that came in a stream.
    pub(super) _unpacked: Option<Draft>,
}

/// Reads the Dockerfile and opens the contexts; a stream is read to its end.
pub(super) fn read(request: &mut Request, store: &Store, cancel: &Cancel) -> Result<Read, BuildError> {
    let mut unpacked = None;
    let option = match &request.dockerfile {
        DockerfileSource::File(path) => Some(path.clone()),
        DockerfileSource::Context | DockerfileSource::Text { .. } => None,
    };
    let given = match &request.dockerfile {
        DockerfileSource::Text { name, text } => {
            let source = Source::new(name.clone(), text.clone());
            Some(FoundDockerfile {
                path: PathBuf::from("-"),
                source,
                diagnostics: Vec::new(),
            })
        }
        DockerfileSource::Context | DockerfileSource::File(_) => None,
    };
    let (dockerfile, main): (FoundDockerfile, Box<dyn Context>) = match &mut request.context {
        ContextSource::Directory(directory) => {
            // Said first, or the message would be about a Dockerfile that is missing in it.
            std::fs::read_dir(&*directory).map_err(|source| ContextError::Open {
                path: directory.clone(),
                source,
            })?;
            // Of a Dockerfile that is not a file, none can be beside it.
            let (dockerfile, beside) = match given {
                Some(given) => (given, None),
                None => {
                    let found = find_dockerfile(directory, option.as_deref())?;
                    let path = found.path.clone();
                    (found, Some(path))
                }
            };
            let context = open(directory, beside.as_deref(), store, cancel)?;
            (dockerfile, Box::new(context))
        }
        ContextSource::Stream(stream) => match (read_stdin(stream)?, given) {
            (Stdin::Tar(tar), given) => {
                let draft = store.draft()?;
                let context = tar.unpack(draft.tree(), Some(&cancel.flag()))?;
                unpacked = Some(draft);
                let option = option.as_deref().map(Path::to_string_lossy);
                let dockerfile = match given {
                    Some(given) => given,
                    None => context.find_dockerfile(option.as_deref())?,
                };
                (dockerfile, Box::new(context))
            }
            (Stdin::Dockerfile(dockerfile), None) if option.is_none() => (dockerfile, Box::new(EmptyContext)),
            (Stdin::Dockerfile(_), _) => return Err(BuildError::NoTar),
        },
    };
    refuse(&dockerfile.source, &dockerfile.diagnostics)?;
    let mut named: BTreeMap<String, Box<dyn Context>> = BTreeMap::new();
    for (name, context) in &request.named_contexts {
        if let NamedContext::Directory(directory) = context {
            named.insert(name.clone(), Box::new(open(directory, None, store, cancel)?));
        }
    }
    let FoundDockerfile {
        path,
        source,
        diagnostics,
    } = dockerfile;
    let name = std::path::absolute(&path).unwrap_or(path).display().to_string();
    Ok(Read {
        contexts: Contexts::new(main, named),
        source,
        warnings: diagnostics,
        name,
        _unpacked: unpacked,
    })
}

/// Opens a directory with its ignore file; what is learnt about the files is kept in the store.
fn open(
    directory: &Path,
    dockerfile: Option<&Path>,
    store: &Store,
    cancel: &Cancel,
) -> Result<LocalContext, BuildError> {
    let FoundIgnore {
        ignore,
        source,
        diagnostics,
        ..
    } = find_ignore(directory, dockerfile)?;
    if let Some(source) = source {
        refuse(&source, &diagnostics)?;
    }
    // One directory has one index, however it is written.
    let whole = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
    let index = store.context_index(&whole);
    Ok(LocalContext::open(directory, ignore, Some(&index))?.with_cancel(cancel.flag()))
}

fn refuse(source: &Source, diagnostics: &[Diagnostic]) -> Result<(), BuildError> {
    let errors: Vec<Diagnostic> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .cloned()
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(BuildError::Dockerfile {
            text: Box::new(source.clone()),
            diagnostics: errors,
        })
    }
}
