//! Where files come from: the user's contexts and the trees of stages, seen alike.

use super::mounts::{Mounted, Shown};
use super::stack::Stack;
use super::tree::Tree;
use super::{CheckedOut, ExecuteError, Executor};
use crate::cache::{Ingredients, MountContent};
use crate::context::{
    Context, Hints, Ignore, Overrides, Patterns, SelectError, SelectRequest, Selection, SourcePattern, digest_of,
    select,
};
use crate::digest::{Fields, FileDigest};
use crate::layer::{Content, DeltaWriter, Entry, Found, Kind, Time, TreePath, View};
use crate::plan::{Copy, From, Mount, MountKind, Run, Source};
use crate::schedule::Inputs;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// The user's directories: the build context and the named ones.
#[derive(Debug, Default)]
pub struct Contexts {
    main: Option<Box<dyn Context>>,
    named: BTreeMap<String, Box<dyn Context>>,
}

impl Contexts {
    /// Contexts by name.
    pub fn new(main: Box<dyn Context>, named: BTreeMap<String, Box<dyn Context>>) -> Self {
        Self {
            main: Some(main),
            named,
        }
    }

    /// What keeps files out of the main context, when there is such a thing.
    pub fn ignore(&self) -> Option<&Ignore> {
        self.main.as_deref().and_then(Context::ignore)
    }

    /// Whether there is a context of this name.
    pub fn has(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// One more context.
    pub fn add(&mut self, name: &str, context: Box<dyn Context>) {
        self.named.insert(name.to_owned(), context);
    }

    /// Keeps what was learnt about the files for the next build. That this fails costs time then, nothing else.
    pub fn save_indexes(&self) {
        for context in self.main.iter().chain(self.named.values()) {
            let _ = context.save();
        }
    }

    /// The moment that a context stands for, if it has one; without a name the build context's.
    pub fn time(&self, name: Option<&str>) -> Option<Time> {
        match name {
            None => self.main.as_ref()?.time(),
            Some(name) => self.named.get(name)?.time(),
        }
    }

    fn get(&self, from: &From) -> Result<Option<&dyn Context>, ExecuteError> {
        match from {
            From::Context => Ok(self.main.as_deref()),
            From::Named(name) => match self.named.get(name) {
                Some(context) => Ok(Some(&**context)),
                None => Err(ExecuteError::Internal(format!("the context `{name}` was not opened"))),
            },
            From::Step(_) => Ok(None),
        }
    }
}

/// Files to choose from, and how to open them.
#[derive(Debug)]
pub(super) struct Files {
    /// Whose files they are; nobody's when they come over the network.
    from: Option<From>,
    stack: Option<Stack>,
    view: View,
    /// When all of them were changed last, whatever their listing says.
    pub(super) modified: Option<Time>,
}

impl Files {
    /// All that the patterns can reach.
    pub(super) fn of(
        executor: &Executor<'_>,
        from: &From,
        patterns: &[SourcePattern],
        inputs: &Inputs<Tree>,
    ) -> Result<Self, ExecuteError> {
        if let From::Step(step) = *from {
            let tree = inputs
                .of(step)
                .ok_or_else(|| ExecuteError::Internal("a source was not built".to_owned()))?;
            let stack = executor.stack(tree)?;
            return Ok(Self {
                from: Some(from.clone()),
                view: stack.view().clone(),
                stack: Some(stack),
                modified: None,
            });
        }
        let listings = match executor.contexts.get(from)? {
            Some(context) => vec![context.list(patterns)?],
            None => Vec::new(),
        };
        Ok(Self {
            from: Some(from.clone()),
            view: View::new(listings),
            stack: None,
            modified: None,
        })
    }

    /// The files of a commit.
    pub(super) fn of_commit(executor: &Executor<'_>, files: CheckedOut) -> Result<Self, ExecuteError> {
        let stack = executor.stack(&Tree::empty().with(files.content, super::now()))?;
        Ok(Self {
            from: None,
            view: stack.view().clone(),
            stack: Some(stack),
            modified: files.modified,
        })
    }

