//! What a COPY, an ADD or a bind mount takes out of a root file system.

use super::error::shown;
use super::patterns::{Covered, Patterns};
use super::source::{Below, Part, SourcePattern};
use crate::diagnostic::nearest;
use crate::layer::{Entry, Found, Kind, Resolved, TreePath, View};
use std::borrow::Cow;
use std::collections::HashMap;

/// What to select.
#[derive(Clone, Copy)]
pub struct SelectRequest<'a> {
    /// In order.
    pub sources: &'a [SourcePattern],
    /// `--exclude`, relative to the directory that a source names (with `--parents`, to the pivot).
    ///
    /// A file that a wildcard matches is compared by its name; a file that is named is always copied.
    pub excludes: &'a Patterns,
    /// Who knows what the view does not show; for error messages.
    pub hints: Option<&'a dyn Hints>,
}

impl std::fmt::Debug for SelectRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sources, excludes, .. } = self;
        f.debug_struct("SelectRequest")
            .field("sources", sources)
            .field("excludes", excludes)
            .finish_non_exhaustive()
    }
}

/// Who knows what is behind a view that does not show everything.
pub trait Hints {
    /// Whether a path exists and an ignore file keeps it out.
    fn ignored(&self, path: &[u8]) -> bool;
    /// The names in a directory, as far as they could be copied.
    fn names(&self, directory: &[u8]) -> Vec<String>;
}

/// What the sources of one instruction select, in order.
#[derive(Debug, Clone)]
pub struct Selection<'v> {
    /// One for each path that a source names or matches; with `--parents` one for each source.
    pub items: Vec<Selected<'v>>,
}

/// What one path gives.
#[derive(Debug, Clone)]
pub struct Selected<'v> {
    /// Which of the request's sources brought it.
    pub source: usize,
    /// The last component of the path as written or matched; empty for the root.
    pub name: Box<[u8]>,
    /// How it is to be put at the destination.
    pub form: Form,
    /// In tree order of `relative`, within a directory as well as over all.
    pub entries: Vec<SelectedEntry<'v>>,
}

/// How something is put at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One entry that is no directory: it takes the destination's name, or keeps its own inside of it.
    File,
    /// A directory: `entries` begins with itself, whose metadata a destination takes that does not exist yet.
    Contents,
    /// `--parents`: everything is below the destination, directories on the way included.
    Parents,
}

/// An entry that is copied.
#[derive(Debug, Clone)]
pub struct SelectedEntry<'v> {
    /// Path below the destination; empty for the file or the directory itself.
    pub relative: Cow<'v, [u8]>,
    /// The entry; its path is where it stands in the view.
    pub entry: &'v Entry,
    /// The delta that it comes from: its place in the view.
    pub layer: usize,
    /// The entry that says what it is: the one that a hard link names, of all others the entry itself.
    pub file: &'v Entry,
    /// Another name of the same stands before it: at this place in `entries`.
    pub link: Option<usize>,
}

/// Why a selection cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// A source without wildcards names nothing.
    #[error("\"{path}\": not found")]
    NotFound {
        /// Absolute.
        path: String,
        /// What may help: sentences.
        help: Vec<String>,
    },
}

impl SelectError {
    /// What may help: sentences.
    pub fn help(&self) -> &[String] {
        match self {
            Self::NotFound { help, .. } => help,
        }
    }
}

/// Selects from a view: of the context's listing, or of a stage's deltas.
pub fn select<'v>(view: &'v View, request: &SelectRequest<'_>) -> Result<Selection<'v>, SelectError> {
    let mut items = Vec::new();
    for (source, pattern) in request.sources.iter().enumerate() {
        let before = items.len();
        for place in places(view, pattern, request.hints)? {
            items.extend(take(view, source, pattern, &place, request)?);
        }
        // Matches of one `--parents` source overlap only in directories, which stay one.
        debug_assert!(items[before..].iter().all(|item| item.source == source));
    }
    for item in &mut items {
        link(&mut item.entries);
    }
    Ok(Selection { items })
}

/// Where a source's path leads.
struct Place<'v> {
    name: Box<[u8]>,
    matched: bool,
    found: Found<'v>,
}

