//! A tree whose deltas are on disk, ready to be read, mounted or built upon.

use super::ExecuteError;
use super::layers::unpacking;
use super::tree::{Tree, TreeLayer};
use crate::digest::{ContentId, Fields};
use crate::layer::{Found, Host, Kind, Listing, View, flatten_to};
use crate::store::{Delta, Store};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The deltas of a tree, lowest first, and the view of all of them.
#[derive(Debug, Clone)]
pub struct Stack {
    deltas: Vec<Arc<Held>>,
    view: View,
}

/// A delta, and its directory once it was opened.
#[derive(Debug)]
struct Held {
    delta: Delta,
    tree: OnceLock<Option<OwnedFd>>,
}

/// overlayfs takes 500 directories at once (Linux `fs/overlayfs/params.h`, `OVL_MAX_STACK`), some of which a sandbox
/// needs itself.
const MOST_LAYERS: usize = 400;
/// How many stay apart when the others are put together, at least.
const KEPT_LAYERS: usize = 100;
/// Deltas are put together in multiples of this number.
const FLAT_STEP: usize = 100;
/// The kind of memo that names the delta that others were put together to.
const FLAT: &str = "flattened deltas";

/// Files that are read whole, such as `/etc/passwd`, may not be larger.
const SMALL: u64 = 1 << 20;

impl Stack {
    /// No deltas: the root file system of `FROM scratch`.
    pub fn empty() -> Self {
        Self {
            deltas: Vec::new(),
            view: View::new(Vec::new()),
        }
    }

    /// Fetches and unpacks what is missing.
    pub fn of(tree: &Tree, store: &Store, host: &Host) -> Result<Self, ExecuteError> {
        Self::empty().with(&tree.layers(), store, host)
    }

    /// The stack with further layers, lowest first.
    fn with(self, layers: &[&TreeLayer], store: &Store, host: &Host) -> Result<Self, ExecuteError> {
        let mut missing = Vec::new();
        for layer in layers {
            if let TreeLayer::Base(image, index) = layer
                && image.unpacked(*index, store)?.is_none()
            {
                missing.push((&**image, *index));
            }
        }
        unpacking(&missing, store, host, || self.with_fetched(layers, store, host))
    }

    fn with_fetched(self, layers: &[&TreeLayer], store: &Store, host: &Host) -> Result<Self, ExecuteError> {
        let mut deltas = self.deltas;
        for layer in layers {
            let content = match layer {
                TreeLayer::Delta(content) => *content,
                TreeLayer::Base(image, index) => match image.unpacked(*index, store)? {
                    Some(content) => content,
                    None => image.unpack(*index, store, host, &Self::stacked(deltas.clone())?)?,
                },
            };
            let delta = store.delta(&content)?.ok_or(ExecuteError::DeltaGone(content))?;
            // Many trees have deltas that change nothing, such as a WORKDIR that was there; they cost no mount.
            if !delta.listing()?.entries().is_empty() {
                deltas.push(Arc::new(Held {
                    delta,
                    tree: OnceLock::new(),
                }));
            }
        }
        if deltas.len() > MOST_LAYERS {
            deltas = Self::shortened(deltas, store, host)?;
        }
        Self::stacked(deltas)
    }

    /// The same files in fewer deltas: the lower ones become one, which the store remembers.
    fn shortened(mut deltas: Vec<Arc<Held>>, store: &Store, host: &Host) -> Result<Vec<Arc<Held>>, ExecuteError> {
        // In steps of a fixed number of layers, so that one more layer does not make everything anew.
        let count = (deltas.len() - KEPT_LAYERS) / FLAT_STEP * FLAT_STEP;
        let upper = deltas.split_off(count);
        let key = {
            let mut fields = Fields::new("varve 2026 flattened deltas v1");
            fields.list(deltas.iter().map(|held| held.delta.content().as_bytes()));
            *fields.file_digest().as_bytes()
        };
        let known = store
            .memo(FLAT, &key)?
            .and_then(|id| id.try_into().ok())
            .map(ContentId::from_bytes);
        let content = match known {
            Some(content) if store.has_delta(&content)? => content,
            _ => {
                let lower = Self::stacked(deltas)?;
                let trees: Option<Vec<BorrowedFd<'_>>> =
                    (0..lower.deltas.len()).map(|index| lower.tree(index)).collect();
                let trees = trees.ok_or_else(|| ExecuteError::Internal("a delta can't be opened".to_owned()))?;
                let draft = store.draft()?;
                let writer = super::base::writer(&draft, host)?;
                flatten_to(lower.view(), &trees, &writer)?;
                let content = store.keep(draft, &writer.finish()?)?;
                store.put_memo(FLAT, &key, content.as_bytes())?;
                content
            }
        };
        let delta = store.delta(&content)?.ok_or(ExecuteError::DeltaGone(content))?;
        let mut short = vec![Arc::new(Held {
            delta,
            tree: OnceLock::new(),
        })];
        short.extend(upper);
        Ok(short)
    }