    /// The context that they are in.
    fn context<'e>(&self, executor: &'e Executor<'_>) -> Result<Option<&'e dyn Context>, ExecuteError> {
        match &self.from {
            Some(from) => executor.contexts.get(from),
            None => Ok(None),
        }
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// Whether the files are a context's, and not those of steps.
    pub(super) fn are_the_users(&self) -> bool {
        self.stack.is_none()
    }

    /// Whether somebody may write to them while they are read.
    pub(super) fn may_change(&self, executor: &Executor<'_>) -> Result<bool, ExecuteError> {
        Ok(self.context(executor)?.is_some_and(Context::may_change))
    }

    /// Opens the content of a regular file.
    pub(super) fn open(&self, executor: &Executor<'_>, entry: &Entry, layer: usize) -> Result<File, ExecuteError> {
        let opened = match (&self.stack, self.context(executor)?) {
            (Some(stack), _) => stack.open(&Found { layer, entry }),
            (None, Some(context)) => context.open_file(&entry.path),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        };
        opened.map_err(|source| ExecuteError::File {
            action: "open",
            path: path_of(entry),
            source,
        })
    }

    /// Puts a file by giving it a second name, where the store has it already; `false` when it has to be copied.
    pub(super) fn link(
        &self,
        writer: &DeltaWriter,
        placed: &Entry,
        source: &Entry,
        layer: usize,
    ) -> Result<bool, ExecuteError> {
        match self.stack.as_ref().and_then(|stack| stack.tree(layer)) {
            Some(tree) => Ok(writer.link_from(placed, tree, source)?),
            None => Ok(false),
        }
    }

    /// Selects, with help for the user when something is not there.
    pub(super) fn select(
        &self,
        executor: &Executor<'_>,
        sources: &[SourcePattern],
        excludes: &Patterns,
    ) -> Result<Selection<'_>, ExecuteError> {
        let hints = self.context(executor)?.map(|context| context as &dyn Hints);
        Ok(select(
            &self.view,
            &SelectRequest {
                sources,
                excludes,
                hints,
            },
        )?)
    }
}

pub(super) fn path_of(entry: &Entry) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new("/").join(std::ffi::OsStr::from_bytes(&entry.path))
}

/// What the instruction says itself of what it copies.
fn overrides(copy: &Copy) -> Overrides {
    let octal = |mode: &String| mode.bytes().all(|byte| byte.is_ascii_digit());
    Overrides {
        mode: copy.chmod.as_ref().is_some_and(octal),
        owner: copy.chown.is_some(),
    }
}

/// The path sources of a COPY or ADD, and what it leaves out.
pub(super) fn patterns(copy: &Copy) -> Result<(Vec<SourcePattern>, Patterns), ExecuteError> {
    let mut patterns = Vec::new();
    for source in &copy.sources {
        if let Source::Path(path) = source {
            patterns.push(SourcePattern::new(path, copy.parents)?);
        }
    }
    Ok((patterns, Patterns::new(copy.excludes.iter().map(String::as_str))?))
}