/// Follows a source's path; each wildcard may lead to several places.
fn places<'v>(
    view: &'v View,
    pattern: &SourcePattern,
    hints: Option<&dyn Hints>,
) -> Result<Vec<Place<'v>>, SelectError> {
    let mut names: Vec<&[u8]> = Vec::new();
    let mut parts = pattern.base.iter().peekable();
    while let Some(Part::Name(name)) = parts.next_if(|part| matches!(part, Part::Name(_))) {
        names.push(name);
    }
    let wild = parts.peek().is_some();
    let path = names.join(&b'/');
    let found = match view.resolve(&path, true) {
        Ok(Resolved { found: Some(found), .. }) => found,
        _ if wild => return Ok(Vec::new()),
        Ok(resolved) => return Err(missing(view, &path, Some(&resolved), None, hints)),
        Err(error) => return Err(missing(view, &path, None, Some(error.to_string()), hints)),
    };
    if !wild {
        return Ok(vec![Place {
            name: names.last().copied().unwrap_or_default().into(),
            matched: false,
            found,
        }]);
    }
    let mut at = vec![found];
    while let Some(Part::Wild(glob)) = parts.next() {
        let last = parts.peek().is_none();
        let mut next = Vec::new();
        for directory in at {
            for child in view.read_dir(&directory.entry.path) {
                let is_directory = matches!(child.entry.kind, Kind::Directory { .. });
                if (last || is_directory) && glob.matches(base_name(&child.entry.path)) {
                    next.push(child);
                }
            }
        }
        at = next;
    }
    at.into_iter()
        .map(|matched| {
            let path = &matched.entry.path;
            let found = match view.resolve(path, true) {
                Ok(Resolved { found: Some(found), .. }) => found,
                Ok(resolved) => return Err(missing(view, path, Some(&resolved), None, hints)),
                Err(error) => return Err(missing(view, path, None, Some(error.to_string()), hints)),
            };
            Ok(Place {
                name: base_name(path).into(),
                matched: true,
                found,
            })
        })
        .collect()
}

/// What is copied from a place.
fn take<'v>(
    view: &'v View,
    source: usize,
    pattern: &SourcePattern,
    place: &Place<'v>,
    request: &SelectRequest<'_>,
) -> Result<Option<Selected<'v>>, SelectError> {
    let from = &place.found.entry.path;
    let is_directory = matches!(place.found.entry.kind, Kind::Directory { .. });
    let mut emitter = Emitter::new(view, request.excludes);
    let form = match &pattern.below {
        Below::Contents if is_directory => {
            emitter.push(Cow::Borrowed(b""), place.found);
            emitter.walk(b"", from, view.walk(from).skip(1));
            Form::Contents
        }
        Below::Contents => {
            let name = &place.name;
            if place.matched && request.excludes.covers_path(name) {
                return Ok(None);
            }
            emitter.push(Cow::Borrowed(b""), place.found);
            Form::File
        }
        Below::Matches(include) => {
            emitter.include = Some(include);
            emitter.start();
            emitter.walk(b"", from, view.walk(from).skip(1));
            emitter.finish();
            Form::Parents
        }
        Below::Path(names) => {
            emitter.start();
            keep_path(view, names, from, request.hints, &mut emitter)?;
            emitter.finish();
            Form::Parents
        }
    };
    emitter.finish();
    if form == Form::Parents && emitter.entries.is_empty() {
        return Ok(None);
    }
    Ok(Some(Selected {
        source,
        name: place.name.clone(),
        form,
        entries: emitter.entries,
    }))
}

