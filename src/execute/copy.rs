//! COPY and ADD: selected files become a delta.

use super::archive;
use super::base::writer;
use super::mode::ModeChange;
use super::owner::lookup;
use super::place::Placement;
use super::remote::Page;
use super::sources::{Files, patterns};
use super::stack::Stack;
use super::tree::Tree;
use super::{Checkout, ExecuteError, Executor, Prepared, Remote, now};
use crate::context::{Form, Patterns, Selected, SelectedEntry, SourcePattern};
use crate::layer::{Content, DeltaWriter, Entry, Kind, Listing, Time, UNKNOWN_DIGEST};
use crate::plan::{Copy, From, Source};
use crate::schedule::{Cancel, Inputs};
use crate::store::Draft;
use rayon::prelude::*;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

/// Files of one source from which on they are written by several threads.
const MANY: usize = 64;

/// A COPY or ADD that is to be done.
pub(super) struct Job<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) copy: &'a Copy,
    /// What is below.
    pub(super) root: &'a Tree,
    pub(super) inputs: &'a Inputs<Tree>,
    pub(super) prepared: &'a Prepared,
    /// Receives the files.
    pub(super) draft: &'a Draft,
    pub(super) cancel: &'a Cancel,
    /// Names the step across builds.
    pub(super) place: &'a str,
}

/// Writes the delta of a COPY or ADD.
pub(super) fn perform(job: &Job<'_>) -> Result<Listing, ExecuteError> {
    let Job {
        executor,
        copy,
        root,
        inputs,
        prepared,
        draft,
        cancel,
        place,
    } = *job;
    let (sources, excludes) = patterns(copy)?;
    let made;
    let files = match &prepared.files {
        Some(files) => files,
        None => {
            made = Files::of(executor, &copy.from, &sources, inputs)?;
            &made
        }
    };
    let selection = files.select(executor, &sources, &excludes)?;
    if prepared.files.is_none() && matches!(copy.from, From::Step(_)) {
        executor.check_selected(copy, &prepared.ingredients, &selection, inputs)?;
    }
    // A linked layer is made without what is below it; only names of owners are looked up there.
    let names_owner = copy.chown.as_deref().is_some_and(names_somebody);
    let stack = if copy.link && !names_owner {
        Stack::empty()
    } else {
        executor.stack(root)?
    };
    let nothing = Stack::empty();
    let below = if copy.link { &nothing } else { &stack };
    let owner = match copy.chown.as_deref() {
        Some(chown) if names_owner && root.top().is_none() => return Err(ExecuteError::NobodyThere(chown.to_owned())),
        chown => chown.map(|chown| lookup(chown, &stack)),
    };
    let mode = ModeChange::of(copy).map_err(ExecuteError::Mode)?;
    let placement = Placement::new(below.view(), writer(draft, &executor.host)?, owner, mode, now());
    let earlier = if files.are_the_users() {
        Earlier::find(executor, place)?
    } else {
        None
    };
    let mut copying = Copying {
        executor,
        copy,
        files,
        below,
        placement,
        cancel,
        earlier,
    };

    let mut items = selection.items.iter().peekable();
    let mut remotes = prepared.remotes.iter();
    let mut paths = 0;
    for source in &copy.sources {
        match source {
            Source::Path(_) => {
                while let Some(item) = items.next_if(|item| item.source == paths) {
                    copying.item(item)?;
                }
                paths += 1;
            }
            Source::Inline { name, body } => copying.inline(name, body)?,
            Source::Url(_) | Source::Git { .. } => match remotes.next() {
                Some(Remote::Page(page)) => copying.page(page)?,
                Some(Remote::Git(checkout)) => copying.checkout(checkout, &excludes)?,
                None => return Err(ExecuteError::Internal("a source was not fetched".to_owned())),
            },
        }
    }
    copying.placement.finish()
}

/// Writes the delta of a named directory that a stage begins with.
pub(super) fn whole_context(executor: &Executor<'_>, name: &str, draft: &Draft) -> Result<Listing, ExecuteError> {
    let copy = Copy::of_everything(From::Named(name.to_owned()));
    let inputs = Inputs::none();
    let prepared = executor.prepare_copy(&copy, &Tree::empty(), &inputs)?;
    let (copy, root, inputs, prepared) = (&copy, &Tree::empty(), &inputs, &prepared);
    perform(&Job {
        executor,
        copy,
        root,
        inputs,
        prepared,
        draft,
        cancel: &Cancel::new(),
        place: name,
    })
}

struct Copying<'a> {
    executor: &'a Executor<'a>,
    copy: &'a Copy,
    files: &'a Files,
    below: &'a Stack,
    placement: Placement<'a>,
    cancel: &'a Cancel,
    earlier: Option<Earlier>,
}