impl Executor<'_> {
    /// The content of what a COPY or ADD selects, and the files when they had to be looked at.
    pub(super) fn selected(
        &self,
        copy: &Copy,
        inputs: &Inputs<Tree>,
    ) -> Result<(Option<FileDigest>, Option<Files>), ExecuteError> {
        let (sources, excludes) = patterns(copy)?;
        if sources.is_empty() {
            return Ok((None, None));
        }
        let overrides = overrides(copy);
        let memo = self.selection_memo(copy, &sources, &overrides, inputs)?;
        let of_step = matches!(copy.from, From::Step(_));
        if let Some(known) = memo.and_then(|key| self.remembered(&key, of_step).transpose()) {
            return Ok((Some(known?), None));
        }
        let files = Files::of(self, &copy.from, &sources, inputs)?;
        let digest = files.select(self, &sources, &excludes)?.digest(&overrides);
        if let Some(key) = memo {
            self.store.put_memo(SELECTION, &key, digest.as_bytes())?;
            if of_step {
                self.notes.select(FileDigest::from_bytes(key), digest);
            }
        }
        Ok((Some(digest), Some(files)))
    }

    /// Compares what a COPY selects from a step with what was remembered of it, which another machine may have told.
    ///
    /// # Errors
    /// [`ExecuteError::Lost`] when it is something else: then the right thing is remembered.
    pub(super) fn check_selected(
        &self,
        copy: &Copy,
        ingredients: &Ingredients,
        selection: &Selection<'_>,
        inputs: &Inputs<Tree>,
    ) -> Result<(), ExecuteError> {
        let (sources, _) = patterns(copy)?;
        let overrides = overrides(copy);
        let found = selection.digest(&overrides);
        let told = ingredients.named().iter().find(|(name, _)| name == "copied files");
        if sources.is_empty() || told.is_none_or(|(_, told)| *told == found.to_string()) {
            return Ok(());
        }
        if let Some(key) = self.selection_memo(copy, &sources, &overrides, inputs)? {
            self.store.put_memo(SELECTION, &key, found.as_bytes())?;
        }
        Err(self.imports.doubt().into())
    }

    /// The key under which it is remembered what a COPY selects; `None` when it is not.
    fn selection_memo(
        &self,
        copy: &Copy,
        sources: &[SourcePattern],
        overrides: &Overrides,
        inputs: &Inputs<Tree>,
    ) -> Result<Option<[u8; 32]>, ExecuteError> {
        let from = match &copy.from {
            From::Step(step) => inputs
                .of(*step)
                .map(|tree| ("varve 2026 selection memo v1", *tree.id().as_bytes())),
            from => match self.contexts.get(from)? {
                Some(context) => context
                    .state(sources)?
                    .map(|state| ("varve 2026 context selection memo v1", *state.as_bytes())),
                None => None,
            },
        };
        Ok(from.map(|(context, name)| {
            let mut fields = Fields::new(context);
            fields.bytes(name).list(sources.iter().map(SourcePattern::text));
            fields.list(copy.excludes.iter()).number(u64::from(copy.parents));
            fields
                .number(u64::from(overrides.mode))
                .number(u64::from(overrides.owner));
            *fields.file_digest().as_bytes()
        }))
    }

    /// The content that a mount of a RUN shows.
    pub(super) fn mount_content(&self, mount: &Mount, inputs: &Inputs<Tree>) -> Result<MountContent, ExecuteError> {
        let Some((from, source)) = shown_by(&mount.kind) else {
            return Ok(None);
        };
        let memo = match from {
            From::Step(step) => inputs.of(*step).map(|tree| {
                let mut fields = Fields::new("varve 2026 mount memo v1");
                *fields
                    .bytes(tree.id().as_bytes())
                    .bytes(source)
                    .file_digest()
                    .as_bytes()
            }),
            From::Context | From::Named(_) => None,
        };
        if let Some(known) = memo.and_then(|key| self.remembered(&key, true).transpose()) {
            return Ok(Some(known?));
        }
        let files = Files::of(self, from, &[SourcePattern::literal(source)], inputs)?;
        let digest = self.digest_shown(&files, from, source)?;
        if let Some(key) = memo {
            self.store.put_memo(SELECTION, &key, digest.as_bytes())?;
            self.notes.select(FileDigest::from_bytes(key), digest);
        }
        Ok(Some(digest))
    }

    fn digest_shown(&self, files: &Files, from: &From, source: &str) -> Result<FileDigest, ExecuteError> {
        // The root of an empty context is there, though nothing describes it.
        match digest_of(files.view(), source) {
            Ok(digest) => Ok(digest),
            // Asked again with hints, for a better message.
            Err(_) => match self.contexts.get(from)? {
                Some(_) => {
                    let sources = [SourcePattern::literal(source)];
                    Ok(files
                        .select(self, &sources, &Patterns::default())?
                        .digest(&Overrides::default()))
                }
                None => Ok(digest_of(files.view(), source)?),
            },
        }
    }

    /// What was selected earlier, here or, from the tree of a step, elsewhere.
    fn remembered(&self, key: &[u8; 32], of_step: bool) -> Result<Option<FileDigest>, ExecuteError> {
        let value = self.store.memo(SELECTION, key)?;
        let here = value
            .and_then(|value| value.try_into().ok())
            .map(FileDigest::from_bytes);
        if !of_step {
            return Ok(here);
        }
        let memo = FileDigest::from_bytes(*key);
        let known = match here {
            Some(known) => Some(known),
            None => {
                let told = self.imports.selection(&memo);
                if let Some(told) = &told {
                    self.store.put_memo(SELECTION, key, told.as_bytes())?;
                }
                told
            }
        };
        if let Some(known) = known {
            self.notes.select(memo, known);
        }
        Ok(known)
    }

    /// Puts the trees that a RUN mounts on disk.
    pub(super) fn mounted(&self, run: &Run, inputs: &Inputs<Tree>) -> Result<Mounted, ExecuteError> {
        run.mounts
            .iter()
            .map(|mount| match shown_by(&mount.kind) {
                None => Ok(None),
                Some((from, source)) => self.shown(from, source, inputs).map(Some),
            })
            .collect()
    }

    fn shown(&self, from: &From, source: &str, inputs: &Inputs<Tree>) -> Result<Shown, ExecuteError> {
        let files = Files::of(self, from, &[SourcePattern::literal(source)], inputs)?;
        let missing = || SelectError::NotFound {
            path: format!("/{}", source.trim_start_matches('/')),
            help: Vec::new(),
        };
        let resolved = files.view().resolve(source.as_bytes(), true)?;
        let path = resolved.path.clone();
        if resolved.found.is_none() && !path.is_empty() {
            return Err(missing().into());
        }
        if let Some(stack) = files.stack {
            return Ok(Shown { stack, path });
        }
        // The user's directory is not mounted itself: it shows what is ignored, belongs to somebody, and changes.
        let stack = self.frozen(&files, &path)?;
        Ok(Shown { stack, path })
    }

    /// A copy of the user's files as a delta.
    fn frozen(&self, files: &Files, path: &[u8]) -> Result<Stack, ExecuteError> {
        let draft = self.store.draft()?;
        let writer = super::base::writer(&draft, &self.host)?;
        let mut firsts = BTreeMap::new();
        for found in files.view().walk(path) {
            writer.put_parents(&found.entry.path, files.view())?;
            self.put_as_it_is(files, &writer, &found, &mut firsts)?;
        }
        let listing = writer.finish()?;
        let content = self.store.keep(draft, &listing)?;
        Stack::of(&Tree::empty().with(content, super::now()), self.store, &self.host)
    }

    /// `firsts` has the names that stand for first names which are not shown.
    fn put_as_it_is(
        &self,
        files: &Files,
        writer: &DeltaWriter,
        found: &Found<'_>,
        firsts: &mut BTreeMap<TreePath, TreePath>,
    ) -> Result<(), ExecuteError> {
        let mut entry = found.entry.clone();
        if entry.path.is_empty() {
            return Ok(());
        }
        if let Kind::HardLink { target } = &mut entry.kind
            && writer.get(target).is_none()
        {
            if let Some(first) = firsts.get(target) {
                *target = first.clone();
            } else {
                firsts.insert(target.clone(), entry.path.clone());
                entry.kind = files.view().file_of(found).kind.clone();
            }
        }
        if let Kind::File { .. } = entry.kind {
            let file = files.open(self, found.entry, found.layer)?;
            return Ok(writer.put(entry, Content::File(std::os::fd::AsFd::as_fd(&file)))?);
        }
        Ok(writer.put(entry, Content::None)?)
    }

    /// Names what a mount shows.
    pub(super) fn content_of(&self, shown: &Shown) -> Result<FileDigest, ExecuteError> {
        let path = String::from_utf8_lossy(&shown.path).into_owned();
        Ok(digest_of(shown.stack.view(), &path)?)
    }

    /// Copies what a mount shows into a new cache directory.
    pub(super) fn copy_out(&self, shown: &Shown, folder: &Path) -> Result<(), ExecuteError> {
        let failed = |source| ExecuteError::File {
            action: "open",
            path: folder.to_path_buf(),
            source,
        };
        let writer = DeltaWriter::new(File::open(folder).map_err(failed)?.into(), self.host);
        let view = shown.stack.view();
        let strip = if shown.path.is_empty() { 0 } else { shown.path.len() + 1 };
        for found in view.walk(&shown.path) {
            let relative = found.entry.path.get(strip..).unwrap_or_default();
            let mut entry = Entry {
                path: relative.into(),
                ..found.entry.clone()
            };
            if let Kind::HardLink { .. } = entry.kind {
                entry.kind = view.file_of(&found).kind.clone();
            }
            if let Kind::Directory { opaque } = &mut entry.kind {
                *opaque = false;
            }
            match entry.kind {
                Kind::File { .. } => {
                    let file = shown.stack.open(&found).map_err(failed)?;
                    writer.put(entry, Content::File(std::os::fd::AsFd::as_fd(&file)))?;
                }
                _ => writer.put(entry, Content::None)?,
            }
        }
        writer.finish()?;
        Ok(())
    }
}

const SELECTION: &str = "selection";

/// The tree and path that a mount shows, or begins with.
fn shown_by(kind: &MountKind) -> Option<(&From, &str)> {
    match kind {
        MountKind::Bind { from, source } => Some((from, source)),
        MountKind::Cache {
            seed: Some((from, source)),
            ..
        } => Some((from, source)),
        MountKind::Cache { seed: None, .. }
        | MountKind::Tmpfs { .. }
        | MountKind::Secret { .. }
        | MountKind::Ssh { .. } => None,
    }
}