/// `--parents` without wildcards: the directories on the way keep their names, even where they are links.
fn keep_path<'v>(
    view: &'v View,
    names: &[Box<[u8]>],
    from: &[u8],
    hints: Option<&dyn Hints>,
    emitter: &mut Emitter<'v, '_>,
) -> Result<(), SelectError> {
    let Some((last, way)) = names.split_last() else {
        return Err(SelectError::NotFound {
            path: "/".to_owned(),
            help: vec!["`--parents` needs a path to keep; leave it out to copy a whole directory".to_owned()],
        });
    };
    let mut real: TreePath = from.into();
    let mut kept: Vec<u8> = Vec::new();
    for name in way {
        let path = join(&real, name);
        let found = match view.resolve(&path, true) {
            Ok(Resolved { found: Some(found), .. }) => found,
            Ok(resolved) => return Err(missing(view, &path, Some(&resolved), None, hints)),
            Err(error) => return Err(missing(view, &path, None, Some(error.to_string()), hints)),
        };
        if !matches!(found.entry.kind, Kind::Directory { .. }) {
            let rest = join(&path, last);
            return Err(missing(
                view,
                &rest,
                None,
                Some(format!("`/{}` is not a directory", shown(&path))),
                hints,
            ));
        }
        real = found.entry.path.clone();
        kept = join(&kept, name).into_vec();
        emitter.visit(Cow::Owned(kept.clone()), found, true);
    }
    let path = join(&real, last);
    let Some(found) = view.get(&path) else {
        let resolved = view.resolve(&path, false).ok();
        return Err(missing(view, &path, resolved.as_ref(), None, hints));
    };
    let kept = join(&kept, last);
    emitter.visit(Cow::Owned(kept.to_vec()), found, false);
    emitter.walk(&kept, &path, view.walk(&path).skip(1));
    Ok(())
}

/// Collects entries, leaving out what is excluded.
///
/// A directory that is only there for the sake of what is below it is added first and taken back when nothing came.
struct Emitter<'v, 'p> {
    view: &'v View,
    excludes: &'p Patterns,
    include: Option<&'p Patterns>,
    entries: Vec<SelectedEntry<'v>>,
    frames: Vec<Frame>,
    /// Nothing below this path is wanted.
    skip: Option<Box<[u8]>>,
}

struct Frame {
    path: Box<[u8]>,
    excluded: Covered,
    included: Covered,
    hidden_at: Option<usize>,
}

impl<'v, 'p> Emitter<'v, 'p> {
    fn new(view: &'v View, excludes: &'p Patterns) -> Self {
        let mut emitter = Self {
            view,
            excludes,
            include: None,
            entries: Vec::new(),
            frames: Vec::new(),
            skip: None,
        };
        emitter.start();
        emitter
    }

    /// Begins at the directory that patterns are relative to.
    fn start(&mut self) {
        self.frames = vec![Frame {
            path: Box::default(),
            excluded: self.excludes.root(),
            included: self.include.map(Patterns::root).unwrap_or_default(),
            hidden_at: None,
        }];
    }

    fn push(&mut self, relative: Cow<'v, [u8]>, found: Found<'v>) {
        self.entries.push(SelectedEntry {
            relative,
            entry: found.entry,
            layer: found.layer,
            file: self.view.file_of(&found),
            link: None,
        });
    }

    /// Goes through what is below `from`, which will stand at `kept`.
    fn walk(&mut self, kept: &[u8], from: &[u8], below: impl Iterator<Item = Found<'v>>) {
        let strip = if from.is_empty() { 0 } else { from.len() + 1 };
        let simple = self.include.is_none() && self.excludes.is_empty();
        for found in below {
            let relative = &found.entry.path[strip..];
            let relative = if kept.is_empty() {
                Cow::Borrowed(relative)
            } else {
                Cow::Owned(join(kept, relative).into_vec())
            };
            if simple {
                self.push(relative, found);
            } else {
                self.visit(relative, found, false);
            }
        }
    }