    fn stacked(deltas: Vec<Arc<Held>>) -> Result<Self, ExecuteError> {
        let listings: Result<Vec<Arc<Listing>>, _> = deltas.iter().map(|held| held.delta.listing()).collect();
        Ok(Self {
            view: View::new(listings?),
            deltas,
        })
    }

    /// The root file system without a disk.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The directories to mount, lowest first, each once.
    ///
    /// Steps that leave the same have one delta, and the kernel mounts no directory twice. The upper place alone gives
    /// the same tree: all that the delta has or hides at the lower place it has or hides at the upper one again.
    pub fn lowers(&self) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let from_top = self.deltas.iter().rev();
        let mut lowers: Vec<PathBuf> = from_top
            .filter(|held| seen.insert(held.delta.content()))
            .map(|held| held.delta.tree().to_path_buf())
            .collect();
        lowers.reverse();
        lowers
    }

    /// Where an entry lies on disk.
    pub fn path_of(&self, found: &Found<'_>) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStrExt as _;
        let held = self.deltas.get(found.layer)?;
        Some(held.delta.tree().join(std::ffi::OsStr::from_bytes(&found.entry.path)))
    }

    /// The directory of a delta.
    pub fn tree(&self, layer: usize) -> Option<BorrowedFd<'_>> {
        let held = self.deltas.get(layer)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tree = held
            .tree
            .get_or_init(|| rustix::fs::open(held.delta.tree(), flags, Mode::empty()).ok());
        tree.as_ref().map(|tree| tree.as_fd())
    }

    /// Opens a regular file of the tree. The path is that of the listing; no link on the way is followed.
    pub fn open(&self, found: &Found<'_>) -> std::io::Result<File> {
        let tree = self.tree(found.layer).ok_or(std::io::ErrorKind::NotFound)?;
        let file = rustix::fs::openat2(
            tree,
            &*found.entry.path,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )?;
        Ok(File::from(file))
    }

    /// The content of a small file such as `etc/passwd`, links followed inside the tree; `None` when there is no such
    /// file, or it is too large to be what it should be.
    pub fn read_small(&self, path: &[u8]) -> Option<Vec<u8>> {
        let found = self.view.resolve(path, true).ok()?.found?;
        let Kind::File { size, .. } = self.view.file_of(&found).kind else {
            return None;
        };
        if size > SMALL {
            return None;
        }
        let mut content = Vec::new();
        self.open(&found).ok()?.take(SMALL).read_to_end(&mut content).ok()?;
        Some(content)
    }
}

/// The stacks that were made last: the next step mostly stands on one of them, or on one more layer.
#[derive(Debug, Default)]
pub struct Stacks(Mutex<VecDeque<(Tree, Stack)>>);

/// About the number of stages that are built at once.
const REMEMBERED: usize = 8;

impl Stacks {
    /// As [`Stack::of`], on top of the nearest stack that is known.
    ///
    /// # Errors
    /// When a layer of a base can't be fetched or unpacked, or a delta is gone.
    pub fn of(&self, tree: &Tree, store: &Store, host: &Host) -> Result<Stack, ExecuteError> {
        // Of more layers the lower ones are put together, always the same ones.
        if tree.depth() > MOST_LAYERS {
            return Stack::of(tree, store, host);
        }
        let (base, above) = self.nearest(tree);
        if above.is_empty() {
            return Ok(base);
        }
        let stack = base.with(&above, store, host)?;
        let mut known = self.known();
        known.truncate(REMEMBERED - 1);
        known.push_front((tree.clone(), stack.clone()));
        Ok(stack)
    }

    /// The stack of the highest tree below that is known, and the layers between.
    fn nearest<'t>(&self, tree: &'t Tree) -> (Stack, Vec<&'t TreeLayer>) {
        let known = self.known();
        let mut above = Vec::new();
        for (below, layer) in tree.downwards() {
            if let Some((_, stack)) = known.iter().find(|(tree, _)| tree.is_at(below)) {
                above.reverse();
                return (stack.clone(), above);
            }
            above.push(layer);
        }
        above.reverse();
        (Stack::empty(), above)
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(Tree, Stack)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
