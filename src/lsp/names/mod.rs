//! Names of stages and variables: where each is declared, where it is used, and how it is renamed.

mod scan;

use super::edits;
use super::message::Refusal;
use super::page::Page;
use super::server::Client;
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::lint::{Document, Stage};
use crate::resolve::sources_of;
use scan::Mode;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// A name that stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence<'a> {
    pub(super) span: Span,
    pub(super) role: Role,
    pub(super) what: What<'a>,
    /// The stage that it stands in; none before the first FROM. The name of a FROM's image stands in the stage.
    stage: Option<usize>,
}

impl Occurrence<'_> {
    /// Whether it stands before the first FROM.
    pub(super) fn is_above_stages(&self) -> bool {
        self.stage.is_none()
    }
}

/// What a name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// AS, ARG or ENV.
    Declares,
    /// An ARG without a value, which takes that of the one above the stages if there is one.
    Repeats,
    /// The shell gives it another value.
    Writes,
    Reads,
    /// A stage's number.
    Counts,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// A stage, by its number.
    Stage(usize),
    Variable(&'a str, Group),
}

/// Variables of one name that have to do with each other. Two of the same name in different groups do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Every ARG of that name, since one `--build-arg` is for them all, and what is set in the stages that have one.
    Arguments,
    /// What stages set that are built on this one, or on each other.
    Stages(usize),
}

/// The name that the byte at `at` is in or right behind.
pub(super) fn at(page: &Page, at: u32) -> Option<Occurrence<'_>> {
    let all = all(page);
    all.into_iter().find(|it| it.span.start <= at && at <= it.span.end)
}

/// All names of the file, sorted by place.
pub(super) fn all(page: &Page) -> Vec<Occurrence<'_>> {
    let document = page.document();
    let stages = document.stages();
    let collector = Collector {
        page,
        groups: Groups::new(&document),
        last: stages
            .iter()
            .filter_map(|stage| Some((stage.name?.text.to_lowercase(), stage.index)))
            .collect(),
        count: stages.len(),
    };
    let mut all = Vec::new();
    for stage in stages {
        collector.from(stage, &mut all);
    }
    for (at, instruction) in page.instructions().iter().enumerate() {
        let stage = document.stage_at(at).map(|stage| stage.index);
        collector.variables(instruction, stage, &mut all);
        if let Some(stage) = stage {
            collector.sources(instruction, stage, &mut all);
        }
    }
    all.sort_by_key(|it| it.span);
    all
}

/// Which variables have to do with each other.
struct Groups {
    /// By stage: the lowest one that it is built on, or itself.
    roots: Vec<usize>,
    /// ARGs, by root.
    arguments: HashSet<(usize, String)>,
}

impl Groups {
    fn new(document: &Document<'_>) -> Self {
        let mut roots: Vec<usize> = Vec::new();
        let mut arguments = HashSet::new();
        for stage in document.stages() {
            let root = stage
                .base
                .and_then(|base| roots.get(base).copied())
                .unwrap_or(stage.index);
            roots.push(root);
            for instruction in document.instructions_of(stage) {
                if let (Some(Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) {
                    arguments.extend(pairs.iter().map(|pair| (root, pair.key.text.clone())));
                }
            }
        }
        Self { roots, arguments }
    }

    fn of(&self, name: &str, stage: Option<usize>) -> Group {
        let Some(&root) = stage.and_then(|stage| self.roots.get(stage)) else {
            return Group::Arguments;
        };
        match self.arguments.contains(&(root, name.to_owned())) {
            true => Group::Arguments,
            false => Group::Stages(root),
        }
    }
}

struct Collector<'a> {
    page: &'a Page,
    groups: Groups,
    /// The last stage of each name, in lower case.
    last: HashMap<String, usize>,
    count: usize,
}

impl<'a> Collector<'a> {
    fn from(&self, stage: &Stage<'_>, all: &mut Vec<Occurrence<'a>>) {
        let base = stage
            .base
            .zip(stage.image)
            .map(|(base, word)| (base, word, Role::Reads));
        let own = stage.name.map(|word| (stage.index, word, Role::Declares));
        for (index, word, role) in base.into_iter().chain(own) {
            // A continuation may cut it.
            if self.page.slice(word.span) == word.text {
                all.push(Occurrence {
                    span: word.span,
                    role,
                    what: What::Stage(index),
                    stage: Some(stage.index),
                });
            }
        }
    }