    /// Looks at one entry; entries must come in tree order. On the `way`, it is wanted only for what is below.
    fn visit(&mut self, relative: Cow<'v, [u8]>, found: Found<'v>, way: bool) {
        if let Some(skip) = &self.skip {
            if is_below(&relative, skip) {
                return;
            }
            self.skip = None;
        }
        while self
            .frames
            .last()
            .is_some_and(|frame| !is_below(&relative, &frame.path))
        {
            self.leave();
        }
        let Some(parent) = self.frames.last() else { return };
        if !matches!(found.entry.kind, Kind::Directory { .. }) {
            let included = self
                .include
                .is_none_or(|include| include.covers(&parent.included, &relative));
            if included && !self.excludes.covers(&parent.excluded, &relative) {
                self.push(relative, found);
            }
            return;
        }
        let excluded = self.excludes.enter(&parent.excluded, &relative);
        let included = self.include.map(|include| include.enter(&parent.included, &relative));
        let shows = !excluded.is_covered() || self.excludes.may_except_below(&relative);
        let wanted = match (&included, self.include) {
            (Some(state), Some(include)) => state.is_covered() || include.may_cover_below(&relative),
            _ => true,
        };
        if !shows || !wanted {
            self.skip = Some(relative.into());
            return;
        }
        let hidden = way || excluded.is_covered() || included.as_ref().is_some_and(|state| !state.is_covered());
        self.frames.push(Frame {
            path: (*relative).into(),
            excluded,
            included: included.unwrap_or_default(),
            hidden_at: hidden.then_some(self.entries.len()),
        });
        self.push(relative, found);
    }

    fn leave(&mut self) {
        if let Some(Frame {
            hidden_at: Some(at), ..
        }) = self.frames.pop()
            && at + 1 == self.entries.len()
        {
            self.entries.pop();
        }
    }

    fn finish(&mut self) {
        while !self.frames.is_empty() {
            self.leave();
        }
    }
}

/// Finds the names of one inode.
fn link(entries: &mut [SelectedEntry<'_>]) {
    let mut firsts: HashMap<*const Entry, Option<usize>> = entries
        .iter()
        .filter(|selected| matches!(selected.entry.kind, Kind::HardLink { .. }))
        .map(|selected| (std::ptr::from_ref(selected.file), None))
        .collect();
    if firsts.is_empty() {
        return;
    }
    for (at, selected) in entries.iter_mut().enumerate() {
        match firsts.get_mut(&std::ptr::from_ref(selected.file)) {
            None => {}
            Some(Some(first)) => selected.link = Some(*first),
            Some(first) => *first = Some(at),
        }
    }
}

/// The error for a path that leads nowhere, with whatever may explain it.
fn missing(
    view: &View,
    path: &[u8],
    resolved: Option<&Resolved<'_>>,
    why: Option<String>,
    hints: Option<&dyn Hints>,
) -> SelectError {
    let mut help: Vec<String> = why.into_iter().collect();
    let target = resolved.map_or(path, |resolved| &resolved.path);
    if hints.is_some_and(|hints| hints.ignored(target)) {
        help.push(format!(
            "`{}` exists, but `.dockerignore` keeps it out of the build context",
            shown(target)
        ));
    } else if let Some(resolved) = resolved {
        if let Ok(Resolved { found: Some(found), .. }) = view.resolve(path, false)
            && let Kind::Symlink { target } = &view.file_of(&found).kind
        {
            help.push(format!(
                "`{}` is a symbolic link to `{}`, which does not exist here",
                shown(path),
                shown(target)
            ));
        }
        let names: Vec<&[u8]> = resolved.path.split(|byte| *byte == b'/').collect();
        if let Some(wrong) = names.get(resolved.missing_from) {
            let directory = names[..resolved.missing_from].join(&b'/');
            let known = match hints {
                Some(hints) => hints.names(&directory),
                None => view
                    .read_dir(&directory)
                    .iter()
                    .map(|found| shown(base_name(&found.entry.path)))
                    .collect(),
            };
            if let Some(near) = nearest(&shown(wrong), known.iter().map(String::as_str)) {
                let near = shown(&join(&directory, near.as_bytes()));
                help.push(format!("did you mean `{near}`?"));
            }
        }
    }
    SelectError::NotFound {
        path: format!("/{}", shown(path)),
        help,
    }
}

fn join(directory: &[u8], name: &[u8]) -> TreePath {
    match (directory, name) {
        (b"", only) | (only, b"") => only.into(),
        _ => [directory, name].join(&b'/').into(),
    }
}

pub(super) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Whether a path stands strictly below a directory; everything stands below the empty path.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty()
        || path
            .strip_prefix(directory)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
}
