//! Does one step: the only place where files, sandbox and layers meet.
//!
//! Enter by [`Executor`], which is what [`schedule::run`](crate::schedule::run) calls for each step of a graph;
//! what a step leaves is a [`Tree`].
//!
//! Invariant: a step that is found in the cache touches no delta; nothing is fetched, unpacked or mounted for it.

mod archive;
mod base;
mod checkout;
mod clock;
mod copy;
mod error;
mod layers;
mod mode;
mod mounts;
mod owner;
mod place;
mod remote;
mod run;
mod secret;
mod sources;
mod stack;
mod tree;
mod workdir;

pub use base::{AS_IT_CAME, BaseImage, Bases};
pub use checkout::{CheckedOut, Checkout};
pub use error::ExecuteError;
pub use layers::fetch_layers;
pub use remote::{Page, Remotes, Used};
pub use secret::Secret;
pub use sources::Contexts;
pub use stack::{Stack, Stacks};
pub use tree::{Tree, TreeLayer};

use crate::agent::Agents;
use crate::cache::{self, Found, Ingredients, MountContent, SourceContent};
use crate::digest::{FileDigest, StepKey};
use crate::exchange::Imports;
use crate::layer::{Host, OverlayXattrs, Time};
use crate::plan::{Base, Copy, From, Graph, ImageKey, MountKind, Op, Run, Source, StepId};
use crate::sandbox::{GroupLimits, Overlay};
use crate::schedule::{Cancel, Inputs, Listener, Lookup, Work};
use crate::store::{Known, StepDone, Store};
use sources::Files;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Rights that a build was given beyond the usual ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// `RUN --security=insecure`.
    pub insecure: bool,
    /// `RUN --network=host`.
    pub host_network: bool,
}

/// What commands see of the machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Content of `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// What each may use of memory and processors.
    pub limits: GroupLimits,
}

/// Does the steps of one graph.
#[derive(Debug)]
pub struct Executor<'a> {
    /// The steps.
    pub graph: &'a Graph,
    /// Where results are kept.
    pub store: &'a Store,
    /// How trees can be written here.
    pub host: Host,
    /// The images that the graph's bases name.
    pub bases: &'a Bases,
    /// The user's files.
    pub contexts: &'a Contexts,
    /// What comes over the network.
    pub remotes: &'a Remotes<'a>,
    /// Values of secrets, by id.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// Agents that steps may use, by id.
    pub agents: &'a Agents,
    /// What is allowed.
    pub rights: Rights,
    /// What commands see of the machine.
    pub machine: Machine,
    /// The root file systems that were used last.
    pub stacks: Stacks,
    /// Names the Dockerfile among all that share the store, so that a miss is compared with the same file's builds.
    pub name: String,
    /// What others have done.
    pub imports: &'a Imports<'a>,
    /// What was done and learnt.
    pub notes: Notes,
}

/// What a build did and learnt, to be noted when it ends.
#[derive(Debug, Default)]
pub struct Notes {
    reused: Mutex<Vec<StepKey>>,
    keys: Mutex<BTreeMap<StepId, StepKey>>,
    /// What was selected from trees of steps, by the key of the memo.
    selections: Mutex<BTreeMap<FileDigest, FileDigest>>,
    /// Whether results were reused that are not here.
    far: AtomicBool,
    /// Identities and ids of cache mounts that commands had.
    mounts: Mutex<BTreeMap<FileDigest, String>>,
}

/// What a look-up found out and the work needs again.
#[derive(Debug)]
pub struct Prepared {
    ingredients: Ingredients,
    /// The files to copy from, when the look-up had to see them.
    files: Option<Files>,
    /// The sources that come over the network, in order.
    remotes: Vec<Remote>,
}

/// A source that comes over the network.
#[derive(Debug)]
enum Remote {
    Page(Page),
    Git(Checkout),
}