    /// `--from=` and `from=`.
    fn sources(&self, instruction: &Instruction, stage: usize, all: &mut Vec<Occurrence<'a>>) {
        for (name, flag, is_mount) in sources_of(instruction) {
            let text = self.page.slice(flag.span);
            let place = match is_mount {
                true => scan::field(text, &name),
                false => text
                    .strip_prefix("--from=")
                    .filter(|rest| *rest == name)
                    .map(|_| "--from=".len()),
            };
            let number = name
                .parse::<usize>()
                .ok()
                .filter(|number| !is_mount && *number < self.count);
            let index = number.or_else(|| self.last.get(&name.to_lowercase()).copied());
            if let (Some(place), Some(index)) = (place, index) {
                let start = flag.span.start + place as u32;
                all.push(Occurrence {
                    span: Span::new(start, start + name.len() as u32),
                    role: if number.is_some() { Role::Counts } else { Role::Reads },
                    what: What::Stage(index),
                    stage: Some(stage),
                });
            }
        }
    }

    fn variables(&self, outer: &Instruction, stage: Option<usize>, all: &mut Vec<Occurrence<'a>>) {
        let instruction = match &outer.body {
            Body::Onbuild(inner) => inner,
            _ => outer,
        };
        // FROM sees what stands above all stages.
        let scope = stage.filter(|_| instruction.keyword != Some(Keyword::From));
        let mut add = |span: Span, role: Role| {
            let name = self.page.slice(span);
            all.push(Occurrence {
                span,
                role,
                what: What::Variable(name, self.groups.of(name, scope)),
                stage,
            });
        };
        if let (Some(Keyword::Arg | Keyword::Env), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body)
        {
            for pair in pairs {
                let repeats = stage.is_some() && pair.value.is_none();
                if scan::is_name(&pair.key.text) && self.page.slice(pair.key.span) == pair.key.text {
                    add(pair.key.span, if repeats { Role::Repeats } else { Role::Declares });
                }
            }
        }
        let mode = match instruction.keyword {
            None | Some(Keyword::Maintainer | Keyword::Shell | Keyword::Onbuild) => return,
            Some(Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck) => Mode::Shell,
            Some(_) => Mode::Words(self.page.escape()),
        };
        let first_body = outer.heredocs.first().map(|heredoc| heredoc.body_span.start);
        let head = Span::new(instruction.span.start, first_body.unwrap_or(instruction.span.end));
        scan::uses(self.page.slice(head), mode, true, &mut |from, to, role| {
            add(Span::new(head.start + from as u32, head.start + to as u32), role);
        });
        for heredoc in &outer.heredocs {
            let is_shell = mode == Mode::Shell;
            if is_shell || heredoc.expand {
                let mode = if is_shell { Mode::Shell } else { Mode::Heredoc };
                let body = heredoc.body_span;
                scan::uses(self.page.slice(body), mode, false, &mut |from, to, role| {
                    add(Span::new(body.start + from as u32, body.start + to as u32), role);
                });
            }
        }
    }
}

/// Where the name at `at` is declared.
pub(super) fn definition(page: &Page, at: u32) -> Value {
    match self::at(page, at).and_then(|it| declaration(page, &it)) {
        Some(span) => json!({ "uri": page.uri, "range": page.range(span) }),
        None => Value::Null,
    }
}

/// Where a name is declared, as seen from where it stands.
pub(super) fn declaration(page: &Page, it: &Occurrence<'_>) -> Option<Span> {
    let document = page.document();
    let What::Variable(..) = it.what else {
        let What::Stage(index) = it.what else { return None };
        let stage = document.stages().get(index)?;
        return Some(stage.name.map_or(stage.from.name.span, |name| name.span));
    };
    let all = all(page);
    let declares = |other: &&Occurrence<'_>| {
        other.what == it.what && matches!(other.role, Role::Declares | Role::Repeats) && other.span != it.span
    };
    let global = all.iter().filter(declares).rfind(|other| other.stage.is_none());
    match it.role {
        Role::Declares => return Some(it.span),
        Role::Repeats => return Some(global.map_or(it.span, |global| global.span)),
        _ => {}
    }
    let is_from = |stage: &Stage<'_>| stage.from.span.start <= it.span.start && it.span.end <= stage.from.span.end;
    // All values of an ENV see what was there before it.
    let own = page
        .instruction_at(it.span.start)
        .and_then(|at| page.instructions().get(at));
    let before = match own {
        Some(own) if own.keyword == Some(Keyword::Env) => own.span.start,
        _ => it.span.start,
    };
    let mut stage = it.stage.filter(|index| !is_from(&document.stages()[*index]));
    while let Some(index) = stage {
        let nearest = all
            .iter()
            .filter(declares)
            .rfind(|other| other.stage == Some(index) && other.span.start < before);
        if let Some(nearest) = nearest {
            return Some(nearest.span);
        }
        stage = document.stages()[index].base;
    }
    global.map(|global| global.span)
}

