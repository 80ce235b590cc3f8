//! Opens what a request names: the Dockerfile, its ignore file, and the contexts.

use super::load::{Loaded, Loader};
use super::request::{ContextSource, DockerfileSource, NamedContext, Request};
use super::{BuildError, Source};
use crate::context::{
    Context, ContextError, EmptyContext, FoundDockerfile, FoundIgnore, ListedContext, LocalContext, Stream,
    find_dockerfile, find_ignore, read_stream,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::execute::{Contexts, ExecuteError};
use crate::http::Url;
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
    /// Holds the files of contexts that came in a stream.
    pub(super) unpacked: Vec<Draft>,
}

/// A Dockerfile, where its context is, and what holds the context's files.
type Opened = (FoundDockerfile, Box<dyn Context>, Option<Draft>);

/// Reads the Dockerfile and opens the contexts but for named ones from the network; a stream is read to its end.
pub(super) fn read(request: &mut Request, loader: &Loader<'_>) -> Result<Read, BuildError> {
    let (store, cancel) = (loader.store, loader.cancel);
    let is_near = matches!(request.context, ContextSource::Directory(_) | ContextSource::Stream(_));
    let option = match &request.dockerfile {
        DockerfileSource::File(path) => Some(path.as_path()),
        DockerfileSource::Context | DockerfileSource::Text { .. } | DockerfileSource::Url(_) => None,
    };
    let given = match &request.dockerfile {
        DockerfileSource::Text { name, text } => Some(FoundDockerfile {
            path: PathBuf::from("-"),
            source: Source::new(name.clone(), text.clone()),
            diagnostics: Vec::new(),
        }),
        DockerfileSource::Url(address) => Some(loader.dockerfile(address)?),
        // A file of this machine beside a context that is not.
        DockerfileSource::File(path) if path.is_absolute() && !is_near => {
            Some(find_dockerfile(path.parent().unwrap_or(path), Some(path))?)
        }
        DockerfileSource::Context | DockerfileSource::File(_) => None,
    };
    let keeps_git_dir = request.build_args.iter().any(|(name, value)| {
        name == "BUILDKIT_CONTEXT_KEEP_GIT_DIR" && matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
    });
    let (mut place, mut is_far) = (None, given.is_some());
    let (dockerfile, main, unpacked): Opened = match &mut request.context {
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
                    let found = find_dockerfile(directory, option)?;
                    let path = found.path.clone();
                    (found, Some(path))
                }
            };
            let context = open(directory, beside.as_deref(), store, cancel)?;
            (dockerfile, Box::new(context), None)
        }
        ContextSource::Stream(stream) => match (read_stream("-", stream)?, given) {
            (Stream::Tar(tar), given) => {
                let draft = store.draft()?;
                let context = tar.unpack(draft.tree(), Some(&cancel.flag()))?;
                (found_in(&context, "-", option, given)?, Box::new(context), Some(draft))
            }
            (Stream::Dockerfile(dockerfile), None) if option.is_none() => (dockerfile, Box::new(EmptyContext), None),
            (Stream::Dockerfile(_), _) => return Err(BuildError::NoTar("on standard input".to_owned())),
        },
        ContextSource::Git(source) => {
            if keeps_git_dir {
                source.keep_git_dir = Some(true);
            }
            let context = loader.git(source)?;
            // The commit is left out: the next one's build is compared with this one's.
            place = Some(format!("{} {}", source.public_remote(), source.subdir));
            (
                found_in(&context, &source.to_string(), option, given)?,
                Box::new(context),
                None,
            )
        }
        ContextSource::Url(address) => {
            let (loaded, draft) = loader.url(address)?;
            let name = Url::parse(address).map_err(ExecuteError::from)?.to_string();
            place = Some(name.clone());
            match (loaded, given) {
                (Loaded::Files(context), given) => (
                    found_in(&context, &name, option, given)?,
                    Box::new(context),
                    Some(draft),
                ),
                (Loaded::Dockerfile(_, context), Some(given)) => (given, Box::new(context), Some(draft)),
                (Loaded::Dockerfile(dockerfile, context), None) if option.is_none() => {
                    is_far = true;
                    (dockerfile, Box::new(context), Some(draft))
                }
                (Loaded::Dockerfile(..), None) => return Err(BuildError::NoTar(format!("`{name}`"))),
            }
        }
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
    let shown = path.display().to_string();
    let name = match place {
        Some(place) if !is_far => format!("{place} {shown}"),
        _ if shown.contains("://") => shown,
        _ => std::path::absolute(&path).unwrap_or(path).display().to_string(),
    };
    Ok(Read {
        contexts: Contexts::new(main, named),
        source,
        warnings: diagnostics,
        name,
        unpacked: unpacked.into_iter().collect(),
    })
}

/// The Dockerfile that was given, or else that of the context, whose name is `name`.
fn found_in(
    context: &ListedContext,
    name: &str,
    option: Option<&Path>,
    given: Option<FoundDockerfile>,
) -> Result<FoundDockerfile, BuildError> {
    match given {
        Some(given) => Ok(given),
        None => {
            let option = option.map(Path::to_string_lossy);
            Ok(context.find_dockerfile(name, option.as_deref())?)
        }
    }
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
