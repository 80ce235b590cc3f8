//! Which part of the context directory a list of sources can reach.

use super::error::ContextError;
use super::patterns::{Covered, Patterns};
use super::source::{Below, Part, SourcePattern};
use super::tree::{Directory, Ground, Spot};
use std::collections::BTreeMap;

/// How many symbolic links one source may lead through.
const MAX_LINKS: usize = 255;

/// The part of a directory that is needed: all of it, or some names.
///
/// A name that is needed brings the directories above it along.
#[derive(Debug, Default)]
pub(super) struct Need {
    pub(super) whole: bool,
    names: BTreeMap<Box<[u8]>, Self>,
}

impl Need {
    fn add(&mut self, path: &[&[u8]], whole: bool) {
        let mut need = self;
        for name in path {
            if need.whole {
                return;
            }
            need = need.names.entry((*name).into()).or_default();
        }
        if whole {
            need.whole = true;
            need.names.clear();
        }
    }
}

/// What remains of a path to follow.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Name(&'a [u8]),
    Part(&'a Part),
    /// A name of which a last link is not followed.
    Kept(&'a [u8]),
}

/// Follows sources through the context directory, reading only the directories on the way.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    ground: &'a Ground,
    root: &'a Directory,
    pub(super) need: Need,
}

/// Where a source has led so far.
#[derive(Debug, Clone)]
struct Place<'a> {
    /// The directories from the root to here.
    way: Vec<&'a Directory>,
    names: Vec<&'a [u8]>,
    /// The next one last.
    todo: Vec<Step<'a>>,
    links: usize,
}

impl<'a> Reach<'a> {
    pub(super) fn new(ground: &'a Ground, root: &'a Directory) -> Self {
        Self {
            ground,
            root,
            need: Need::default(),
        }
    }

    /// Adds what a source can reach.
    pub(super) fn add(&mut self, source: &'a SourcePattern) -> Result<(), ContextError> {
        let mut todo: Vec<_> = source.base.iter().map(Step::Part).collect();
        if let Below::Path(names) = &source.below {
            todo.extend(names.iter().map(|name| Step::Kept(name)));
        }
        todo.reverse();
        let start = Place {
            way: vec![self.root],
            names: Vec::new(),
            todo,
            links: 0,
        };
        let mut places = vec![start];
        while let Some(place) = places.pop() {
            self.follow(place, source, &mut places)?;
        }
        Ok(())
    }

    fn follow(
        &mut self,
        mut place: Place<'a>,
        source: &'a SourcePattern,
        more: &mut Vec<Place<'a>>,
    ) -> Result<(), ContextError> {
        while let Some(step) = place.todo.pop() {
            let Some(&directory) = place.way.last() else {
                return Ok(());
            };
            let name = match step {
                Step::Name(b"..") => {
                    if place.way.len() > 1 {
                        place.way.pop();
                        place.names.pop();
                    }
                    continue;
                }
                Step::Name(name) | Step::Kept(name) => name,
                Step::Part(Part::Name(name)) => name,
                Step::Part(Part::Wild(glob)) => {
                    let children = self.ground.children(directory)?;
                    for child in children.list() {
                        let name = children.name(child);
                        // A link is followed only as the last component.
                        if glob.matches(name) && (child.directory.is_some() || place.todo.is_empty()) {
                            let mut next = place.clone();
                            next.todo.push(Step::Name(name));
                            more.push(next);
                        }
                    }
                    return Ok(());
                }
            };
            // What is on the way is part of the listing even when the way ends here.
            self.need.add(&place.names, false);
            let children = self.ground.children(directory)?;
            let Some(child) = children.get(name) else { return Ok(()) };
            let name = children.name(child);
            if let Some(below) = &child.directory {
                place.way.push(below);
                place.names.push(name);
                continue;
            }
            place.names.push(name);
            self.need.add(&place.names, false);
            let kept = matches!(step, Step::Kept(_)) && place.todo.is_empty();
            if !child.stat.file_type().is_symlink() || kept {
                return Ok(());
            }
            place.links += 1;
            if place.links > MAX_LINKS {
                return Ok(());
            }
            place.names.pop();
            let known = self.ground.known(&directory.join(name), child)?;
            if known.target().starts_with(b"/") {
                place.way.truncate(1);
                place.names.clear();
            }
            let target = known.target().split(|byte| *byte == b'/').rev();
            place
                .todo
                .extend(target.filter(|name| !matches!(*name, b"" | b".")).map(Step::Name));
        }
        self.arrive(&place, source)
    }