/// Everywhere the name at `at` stands.
pub(super) fn references(page: &Page, at: u32, declarations: bool) -> Value {
    let Some(it) = self::at(page, at) else {
        return Value::Null;
    };
    let wanted = |other: &Occurrence<'_>| {
        other.what == it.what && (declarations || !matches!(other.role, Role::Declares | Role::Repeats))
    };
    let all = all(page).into_iter().filter(wanted);
    all.map(|other| json!({ "uri": page.uri, "range": page.range(other.span) }))
        .collect()
}

/// The same for marking them.
pub(super) fn highlights(page: &Page, at: u32) -> Value {
    let Some(it) = self::at(page, at) else {
        return Value::Null;
    };
    let same = all(page).into_iter().filter(|other| other.what == it.what);
    same.map(|other| {
        let kind = match other.role {
            Role::Declares | Role::Repeats | Role::Writes => 3,
            Role::Reads | Role::Counts => 2,
        };
        json!({ "range": page.range(other.span), "kind": kind })
    })
    .collect()
}

/// What would be renamed.
pub(super) fn prepare_rename(page: &Page, at: u32) -> Result<Value, Refusal> {
    let (it, _) = renamed(page, at)?;
    Ok(json!({ "range": page.range(it.span), "placeholder": page.slice(it.span) }))
}

/// Renames the stage or variable at `at`, everywhere.
pub(super) fn rename(page: &Page, at: u32, new: &str, client: &Client) -> Result<Value, Refusal> {
    let (it, all) = renamed(page, at)?;
    let refuse = |message: String| Err(Refusal::failed(message));
    match it.what {
        What::Stage(index) => {
            let mut letters = new.chars();
            let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
            if !begins || !letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
                return refuse(format!("`{new}` can't be the name of a stage"));
            }
            if new.eq_ignore_ascii_case("scratch") {
                return refuse("`scratch` is no stage".to_owned());
            }
            let document = page.document();
            let mut names = document.stages().iter().filter(|other| other.index != index);
            if names.any(|other| other.name.is_some_and(|name| name.text.eq_ignore_ascii_case(new))) {
                return refuse(format!("there is a stage `{new}` already"));
            }
        }
        What::Variable(_, group) => {
            if !scan::is_name(new) {
                return refuse(format!("`{new}` can't be the name of a variable"));
            }
            let taken = |other: &&Occurrence<'_>| matches!(other.what, What::Variable(name, _) if name == new);
            let near = |other: &Occurrence<'_>| {
                matches!(other.what, What::Variable(_, its) if its == group)
                    || group == Group::Arguments
                    || matches!(other.what, What::Variable(_, Group::Arguments))
            };
            if all.iter().filter(taken).any(near) {
                return refuse(format!("`{new}` is in use already"));
            }
        }
    }
    let same = all
        .iter()
        .filter(|other| other.what == it.what && other.role != Role::Counts);
    let changes = same.map(|other| edits::change(page, other.span, new)).collect();
    Ok(edits::of_workspace(page, changes, client))
}

/// The name at `at` with all names, if it is one that can be changed.
fn renamed(page: &Page, at: u32) -> Result<(Occurrence<'_>, Vec<Occurrence<'_>>), Refusal> {
    let all = all(page);
    let it = all.iter().find(|it| it.span.start <= at && at <= it.span.end).copied();
    let it = it.ok_or_else(|| Refusal::failed("there is no name of a stage or variable here"))?;
    if it.role == Role::Counts {
        return Err(Refusal::failed("the stage goes by its number here"));
    }
    if let What::Variable(name, _) = it.what {
        if super::texts::platform_argument(name).is_some() {
            return Err(Refusal::failed(format!("`{name}` has its name from the builder")));
        }
        let declared =
            |other: &Occurrence<'_>| other.what == it.what && matches!(other.role, Role::Declares | Role::Repeats);
        if !all.iter().any(declared) {
            return Err(Refusal::failed(format!("`{name}` is not declared in this file")));
        }
    }
    Ok((it, all))
}
