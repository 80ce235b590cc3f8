//! Stages: which instruction belongs to which, what each is built on, and what the names in them mean.

use super::{BuildArgs, Environment, csv_fields, expand, platform_args};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::dockerfile::{Body, Dockerfile, Flag, Instruction, Keyword, Word};
use crate::oci::Platform;
use crate::oci::{ParseReferenceError, Reference};
use std::collections::{BTreeMap, HashMap};

/// Finds the stages of `dockerfile`, what each is built on, and the one to build.
///
/// Problems come as diagnostics; several are reported at once. All stages are looked at, needed or not.
pub fn bind<'a>(dockerfile: &'a Dockerfile, inputs: &Inputs<'a>) -> Result<Binding<'a>, Vec<Diagnostic>> {
    let mut binder = Binder {
        escape: dockerfile.escape,
        given: BuildArgs::new(inputs.build_args),
        target_platform: inputs.target_platform,
        global: Environment::new(),
        contexts: ContextNames::new(inputs.contexts),
        names: HashMap::new(),
        problems: Vec::new(),
    };
    binder.global = platform_args(
        inputs.build_platform,
        inputs.target_platform,
        inputs.target,
        &binder.given,
    );
    let (head, rest) = split_head(&dockerfile.instructions);
    binder.global_args(head);
    let mut stages = Vec::new();
    let mut rest = rest;
    while let Some((from, after)) = rest.split_first() {
        let end = after.iter().position(is_from).unwrap_or(after.len());
        let (instructions, next) = after.split_at(end);
        let stage = binder.stage(stages.len(), from, instructions);
        if let Some(name) = &stage.name {
            binder.names.insert(name.clone(), stage.index);
        }
        stages.push(stage);
        rest = next;
    }
    let target = binder.target(&stages, inputs.target);
    let Binder {
        escape,
        global,
        given,
        contexts,
        names,
        mut problems,
        ..
    } = binder;
    let mut binding = Binding {
        escape,
        problems: Vec::new(),
        global,
        given,
        stages,
        target,
        target_platform: inputs.target_platform,
        contexts,
        names,
    };
    let (cycles, unknown) = binding.cycles();
    problems.extend(cycles);
    if !problems.is_empty() {
        problems.extend(unknown);
        return Err(problems);
    }
    binding.problems = unknown;
    Ok(binding)
}

/// What the file alone does not say.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// `--build-arg`, in order.
    pub build_args: &'a [(String, String)],
    /// `--target`.
    pub target: Option<&'a str>,
    /// Names of the named contexts, as given; `name::platform` is one for that platform alone.
    pub contexts: &'a [&'a str],
    /// The machine that builds.
    pub build_platform: &'a Platform,
    /// What is built for.
    pub target_platform: &'a Platform,
}

/// Stages, with every name in them bound.
#[derive(Debug)]
pub struct Binding<'a> {
    /// Sources of COPY that do not exist. The file can't be built, but nothing else depends on them.
    pub problems: Vec<Diagnostic>,
    /// The file's escape character.
    pub escape: char,
    /// ARGs from before the first FROM and the platform ARGs, with their values.
    pub global: Environment,
    /// `--build-arg`.
    pub given: BuildArgs<'a>,
    /// In the order of the file.
    pub stages: Vec<Stage<'a>>,
    /// The stage to build, an index of [`Binding::stages`].
    pub target: usize,
    target_platform: &'a Platform,
    contexts: ContextNames<'a>,
    pub(super) names: HashMap<String, usize>,
}

/// One stage.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Its number, from 0.
    pub index: usize,
    /// Its name in lower case.
    pub name: Option<String>,
    /// Its FROM.
    pub from: &'a Instruction,
    /// What it is built on.
    pub base: Origin,
    /// `--platform` after expansion.
    pub platform: Option<Platform>,
    /// Its instructions; none when a named context stands in for the stage.
    pub instructions: &'a [Instruction],
    /// Whether a named context of the stage's name stands in for it.
    pub replaced: bool,
}

impl Stage<'_> {
    /// The name, or the number.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.index.to_string())
    }
}

/// What a name in FROM, `--from` or `from=` stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Another stage of the file.
    Stage(usize),
    /// The empty tree.
    Scratch,
    /// A named context, by the name it was given.
    Context(String),
    /// An image.
    Image(String),
}