    /// The way led to a directory.
    fn arrive(&mut self, place: &Place<'a>, source: &'a SourcePattern) -> Result<(), ContextError> {
        let Some(&directory) = place.way.last() else {
            return Ok(());
        };
        match &source.below {
            Below::Contents | Below::Path(_) => self.need.add(&place.names, true),
            Below::Matches(patterns) => {
                self.need.add(&place.names, false);
                self.matches(directory, place.names.clone(), patterns)?;
            }
        }
        Ok(())
    }

    /// Adds what matches below a directory.
    fn matches(&mut self, start: &'a Directory, names: Vec<&'a [u8]>, patterns: &Patterns) -> Result<(), ContextError> {
        if patterns.has_deep_wildcards() {
            self.ground.read_below(vec![start])?;
        }
        let mut pending: Vec<(&Directory, Vec<&[u8]>, Covered)> = vec![(start, names, patterns.root())];
        let skip = if start.path.is_empty() { 0 } else { start.path.len() + 1 };
        while let Some((directory, mut names, covered)) = pending.pop() {
            let children = self.ground.children(directory)?;
            for child in children.list() {
                let name = children.name(child);
                let path = directory.join(name);
                let relative = &path[skip..];
                names.push(name);
                match &child.directory {
                    None if patterns.covers(&covered, relative) => self.need.add(&names, false),
                    None => {}
                    Some(below) => {
                        let state = patterns.enter(&covered, relative);
                        if state.is_covered() {
                            self.need.add(&names, true);
                        } else if patterns.may_cover_below(relative) {
                            pending.push((below, names.clone(), state));
                        }
                    }
                }
                names.pop();
            }
        }
        Ok(())
    }

    /// Reads all that is needed; gives the names in tree order.
    pub(super) fn collect(&self) -> Result<Vec<Spot<'a>>, ContextError> {
        let mut whole = Vec::new();
        self.visit(|directory, need| {
            if need.whole {
                whole.push(directory);
            }
        })?;
        if !whole.is_empty() {
            self.ground.read_below(whole)?;
        }
        let mut out: Vec<Spot<'_>> = Vec::new();
        let mut frames = vec![Frame {
            directory: self.root,
            need: Some(&self.need),
            next: 0,
            hidden_at: None,
        }];
        while let Some(frame) = frames.last_mut() {
            let directory = frame.directory;
            let need = frame.need;
            let children = self.ground.children(directory)?;
            let Some(child) = children.list().get(frame.next) else {
                // An ignored directory is there for the sake of what is below it.
                if frame.hidden_at.is_some_and(|at| at + 1 == out.len()) {
                    out.pop();
                }
                frames.pop();
                continue;
            };
            frame.next += 1;
            let name = children.name(child);
            let below = match need {
                Some(need) if !need.whole => match need.names.get(name) {
                    None => continue,
                    Some(below) => Some(below),
                },
                _ => None,
            };
            out.push(Spot { directory, name, child });
            // A name that is needed without anything below it is only on the way.
            if let Some(directory) = &child.directory {
                frames.push(Frame {
                    directory,
                    need: below,
                    next: if below.is_some_and(|need| !need.whole && need.names.is_empty()) {
                        usize::MAX
                    } else {
                        0
                    },
                    hidden_at: child.hidden.then(|| out.len() - 1),
                });
            }
        }
        Ok(out)
    }

    /// Calls for every directory in which something is needed.
    fn visit(&self, mut call: impl FnMut(&'a Directory, &Need)) -> Result<(), ContextError> {
        let mut pending = vec![(self.root, &self.need)];
        while let Some((directory, need)) = pending.pop() {
            call(directory, need);
            if need.whole || need.names.is_empty() {
                continue;
            }
            let children = self.ground.children(directory)?;
            for (name, need) in &need.names {
                if let Some(below) = children.get(name).and_then(|child| child.directory.as_deref()) {
                    pending.push((below, need));
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Frame<'a, 'n> {
    directory: &'a Directory,
    /// `None` when a directory above is needed whole.
    need: Option<&'n Need>,
    next: usize,
    hidden_at: Option<usize>,
}