impl Work for Executor<'_> {
    type Output = Tree;
    type Prepared = Prepared;
    type Error = ExecuteError;

    fn is_costly(&self, step: StepId) -> bool {
        // Others are asked over the network, where the store does not know.
        let asks = !self.imports.is_empty();
        match &self.graph.steps[step].op {
            Op::Run(_) | Op::Workdir(_) if asks => true,
            Op::Base(Base::Directory { .. }) | Op::Copy(_) => true,
            Op::Run(run) => run
                .mounts
                .iter()
                .any(|mount| matches!(mount.kind, MountKind::Bind { .. })),
            Op::Base(_) | Op::Workdir(_) => false,
        }
    }

    fn look_up(&self, step: StepId, inputs: &Inputs<Tree>) -> Result<Lookup<Tree, Prepared>, ExecuteError> {
        let Some(root) = inputs.root() else {
            return self.look_up_base(step);
        };
        let prepared = match &self.graph.steps[step].op {
            Op::Base(_) => return self.look_up_base(step),
            Op::Run(run) => self.prepare_run(run, root, inputs)?,
            Op::Copy(copy) => self.prepare_copy(copy, root, inputs)?,
            Op::Workdir(workdir) => Prepared {
                ingredients: Ingredients::of_workdir(root.id(), workdir, self.graph.source_date_epoch),
                files: None,
                remotes: Vec::new(),
            },
        };
        self.ask(step, root, prepared)
    }

    fn perform(
        &self,
        step: StepId,
        inputs: &Inputs<Tree>,
        prepared: Prepared,
        cancel: &Cancel,
        events: &dyn Listener,
    ) -> Result<Tree, ExecuteError> {
        let empty = Arc::new(Tree::empty());
        let root = inputs.root().unwrap_or(&empty);
        // The same step of another stage, or of another build, may be under way.
        let _alone = self
            .store
            .lock_step(&prepared.ingredients.key(), &|| cancel.is_cancelled())?;
        if !self.graph.steps[step].no_cache
            && let Some(done) = self.store.done(&prepared.ingredients.key())?
            && self.store.has_delta(&done.content)?
        {
            self.notes.key(step, prepared.ingredients.key());
            return Ok(root.with(done.content, done.created));
        }
        let started = Instant::now();
        let draft = self.store.draft()?;
        let listing = match &self.graph.steps[step].op {
            Op::Base(Base::Directory { name }) => copy::whole_context(self, name, &draft)?,
            Op::Base(_) => return Err(ExecuteError::Internal("a base image has nothing to do".to_owned())),
            Op::Run(run) => {
                let stack = self.stack(root)?;
                let mounted = self.mounted(run, inputs)?;
                let running = run::Running {
                    executor: self,
                    step,
                    run,
                    draft: &draft,
                    cancel,
                    events,
                };
                run::perform(&running, &stack, &mounted)?
            }
            Op::Copy(copy) => {
                let (draft, place) = (&draft, &self.place(step));
                let prepared = &prepared;
                copy::perform(&copy::Job {
                    executor: self,
                    copy,
                    root,
                    inputs,
                    prepared,
                    draft,
                    cancel,
                    place,
                })?
            }
            Op::Workdir(workdir) => workdir::perform(self, workdir, &self.stack(root)?, &draft)?,
        };
        cancel.check()?;
        let content = self.store.keep(draft, &listing)?;
        let done = StepDone {
            content,
            created: now(),
            duration: started.elapsed(),
        };
        let tree = root.with(done.content, done.created);
        cache::record(self.store, &prepared.ingredients, &self.place(step), done)?;
        self.notes.key(step, prepared.ingredients.key());
        Ok(tree)
    }
}

impl Notes {
    fn reuse(&self, key: StepKey) {
        self.reused.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    fn key(&self, step: StepId, key: StepKey) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(step, key);
    }

    fn select(&self, memo: FileDigest, content: FileDigest) {
        let mut selections = self.selections.lock().unwrap_or_else(PoisonError::into_inner);
        selections.insert(memo, content);
    }

    /// The key of a step that is done; bases have none.
    pub fn key_of(&self, step: StepId) -> Option<StepKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&step).copied()
    }

    fn mount(&self, id: &str, identity: FileDigest) {
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.insert(identity, id.to_owned());
    }

    /// Identities and ids of the cache mounts that commands had.
    pub fn mounts(&self) -> BTreeMap<FileDigest, String> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was selected from trees of steps.
    pub fn selections(&self) -> BTreeMap<FileDigest, FileDigest> {
        self.selections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether results were reused that are not here.
    pub fn has_far(&self) -> bool {
        self.far.load(Ordering::Relaxed)
    }
}

