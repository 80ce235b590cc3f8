//! Contexts and Dockerfiles that come over the network.

use super::{BuildError, NamedContext, Progress};
use crate::context::{Context, FoundDockerfile, ListedContext, Stream, read_stream};
use crate::execute::{CheckedOut, ExecuteError, Page, Remotes};
use crate::http::Url;
use crate::layer::{Content, DeltaWriter, Entry, Host, Kind, Time, UNKNOWN_DIGEST};
use crate::plan::{Base, From, GitSource, Graph, MountKind, Op};
use crate::schedule::Cancel;
use crate::store::{Draft, Store};
use std::collections::BTreeSet;

/// What fetches.
pub(super) struct Loader<'a> {
    pub(super) store: &'a Store,
    pub(super) host: &'a Host,
    pub(super) remotes: &'a Remotes<'a>,
    pub(super) cancel: &'a Cancel,
    pub(super) progress: &'a (dyn Fn(Progress) + Sync),
}

/// As a page is called in a context, and as BuildKit calls it.
const PAGE: &str = "context";

/// A context, and what holds its files.
type Held = (Box<dyn Context>, Option<Draft>);

/// What a page is, and its context.
pub(super) enum Loaded {
    /// An archive: the context.
    Files(ListedContext),
    /// A Dockerfile, and itself as the only file.
    Dockerfile(FoundDockerfile, ListedContext),
}

impl Loader<'_> {
    /// The files of a commit.
    pub(super) fn git(&self, source: &GitSource) -> Result<ListedContext, BuildError> {
        let checkout = self.remotes.look_up(source)?;
        (self.progress)(Progress::Loading(format!("{source} at {}", checkout.commit())));
        let CheckedOut {
            content,
            time,
            modified,
        } = self.remotes.check_out(&checkout, self.host)?;
        let gone = || ExecuteError::DeltaGone(content);
        let delta = self.store.delta(&content)?.ok_or_else(gone)?;
        let mut entries = delta.listing()?.entries().to_vec();
        if let Some(modified) = modified {
            entries.iter_mut().for_each(|entry| entry.mtime = modified);
        }
        Ok(ListedContext::new(delta.tree(), entries)?.with_time(Some(time)))
    }

    /// An archive or a Dockerfile; the draft holds the files.
    pub(super) fn url(&self, address: &str) -> Result<(Loaded, Draft), BuildError> {
        let (name, page) = self.page(address)?;
        let (draft, loaded) = match read_stream(&name, page.open(self.store)?)? {
            Stream::Tar(tar) => {
                let draft = self.store.draft()?;
                let files = tar.unpack(draft.tree(), Some(&self.cancel.flag()))?;
                let modified = page.modified().map(|seconds| Time {
                    seconds,
                    nanoseconds: 0,
                });
                (draft, Loaded::Files(files.with_time(modified)))
            }
            Stream::Dockerfile(text) => {
                let (draft, files) = self.alone(&page)?;
                (draft, Loaded::Dockerfile(text, files))
            }
        };
        Ok((loaded, draft))
    }

    /// A Dockerfile.
    pub(super) fn dockerfile(&self, address: &str) -> Result<FoundDockerfile, BuildError> {
        let (name, page) = self.page(address)?;
        match read_stream(&name, page.open(self.store)?)? {
            Stream::Dockerfile(text) => Ok(text),
            Stream::Tar(_) => Err(BuildError::NoText(name)),
        }
    }

    /// A named context that is not on this machine, and what holds its files.
    pub(super) fn named(&self, context: &NamedContext) -> Result<Option<Held>, BuildError> {
        Ok(match context {
            NamedContext::Git(source) => Some((Box::new(self.git(source)?), None)),
            NamedContext::Url(address) => {
                let (_, page) = self.page(address)?;
                let (draft, files) = self.alone(&page)?;
                Some((Box::new(files), Some(draft)))
            }
            NamedContext::Directory(_) | NamedContext::Layout { .. } | NamedContext::Image(_) => None,
        })
    }

    /// A page, and its address without secrets.
    fn page(&self, address: &str) -> Result<(String, Page), BuildError> {
        let name = Url::parse(address).map_err(ExecuteError::from)?.to_string();
        (self.progress)(Progress::Loading(name.clone()));
        Ok((name, self.remotes.page(address, None)?))
    }

    /// A context with nothing but a page.
    fn alone(&self, page: &Page) -> Result<(Draft, ListedContext), BuildError> {
        let draft = self.store.draft()?;
        let listed = |source| ExecuteError::File {
            action: "open",
            path: draft.tree().to_path_buf(),
            source,
        };
        let tree = draft.tree_fd().try_clone_to_owned().map_err(listed)?;
        let writer = DeltaWriter::new(tree, *self.host);
        let entry = Entry {
            path: PAGE.as_bytes().into(),
            kind: Kind::File {
                size: page.size(),
                digest: UNKNOWN_DIGEST,
            },
            mode: 0o600,
            uid: 0,
            gid: 0,
            mtime: Time {
                seconds: page.modified().unwrap_or_default(),
                nanoseconds: 0,
            },
            xattrs: Vec::new(),
        };
        let mut content = page.open(self.store)?;
        let listing = writer
            .put(entry, Content::Reader(&mut content))
            .and_then(|()| writer.finish())
            .map_err(ExecuteError::from)?;
        let files = ListedContext::new(draft.tree(), listing.into_entries())?;
        Ok((draft, files))
    }
}

/// The named contexts that the steps of a graph take files from.
pub(super) fn used(graph: &Graph) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for step in graph.steps.node_weights() {
        match &step.op {
            Op::Base(Base::Directory { name }) => {
                names.insert(name.as_str());
            }
            Op::Copy(copy) => names.extend(name_of(&copy.from)),
            Op::Run(run) => {
                for mount in &run.mounts {
                    match &mount.kind {
                        MountKind::Bind { from, .. }
                        | MountKind::Cache {
                            seed: Some((from, _)), ..
                        } => names.extend(name_of(from)),
                        MountKind::Cache { seed: None, .. }
                        | MountKind::Tmpfs { .. }
                        | MountKind::Secret { .. }
                        | MountKind::Ssh { .. } => {}
                    }
                }
            }
            Op::Base(_) | Op::Workdir(_) => {}
        }
    }
    names
}

fn name_of(from: &From) -> Option<&str> {
    match from {
        From::Named(name) => Some(name),
        From::Context | From::Step(_) => None,
    }
}