impl Binding<'_> {
    /// What `COPY --from` names in stage `stage`. A number is a stage's index; a stage must stand above.
    pub fn copy_source(&self, stage: usize, from: &str, span: Option<Span>) -> Result<Origin, Diagnostic> {
        let origin = self.copy_origin(from, span)?;
        self.must_stand_above(stage, origin, from, span, "copy")
    }

    /// What the `from` of a mount names in stage `stage`. A number is not a stage's index but an image.
    pub fn mount_source(&self, stage: usize, from: &str, span: Option<Span>) -> Result<Origin, Diagnostic> {
        let origin = self.origin(from, span)?;
        self.must_stand_above(stage, origin, from, span, "mount")
    }

    /// The named context of this name, as it was given.
    pub fn named_context(&self, name: &str) -> Option<&str> {
        self.contexts.find(&familiar(name), self.target_platform)
    }

    /// Names of the stages and contexts, for suggestions.
    pub fn known_names(&self) -> impl Iterator<Item = &str> {
        let stages = self.stages.iter().filter_map(|stage| stage.name.as_deref());
        stages.chain(self.contexts.0.values().copied())
    }

    pub(super) fn copy_origin(&self, from: &str, span: Option<Span>) -> Result<Origin, Diagnostic> {
        match from.parse::<i64>() {
            Ok(index) => match usize::try_from(index) {
                Ok(index) if index < self.stages.len() => Ok(Origin::Stage(index)),
                _ => Err(
                    Diagnostic::error("unknown-stage", span, format!("invalid stage index {from}"))
                        .help(format!("the file has {} stages, counted from 0", self.stages.len())),
                ),
            },
            Err(_) => self.origin(from, span),
        }
    }

    fn origin(&self, from: &str, span: Option<Span>) -> Result<Origin, Diagnostic> {
        refuse_variables("from", from, span)?;
        if let Some(index) = self.names.get(&from.to_lowercase()) {
            return Ok(Origin::Stage(*index));
        }
        self.contexts.origin(from, self.target_platform).map_err(|error| {
            Diagnostic::error("bad-reference", span, format!("failed to parse stage name: {error}"))
                .suggest(from, self.known_names())
        })
    }

    fn must_stand_above(
        &self,
        stage: usize,
        origin: Origin,
        from: &str,
        span: Option<Span>,
        deed: &str,
    ) -> Result<Origin, Diagnostic> {
        match origin {
            // A named context stands in for the stage, and is there from the beginning.
            Origin::Stage(index) if self.stages[index].replaced => Ok(origin),
            Origin::Stage(index) if index >= stage => Err(Diagnostic::error(
                "stage-order",
                span,
                format!(
                    "cannot {deed} from stage `{from}`, it needs to be defined before the current stage `{}`",
                    self.stages[stage].label()
                ),
            )),
            origin => Ok(origin),
        }
    }
}

/// The sources that an instruction names: `--from` of COPY, `from=` of mounts; with the flag, and whether it is a mount.
///
/// An ONBUILD instruction names none: its trigger fires elsewhere.
pub fn sources_of(instruction: &Instruction) -> Vec<(String, &Flag, bool)> {
    let wanted = match instruction.keyword {
        Some(Keyword::Copy) => "from",
        Some(Keyword::Run) => "mount",
        _ => return Vec::new(),
    };
    let flags = instruction.flags.iter().filter(|flag| flag.name == wanted);
    flags
        .filter_map(|flag| {
            let value = flag.value.as_deref()?;
            if wanted == "from" {
                return (!value.is_empty()).then(|| (value.to_owned(), flag, false));
            }
            let fields = csv_fields(value).ok()?;
            let from = fields.iter().rev().find_map(|field| {
                let (key, value) = field.split_once('=')?;
                (key.eq_ignore_ascii_case("from") && !value.is_empty()).then(|| value.to_owned())
            })?;
            Some((from, flag, true))
        })
        .collect()
}

/// Refuses a `$` before something in a place where variables are not expanded.
pub fn refuse_variables(key: &str, value: &str, span: impl Into<Option<Span>>) -> Result<(), Diagnostic> {
    let holds_one = value.find('$').is_some_and(|at| at + 1 < value.len());
    if !holds_one {
        return Ok(());
    }
    Err(Diagnostic::error(
        "no-variables-here",
        span,
        format!("`{key}` doesn't support variable expansion: `{value}`"),
    )
    .help("define a stage with `FROM … AS name`, where global ARGs are expanded, and name that stage"))
}