/// What the same instruction left the last time: files that are in it already need not be copied again.
struct Earlier {
    listing: Arc<Listing>,
    tree: OwnedFd,
}

impl Earlier {
    fn find(executor: &Executor<'_>, place: &str) -> Result<Option<Self>, ExecuteError> {
        let latest = executor.store.latest_steps_at(place, 1)?;
        let Some((_, record)) = latest.first() else {
            return Ok(None);
        };
        let Some(delta) = executor.store.delta(&record.content)? else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // Without it everything is copied, which takes longer and nothing else.
        let Ok(tree) = rustix::fs::open(delta.tree(), flags, Mode::empty()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            listing: delta.listing()?,
            tree,
        }))
    }

    /// Gives a file of then a second name, when it is the same in all that counts; `false` when it is not.
    fn link(&self, writer: &DeltaWriter, placed: &Entry) -> Result<bool, ExecuteError> {
        match self.listing.get(&placed.path) {
            Some(source) => Ok(writer.link_from(placed, self.tree.as_fd(), source)?),
            None => Ok(false),
        }
    }
}

impl Copying<'_> {
    fn item(&mut self, item: &Selected<'_>) -> Result<(), ExecuteError> {
        self.cancel.check()?;
        let destination = self.copy.destination.as_bytes();
        match item.form {
            Form::File => {
                let [entry] = &item.entries[..] else {
                    return Err(ExecuteError::Internal("a file was selected as several".to_owned()));
                };
                if self.copy.add && self.copy.unpack != Some(false) && self.unpacked(entry)? {
                    return Ok(());
                }
                let path = self.place_of_file(&item.name)?;
                self.entries(self.files, &path, &item.entries)
            }
            Form::Contents => {
                let path = self.placement.resolve(destination)?;
                // The destination itself never takes mode and owner from the source, only what is in it does.
                self.placement.directory(&path)?;
                self.entries(self.files, &path, &item.entries)
            }
            Form::Parents => {
                let path = self.placement.resolve(destination)?;
                self.placement.directory(&path)?;
                self.entries(self.files, &path, &item.entries)
            }
        }
    }

    /// Where a file goes that is called `name`: into the destination when that is a directory, or says so.
    fn place_of_file(&self, name: &[u8]) -> Result<Box<[u8]>, ExecuteError> {
        let destination = self.copy.destination.as_bytes();
        let path = self.placement.resolve(destination)?;
        if destination.ends_with(b"/") || self.placement.is_directory(&path) {
            return Ok(join(&path, name));
        }
        Ok(path)
    }

    /// ADD: unpacks a file that is an archive; `false` when it is none.
    fn unpacked(&mut self, selected: &SelectedEntry<'_>) -> Result<bool, ExecuteError> {
        if !matches!(selected.file.kind, Kind::File { .. }) {
            return Ok(false);
        }
        let file = self.files.open(self.executor, selected.entry, selected.layer)?;
        self.unpacked_file(&file, &name_of(selected.entry))
    }

    /// The same for an open file; `name` is for messages.
    fn unpacked_file(&mut self, file: &File, name: &str) -> Result<bool, ExecuteError> {
        let content = archive::content(file).map_err(|source| ExecuteError::File {
            action: "read",
            path: name.into(),
            source,
        })?;
        let Some(content) = content else { return Ok(false) };
        let destination = self.placement.resolve(self.copy.destination.as_bytes())?;
        self.placement.directories(&destination, 0o755)?;
        archive::unpack(content, &self.placement, &destination, self.below).map_err(|source| {
            ExecuteError::Archive {
                name: name.to_owned(),
                source,
            }
        })?;
        Ok(true)
    }

    /// ADD of a page: a file that only its owner may read, as old as the server says.
    fn page(&mut self, page: &Page) -> Result<(), ExecuteError> {
        self.cancel.check()?;
        let store = self.executor.store;
        if self.copy.unpack == Some(true) {
            let name = String::from_utf8_lossy(&page.name);
            let file = page.file(store).map_err(|source| ExecuteError::File {
                action: "open",
                path: name.as_ref().into(),
                source,
            })?;
            if self.unpacked_file(&file, &name)? {
                return Ok(());
            }
        }
        let path = self.place_of_file(&page.name)?;
        let entry = Entry {
            path: path.clone(),
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
        let placed = self.placement.prepare(&path, &entry, entry.kind.clone())?;
        let mut content = page.open(store)?;
        Ok(self.placement.writer().put(placed, Content::Reader(&mut content))?)
    }

    /// ADD of a repository: what a commit has in it.
    fn checkout(&mut self, checkout: &Checkout, excludes: &Patterns) -> Result<(), ExecuteError> {
        self.cancel.check()?;
        let executor = self.executor;
        let commit = executor.remotes.check_out(checkout, &executor.host)?;
        let files = Files::of_commit(executor, commit)?;
        let selection = files.select(executor, &[SourcePattern::literal(".")], excludes)?;
        let path = self.placement.resolve(self.copy.destination.as_bytes())?;
        self.placement.directory(&path)?;
        for item in &selection.items {
            self.entries(&files, &path, &item.entries)?;
        }
        Ok(())
    }

    fn inline(&mut self, name: &str, body: &str) -> Result<(), ExecuteError> {
        let path = self.place_of_file(name.as_bytes())?;
        let kind = Kind::File {
            size: body.len() as u64,
            digest: UNKNOWN_DIGEST,
        };
        let entry = Entry {
            path: path.clone(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: now(),
            xattrs: Vec::new(),
        };
        let placed = self.placement.prepare(&path, &entry, entry.kind.clone())?;
        Ok(self.placement.writer().put(placed, Content::Bytes(body.as_bytes()))?)
    }

    /// Puts the entries of one item at `path`, which the first one's name, if it has one, is below.
    fn entries(&mut self, from: &Files, path: &[u8], entries: &[SelectedEntry<'_>]) -> Result<(), ExecuteError> {
        // Directories come first and in order, files then in any order, further names of files last.
        let mut files = Vec::new();
        let mut links = Vec::new();
        for selected in entries {
            let place = join(path, &selected.relative);
            if let Some(first) = selected.link {
                links.push((place, selected, join(path, &entries[first].relative)));
                continue;
            }
            let kind = match &selected.file.kind {
                Kind::Directory { .. } if selected.relative.is_empty() => continue,
                Kind::Directory { .. } => Kind::Directory { opaque: false },
                other => other.clone(),
            };
            let is_file = matches!(kind, Kind::File { .. });
            let mut placed = self.placement.prepare(&place, selected.entry, kind)?;
            placed.mtime = from.modified.unwrap_or(placed.mtime);
            if is_file {
                files.push((placed, selected));
            } else {
                self.placement.writer().put(placed, Content::None)?;
            }
        }
        if files.len() < MANY {
            files
                .into_iter()
                .try_for_each(|(placed, selected)| self.file(from, placed, selected))?;
        } else {
            files
                .into_par_iter()
                .try_for_each(|(placed, selected)| self.file(from, placed, selected))?;
        }
        for (place, selected, target) in links {
            let kind = Kind::HardLink { target };
            let placed = self.placement.prepare(&place, selected.entry, kind)?;
            self.placement.writer().put(placed, Content::None)?;
        }
        Ok(())
    }

    fn file(&self, from: &Files, placed: Entry, selected: &SelectedEntry<'_>) -> Result<(), ExecuteError> {
        self.cancel.check()?;
        let writer = self.placement.writer();
        if from.link(writer, &placed, selected.file, selected.layer)? {
            return Ok(());
        }
        if from.are_the_users()
            && let Some(earlier) = &self.earlier
            && earlier.link(writer, &placed)?
        {
            return Ok(());
        }
        let file = from.open(self.executor, selected.entry, selected.layer)?;
        let listed = selected.entry.mtime;
        writer.put(placed, Content::File(file.as_fd()))?;
        if from.may_change(self.executor)?
            && !unchanged(&file, listed).map_err(|source| read_error(selected.entry, source))?
        {
            return Err(ExecuteError::ChangedMeanwhile(name_of(selected.entry)));
        }
        Ok(())
    }
}

/// Whether an owner is given by a name, and not only by numbers.
fn names_somebody(owner: &str) -> bool {
    !owner.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// Whether a file's time is still the listed one, so that what was copied is what was hashed.
fn unchanged(file: &File, listed: Time) -> std::io::Result<bool> {
    let metadata = file.metadata()?;
    let now = (metadata.mtime(), metadata.mtime_nsec());
    Ok(now == (listed.seconds, i64::from(listed.nanoseconds)))
}

fn name_of(entry: &Entry) -> String {
    format!("/{}", String::from_utf8_lossy(&entry.path))
}

fn read_error(entry: &Entry, source: std::io::Error) -> ExecuteError {
    ExecuteError::File {
        action: "read",
        path: super::sources::path_of(entry),
        source,
    }
}

fn join(directory: &[u8], name: &[u8]) -> Box<[u8]> {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.into(),
        (_, true) => directory.into(),
        _ => [directory, b"/", name].concat().into_boxed_slice(),
    }
}

impl Copy {
    /// A COPY of all that a context has to the root.
    pub(super) fn of_everything(from: From) -> Self {
        Self {
            from,
            sources: vec![Source::Path(".".to_owned())],
            destination: "/".to_owned(),
            chown: None,
            chmod: None,
            link: true,
            parents: false,
            excludes: Vec::new(),
            add: false,
            unpack: None,
            checksum: None,
        }
    }
}