impl Executor<'_> {
    /// Renews the time of last use of all that was reused, in one transaction.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn note_uses(&self) -> Result<(), ExecuteError> {
        let keys = self.notes.reused.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.store.mark_used(&keys, &self.bases.layers())?)
    }

    fn look_up_base(&self, step: StepId) -> Result<Lookup<Tree, Prepared>, ExecuteError> {
        match &self.graph.steps[step].op {
            Op::Base(Base::Scratch) => Ok(Lookup::Hit(Tree::empty())),
            Op::Base(Base::Image {
                reference, platform, ..
            }) => {
                let key = ImageKey {
                    reference: reference.clone(),
                    platform: platform.clone(),
                };
                Ok(Lookup::Hit(Tree::of_base(self.bases.image(&key)?)))
            }
            Op::Base(Base::Directory { name }) => {
                let copy = Copy::of_everything(From::Named(name.clone()));
                let prepared = self.prepare_copy(&copy, &Tree::empty(), &Inputs::none())?;
                self.ask(step, &Tree::empty(), prepared)
            }
            Op::Run(_) | Op::Copy(_) | Op::Workdir(_) => {
                Err(ExecuteError::Internal("a step has no root file system".to_owned()))
            }
        }
    }

    fn ask(&self, step: StepId, root: &Tree, prepared: Prepared) -> Result<Lookup<Tree, Prepared>, ExecuteError> {
        if self.graph.steps[step].no_cache {
            return Ok(Lookup::Miss(prepared, cache::MissReason::NoCache));
        }
        let key = prepared.ingredients.key();
        let reason = match cache::look_up(self.store, &prepared.ingredients, &self.place(step))? {
            Found::Hit(done, known) => {
                self.notes.reuse(key);
                self.notes.key(step, key);
                if known == Known::Elsewhere {
                    self.notes.far.store(true, Ordering::Relaxed);
                }
                return Ok(Lookup::Hit(root.with(done.content, done.created)));
            }
            Found::Miss(reason) => reason,
        };
        let Some((record, place)) = self.imports.find(&key) else {
            return Ok(Lookup::Miss(prepared, reason));
        };
        self.imports.note(&record, place)?;
        let done = StepDone {
            content: record.content,
            created: record.created,
            duration: Duration::ZERO,
        };
        cache::record(self.store, &prepared.ingredients, &self.place(step), done)?;
        self.notes.key(step, key);
        if !self.store.has_delta(&done.content)? {
            self.notes.far.store(true, Ordering::Relaxed);
        }
        Ok(Lookup::Told(root.with(done.content, done.created), place.to_string()))
    }

    /// Names a step across builds, whatever its text is.
    fn place(&self, step: StepId) -> String {
        let step = &self.graph.steps[step];
        format!("{}\n{}\n{}", self.name, step.stage, step.position.0)
    }

    /// The files of a tree; what others have of it is brought here.
    ///
    /// # Errors
    /// [`ExecuteError::Lost`] when it can't be had, and as [`Stacks::of`].
    pub fn stack(&self, tree: &Tree) -> Result<Stack, ExecuteError> {
        match self.stacks.of(tree, self.store, &self.host) {
            Err(ExecuteError::DeltaGone(_)) => {
                self.imports.bring(&tree.deltas())?;
                self.stacks.of(tree, self.store, &self.host)
            }
            other => other,
        }
    }

    fn overlay(&self, lowers: Vec<PathBuf>) -> Overlay {
        let userxattr = self.host.overlay_xattrs == OverlayXattrs::User;
        Overlay {
            lowers,
            upper: None,
            userxattr,
            devices: false,
        }
    }

    fn prepare_run(&self, run: &Run, root: &Tree, inputs: &Inputs<Tree>) -> Result<Prepared, ExecuteError> {
        let contents: Result<Vec<MountContent>, ExecuteError> = run
            .mounts
            .iter()
            .map(|mount| self.mount_content(mount, inputs))
            .collect();
        Ok(Prepared {
            ingredients: Ingredients::of_run(root.id(), run, &contents?),
            files: None,
            remotes: Vec::new(),
        })
    }

    fn prepare_copy(&self, copy: &Copy, root: &Tree, inputs: &Inputs<Tree>) -> Result<Prepared, ExecuteError> {
        let mut remotes = Vec::new();
        for source in &copy.sources {
            match source {
                Source::Url(url) => remotes.push(Remote::Page(self.remotes.page(url, copy.checksum.as_deref())?)),
                Source::Git { source, .. } => remotes.push(Remote::Git(self.remotes.look_up(source)?)),
                Source::Path(_) | Source::Inline { .. } => {}
            }
        }
        let contents: Vec<_> = remotes
            .iter()
            .map(|remote| match remote {
                Remote::Page(page) => page.content(),
                Remote::Git(checkout) => checkout.content(&copy.excludes),
            })
            .collect();
        let (content, files) = self.selected(copy, inputs)?;
        let ingredients = Ingredients::of_copy(root.id(), copy, content.map(SourceContent), &contents);
        Ok(Prepared {
            ingredients,
            files,
            remotes,
        })
    }
}

fn now() -> Time {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Time {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        },
        Err(_) => Time::default(),
    }
}