fn is_from(instruction: &Instruction) -> bool {
    instruction.keyword == Some(Keyword::From)
}

fn split_head(instructions: &[Instruction]) -> (&[Instruction], &[Instruction]) {
    instructions.split_at(instructions.iter().position(is_from).unwrap_or(instructions.len()))
}

/// Named contexts by the usual spelling of their names.
#[derive(Debug, Default)]
struct ContextNames<'a>(BTreeMap<String, &'a str>);

impl<'a> ContextNames<'a> {
    fn new(names: &[&'a str]) -> Self {
        Self(
            names
                .iter()
                .map(|given| match given.split_once("::") {
                    Some((name, platform)) => (format!("{}::{platform}", familiar(name)), *given),
                    None => (familiar(given), *given),
                })
                .collect(),
        )
    }

    fn find(&self, familiar: &str, platform: &Platform) -> Option<&'a str> {
        let for_platform = self.0.get(&format!("{familiar}::{platform}"));
        for_platform.or_else(|| self.0.get(familiar)).copied()
    }

    /// What a name means that is not a stage's.
    fn origin(&self, name: &str, platform: &Platform) -> Result<Origin, ParseReferenceError> {
        if name == "scratch" {
            return Ok(Origin::Scratch);
        }
        let familiar = shortest(&Reference::parse(name)?);
        Ok(match self.find(&familiar, platform) {
            Some(context) => Origin::Context(context.to_owned()),
            None => Origin::Image(name.to_owned()),
        })
    }
}

/// The usual spelling of a context's name, which need not be that of an image.
fn familiar(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_lowercase(), |it| shortest(&it))
}

/// The shortest spelling of a name: without the default registry, its `library/`, and the tag `latest`.
fn shortest(reference: &Reference) -> String {
    let familiar = reference.familiar();
    match (reference.tag(), reference.digest()) {
        (Some("latest"), None) => familiar.trim_end_matches(":latest").to_owned(),
        _ => familiar,
    }
}

struct Binder<'a> {
    escape: char,
    given: BuildArgs<'a>,
    target_platform: &'a Platform,
    global: Environment,
    contexts: ContextNames<'a>,
    names: HashMap<String, usize>,
    problems: Vec<Diagnostic>,
}

impl<'a> Binder<'a> {
    fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Evaluates the ARGs before the first FROM; each sees those before it.
    fn global_args(&mut self, head: &[Instruction]) {
        for instruction in head {
            if instruction.keyword != Some(Keyword::Arg) {
                let name = instruction.name.text.to_uppercase();
                let message = format!("no build stage in current context: `{name}` stands before the first `FROM`");
                self.problem(
                    Diagnostic::error("no-stage", instruction.span, message)
                        .help("only `ARG` may come before the first `FROM`"),
                );
                continue;
            }
            let Body::Pairs { pairs, .. } = &instruction.body else {
                continue;
            };
            for pair in pairs {
                let Some(name) = self.expand(&pair.key) else { continue };
                let value = match (self.given.get(&name), &pair.value) {
                    (Some(value), _) => Some(value.to_owned()),
                    (None, Some(default)) => self.expand(default),
                    (None, None) => None,
                };
                if let Some(value) = value {
                    self.global.set(name, value);
                }
            }
        }
    }

    fn expand(&mut self, word: &Word) -> Option<String> {
        expand(&word.text, self.escape, &self.global)
            .map(|it| it.text)
            .map_err(|error| {
                let report = Diagnostic::error(
                    "substitution",
                    word.span,
                    format!("cannot expand `{}`: {error}", word.text),
                );
                self.problems.push(report);
            })
            .ok()
    }

    fn stage(&mut self, index: usize, from: &'a Instruction, instructions: &'a [Instruction]) -> Stage<'a> {
        let words: &[Word] = match &from.body {
            Body::Words(words) => words,
            _ => &[],
        };
        let platform = self.platform(from);
        let name = words.get(2).and_then(|word| self.name(word));
        let replaced = name
            .as_deref()
            .and_then(|name| {
                self.contexts
                    .find(name, platform.as_ref().unwrap_or(self.target_platform))
            })
            .map(str::to_owned);
        let base = words.first().and_then(|word| self.base(word, platform.as_ref()));
        match replaced {
            Some(context) => Stage {
                index,
                name,
                from,
                base: Origin::Context(context),
                platform,
                instructions: &[],
                replaced: true,
            },
            None => Stage {
                index,
                name,
                from,
                base: base.unwrap_or(Origin::Scratch),
                platform,
                instructions,
                replaced: false,
            },
        }
    }

    fn name(&mut self, word: &Word) -> Option<String> {
        let name = word.text.to_lowercase();
        let inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_' | '.');
        if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(inner) {
            return Some(name);
        }
        self.problem(
            Diagnostic::error(
                "bad-stage-name",
                word.span,
                format!("`{}` is an invalid name for a build stage", word.text),
            )
            .help("a name begins with a letter, and goes on with letters, digits, `-`, `_` and `.`"),
        );
        None
    }

    fn platform(&mut self, from: &Instruction) -> Option<Platform> {
        let flag = from.flags.iter().find(|flag| flag.name == "platform")?;
        let word = Word {
            text: flag.value.clone().filter(|value| !value.is_empty())?,
            span: flag.span,
        };
        let text = self.expand(&word)?;
        if text.is_empty() {
            let report = Diagnostic::error(
                "bad-platform",
                flag.span,
                format!("empty platform value from expression `{}`", word.text),
            );
            let report = self.suggest_arg(report, &word.text);
            self.problem(report);
            return None;
        }
        Platform::parse(&text, self.target_platform)
            .map_err(|error| {
                let message = format!("failed to parse platform: {error}");
                self.problem(Diagnostic::error("bad-platform", flag.span, message));
            })
            .ok()
    }

    fn base(&mut self, word: &Word, platform: Option<&Platform>) -> Option<Origin> {
        let name = self.expand(word)?;
        if name.trim().is_empty() {
            let report = Diagnostic::error(
                "blank-base",
                word.span,
                format!("base name (`{}`) should not be blank", word.text),
            );
            let report = self.suggest_arg(report, &word.text);
            self.problem(report);
            return None;
        }
        if let Some(index) = self.names.get(&name.to_lowercase()) {
            return Some(Origin::Stage(*index));
        }
        let platform = platform.unwrap_or(self.target_platform);
        self.contexts
            .origin(&name, platform)
            .map_err(|error| {
                let message = format!("failed to parse stage name: {error}");
                let report = Diagnostic::error("bad-reference", word.span, message);
                let report = self.suggest_arg(report, &word.text);
                self.problems.push(report);
            })
            .ok()
    }

    /// Adds a hint when a variable of `text` is not set and a similar one is.
    fn suggest_arg(&self, report: Diagnostic, text: &str) -> Diagnostic {
        let uses = expand(text, self.escape, &self.global)
            .map(|it| it.uses)
            .unwrap_or_default();
        let unset: Vec<_> = uses.iter().filter(|it| !it.defined).collect();
        let report = unset
            .iter()
            .fold(report, |report, it| report.suggest(&it.name, self.global.names()));
        match unset.first() {
            Some(it) if report.help.is_empty() => report.help(format!(
                "`{}` has no value here: `FROM` sees only ARGs that stand before the first `FROM`",
                it.name
            )),
            _ => report,
        }
    }

    fn target(&mut self, stages: &[Stage<'_>], wanted: Option<&str>) -> usize {
        if stages.is_empty() {
            if self.problems.is_empty() {
                self.problem(
                    Diagnostic::error("no-stage", None, "no build stage in the file")
                        .help("a Dockerfile needs a `FROM`"),
                );
            }
            return 0;
        }
        let last = stages.len() - 1;
        let Some(wanted) = wanted.filter(|it| !it.is_empty()) else {
            return last;
        };
        if let Some(index) = self.names.get(&wanted.to_lowercase()) {
            return *index;
        }
        let names: Vec<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
        let report = Diagnostic::error(
            "unknown-target",
            None,
            format!("target stage `{wanted}` could not be found"),
        );
        let report = match nearest(wanted, names.iter().copied()) {
            Some(near) => report.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => report.help("no stage of the file has a name"),
            None => report.help(format!("the stages are `{}`", names.join("`, `"))),
        };
        self.problem(report);
        last
    }
}
