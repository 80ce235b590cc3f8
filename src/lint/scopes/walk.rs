//! Goes through the stages in order.

use super::budget::Budget;
use super::{From, PlatformFlag, Scopes, Step, Undefined};
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Keyword, Word};
use crate::lint::words;
use crate::lint::{Document, Stage};
use crate::oci::Platform;
use crate::resolve::{
    BuildArgs, Environment, Scope, Use, csv_fields, expand_heredoc, expand_words, platform_args, sources_of,
};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Scopes<'a> {
    pub(in crate::lint) fn new(document: &Document<'a>) -> Self {
        let host = Platform::host();
        let target = document.surroundings.platform.unwrap_or(&host);
        let given = BuildArgs::new(&document.options.build_args);
        let none = BuildArgs::default();
        let stage = document.options.target.as_deref();
        let budget = Budget::default();
        let (global, declared) = globals(document, &budget, platform_args(&host, target, stage, &given), &given);
        let (defaults, _) = globals(document, &budget, platform_args(&host, target, stage, &none), &none);
        let mut walk = Walk {
            document,
            target,
            given,
            global,
            defaults,
            declared,
            all_args: all_args(document),
            names: BTreeMap::new(),
            states: Vec::new(),
            heirs: Vec::new(),
            budget,
            scopes: Scopes {
                froms: Vec::new(),
                steps: Vec::new(),
            },
        };
        for stage in document.stages() {
            walk.from(stage);
        }
        walk.heirs = vec![0; walk.states.len()];
        for (origin, _) in &walk.states {
            if let Origin::Stage(base) = origin {
                walk.heirs[*base] += 1;
            }
        }
        let needed = walk.needed();
        for stage in document.stages() {
            walk.stage(stage, needed.contains(&stage.index));
        }
        walk.scopes
    }
}

/// What a trigger that fires once more takes off the budget.
const TRIGGER: usize = 256;

/// Images whose only variable is `PATH`.
const PLAIN: [&str; 10] = [
    "alpine",
    "busybox",
    "debian",
    "ubuntu",
    "centos",
    "rockylinux",
    "almalinux",
    "amazonlinux",
    "oraclelinux",
    "photon",
];

/// ARGs before the first FROM: their values, and the names of those that may have none.
fn globals(
    document: &Document<'_>,
    budget: &Budget,
    mut environment: Environment,
    given: &BuildArgs<'_>,
) -> (Environment, BTreeSet<String>) {
    let mut declared = BTreeSet::new();
    for instruction in document.preamble() {
        let (Some(Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
            continue;
        };
        for pair in pairs {
            let default = pair
                .value
                .as_ref()
                .and_then(|value| budget.expand(&value.text, document.escape(), &environment));
            declared.insert(pair.key.text.clone());
            if let Some(value) = given.get(&pair.key.text) {
                environment.set(&*pair.key.text, value);
            } else if let Some(default) = default {
                environment.set(&*pair.key.text, default.text);
            }
        }
    }
    (environment, declared)
}

/// The names of all ARGs of the file.
fn all_args<'a>(document: &Document<'a>) -> BTreeSet<&'a str> {
    let args =
        document
            .instructions()
            .iter()
            .filter_map(|instruction| match (instruction.keyword, &instruction.body) {
                (Some(Keyword::Arg), Body::Pairs { pairs, .. }) => Some(pairs),
                _ => None,
            });
    args.flatten().map(|pair| pair.key.text.as_str()).collect()
}

/// What a stage is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stage(usize),
    /// Something outside of the file.
    Elsewhere,
}

/// What a stage leaves to those that are built on it.
#[derive(Debug, Clone, Default)]
struct State<'a> {
    scope: Scope,
    has_shell: bool,
    has_workdir: bool,
    /// Whether its base may define variables that nobody knows of.
    is_open: bool,
    triggers: Vec<&'a Instruction>,
}

struct Walk<'d, 'a> {
    document: &'d Document<'a>,
    target: &'d Platform,
    given: BuildArgs<'d>,
    global: Environment,
    defaults: Environment,
    declared: BTreeSet<String>,
    all_args: BTreeSet<&'a str>,
    /// Stages so far by name, in lower case.
    names: BTreeMap<String, usize>,
    states: Vec<(Origin, State<'a>)>,
    /// How many stages that are still to come are built on each.
    heirs: Vec<usize>,
    budget: Budget,
    scopes: Scopes<'a>,
}

impl<'a> Walk<'_, 'a> {
    fn from(&mut self, stage: &Stage<'a>) {
        let escape = self.document.escape();
        let mut from = From::default();
        let mut state = State::default();
        let mut origin = Origin::Elsewhere;
        let mut platform = self.target.clone();
        if let Some((flag, text)) = words::flag_value(stage.from, "platform")
            && let Some(expanded) = self.budget.expand(text, escape, &self.global)
        {
            let mut names: Vec<&str> = expanded.uses.iter().map(|it| it.name.as_str()).collect();
            names.dedup();
            let target = self.global.get("TARGETPLATFORM");
            from.platform = Some(PlatformFlag {
                text: text.to_owned(),
                span: flag.span,
                is_constant: names.is_empty(),
                is_target: names == ["TARGETPLATFORM"] && target == Some(&expanded.text),
            });
            from.undefined.extend(self.undeclared(&expanded.uses, flag.span));
            platform = Platform::parse(&expanded.text, self.target).unwrap_or(platform);
        }
        if let Some(image) = stage.image {
            from.image_by_default = self
                .budget
                .expand(&image.text, escape, &self.defaults)
                .map(|it| it.text);
            if let Some(expanded) = self.budget.expand(&image.text, escape, &self.global) {
                from.undefined.extend(self.undeclared(&expanded.uses, image.span));
                from.image = Some(expanded.text);
            }
        }
        if let Some(image) = &from.image {
            match self.names.get(&image.to_lowercase()) {
                Some(index) => origin = Origin::Stage(*index),
                None => {
                    from.is_outside = image != "scratch";
                    from.mismatch = self.base(image, &platform, &mut state);
                }
            }
        } else {
            state.is_open = true;
        }
        from.wanted = platform;
        if let Some(name) = stage.name {
            self.names.insert(name.text.to_lowercase(), stage.index);
        }
        self.states.push((origin, state));
        self.scopes.froms.push(from);
    }

    /// Begins a stage on an image; gives its platform and the one that is wanted, when they differ.
    fn base(&self, image: &str, wanted: &Platform, state: &mut State<'a>) -> Option<(Platform, Platform)> {
        let facts = self
            .document
            .surroundings
            .bases
            .and_then(|bases| bases.get(image, wanted));
        let Some(facts) = facts else {
            let read = words::Image::read(image);
            let is_official = read.registry.is_none_or(|host| host == "docker.io");
            let name = read.name.strip_prefix("library/").unwrap_or(read.name);
            let replaced = self.document.options.named_contexts.iter().any(|it| it == image);
            state.is_open = image != "scratch" && (replaced || !is_official || !PLAIN.contains(&name));
            state.scope.environment.set("PATH", "");
            return None;
        };
        state.has_shell = facts.has_shell;
        for name in &facts.variables {
            state.scope.environment.set(&**name, "");
        }
        state.scope.environment.set("PATH", "");
        let found = &facts.platform;
        let known = !found.os.is_empty() && !found.architecture.is_empty();
        let differs = found.os != wanted.os || found.architecture != wanted.architecture;
        (known && differs).then(|| (found.clone(), wanted.clone()))
    }

    /// Variables of a FROM that are neither known nor declared.
    fn undeclared(&self, uses: &[Use], span: Span) -> Vec<Undefined> {
        let known = || self.global.names().chain(self.declared.iter().map(String::as_str));
        let mut seen = BTreeSet::new();
        uses.iter()
            .filter(|it| !it.defined && !self.declared.contains(&it.name) && seen.insert(&it.name))
            .map(|it| Undefined {
                name: it.name.clone(),
                near: words::near(&it.name, known()).map(str::to_owned),
                span: words::place_of(self.document.text(span), span, &it.name),
            })
            .collect()
    }

    /// The stages that a build would look at.
    fn needed(&self) -> BTreeSet<usize> {
        let stages = self.document.stages();
        let target = self.document.options.target.as_deref().filter(|it| !it.is_empty());
        let first = match target {
            Some(name) => self.names.get(&name.to_lowercase()).copied(),
            None if self.document.surroundings.only_needed => stages.len().checked_sub(1),
            None => None,
        };
        let Some(first) = first else {
            return (0..stages.len()).collect();
        };
        let mut needed = BTreeSet::new();
        let mut open = vec![first];
        while let Some(index) = open.pop() {
            if !needed.insert(index) {
                continue;
            }
            if let Origin::Stage(base) = self.states[index].0 {
                open.push(base);
            }
            for instruction in self.document.instructions_of(&stages[index]) {
                for (name, _, is_mount) in sources_of(instruction) {
                    let by_name = self.names.get(&name.to_lowercase()).copied();
                    let by_number = name.parse().ok().filter(|index| *index < stages.len() && !is_mount);
                    open.extend(by_number.or(by_name));
                }
            }
        }
        needed
    }

    fn stage(&mut self, stage: &Stage<'a>, is_needed: bool) {
        let replaced = stage.name.is_some_and(|name| {
            self.document
                .options
                .named_contexts
                .iter()
                .any(|it| it.eq_ignore_ascii_case(&name.text))
        });
        if replaced {
            self.states[stage.index].1.is_open = true;
            return;
        }
        let (origin, mut state) =
            std::mem::replace(&mut self.states[stage.index], (Origin::Elsewhere, State::default()));
        let mut steps: Vec<(u32, &'a Instruction)> = Vec::new();
        if let Origin::Stage(base) = origin {
            state = self.inherit(base);
            let triggers = std::mem::take(&mut state.triggers);
            let affordable = triggers.into_iter().take_while(|_| self.budget.affords(TRIGGER));
            steps.extend(affordable.map(|trigger| (stage.from.lines.0, trigger)));
        }
        let own = self.document.instructions_of(stage).iter();
        steps.extend(own.map(|instruction| (instruction.lines.0, instruction)));
        for (line, instruction) in steps {
            let step = self.step(stage.index, line, instruction, &mut state);
            if is_needed {
                self.scopes.steps.push(step);
            }
        }
        if self.heirs[stage.index] > 0 {
            self.states[stage.index].1 = state;
        }
    }

    /// What a stage left to the next one that is built on it.
    fn inherit(&mut self, base: usize) -> State<'a> {
        self.heirs[base] -= 1;
        if self.heirs[base] == 0 {
            return std::mem::take(&mut self.states[base].1);
        }
        if !self.budget.affords(self.states[base].1.scope.environment.size()) {
            return State {
                is_open: true,
                ..State::default()
            };
        }
        self.states[base].1.clone()
    }

    fn step(&self, stage: usize, line: u32, instruction: &'a Instruction, state: &mut State<'a>) -> Step<'a> {
        let mut step = Step {
            stage,
            line,
            instruction,
            has_shell: state.has_shell,
            has_workdir: state.has_workdir,
            words: Vec::new(),
            undefined: Vec::new(),
        };
        match (instruction.keyword, &instruction.body) {
            (Some(Keyword::Arg), Body::Pairs { pairs, .. }) => {
                for pair in pairs {
                    let name = &pair.key.text;
                    if let (Some(default), None) = (&pair.value, self.given.get(name)) {
                        self.expand(&mut step, state, default);
                    }
                    let default = pair.value.as_ref().map(|value| value.text.as_str());
                    let escape = self.document.escape();
                    // A default that can't be expanded is an error of the build.
                    if self.budget.affords(name.len()) {
                        let _ = state.scope.declare(name, default, escape, &self.given, &self.global);
                    }
                }
            }
            (Some(Keyword::Env), Body::Pairs { pairs, .. }) => {
                let mut set = Vec::new();
                for pair in pairs {
                    let name = self.expand(&mut step, state, &pair.key);
                    let value = pair
                        .value
                        .as_ref()
                        .and_then(|value| self.expand(&mut step, state, value));
                    set.push((name.unwrap_or_else(|| pair.key.text.clone()), value.unwrap_or_default()));
                }
                for (name, value) in set {
                    state.scope.environment.set(name, value);
                }
            }
            (Some(Keyword::Label), Body::Pairs { pairs, .. }) => {
                for word in pairs
                    .iter()
                    .flat_map(|pair| [Some(&pair.key), pair.value.as_ref()])
                    .flatten()
                {
                    self.expand(&mut step, state, word);
                }
            }
            (Some(Keyword::Add | Keyword::Copy), _) => self.copy(&mut step, state, instruction),
            (Some(Keyword::Expose), _) => {
                for word in words::list(instruction) {
                    if self.budget.is_spent() {
                        break;
                    }
                    let ports = expand_words(&word.text, self.document.escape(), &state.scope.environment);
                    let ports = ports.map(|it| it.words).unwrap_or_default();
                    if !self.budget.affords(ports.iter().map(String::len).sum()) {
                        break;
                    }
                    step.words.extend(ports.into_iter().map(|port| (word.span, port)));
                }
            }
            (Some(Keyword::Workdir | Keyword::User | Keyword::Volume | Keyword::Stopsignal), _) => {
                for word in words::list(instruction) {
                    if let Some(text) = self.expand(&mut step, state, word) {
                        step.words.push((word.span, text));
                    }
                }
                state.has_workdir |= instruction.keyword == Some(Keyword::Workdir);
            }
            (Some(Keyword::Run), _) => self.mounts(&mut step, state, instruction),
            (Some(Keyword::Shell), _) => state.has_shell = true,
            (Some(Keyword::Onbuild), Body::Onbuild(inner)) => state.triggers.push(inner),
            _ => {}
        }
        step
    }

    fn copy(&self, step: &mut Step<'a>, state: &State<'a>, instruction: &Instruction) {
        for name in ["chown", "chmod", "checksum"] {
            if let Some((flag, value)) = words::flag_value(instruction, name) {
                let word = Word {
                    text: value.to_owned(),
                    span: flag.span,
                };
                self.expand(step, state, &word);
            }
        }
        let heredocs = words::heredocs(instruction);
        for word in words::list(instruction) {
            if heredocs.contains(&word.span) {
                continue;
            }
            if let Some(text) = self.expand(step, state, word) {
                step.words.push((word.span, text));
            }
        }
        for heredoc in instruction.heredocs.iter().filter(|heredoc| heredoc.expand) {
            if self.budget.is_spent() {
                break;
            }
            if let Ok(expanded) = expand_heredoc(&heredoc.body, &state.scope.environment)
                && self.budget.affords(expanded.text.len())
            {
                let undefined = self.undefined(state, &expanded.uses, heredoc.body_span);
                step.undefined.extend(undefined);
            }
        }
    }

    fn mounts(&self, step: &mut Step<'a>, state: &State<'a>, instruction: &Instruction) {
        for flag in instruction.flags.iter().filter(|flag| flag.name == "mount") {
            let fields = flag.value.as_deref().map(csv_fields).and_then(Result::ok);
            for field in fields.unwrap_or_default() {
                let Some((key, value)) = field.split_once('=') else {
                    continue;
                };
                if !key.eq_ignore_ascii_case("from") {
                    let word = Word {
                        text: value.to_owned(),
                        span: flag.span,
                    };
                    self.expand(step, state, &word);
                }
            }
        }
    }

    fn expand(&self, step: &mut Step<'a>, state: &State<'a>, word: &Word) -> Option<String> {
        // Most words hold nothing to expand.
        if !word.text.contains(['$', '"', '\'', self.document.escape()]) {
            return Some(word.text.clone());
        }
        let expanded = self
            .budget
            .expand(&word.text, self.document.escape(), &state.scope.environment)?;
        if expanded.uses.iter().any(|it| !it.defined) {
            step.undefined.extend(self.undefined(state, &expanded.uses, word.span));
        }
        Some(expanded.text)
    }

    /// Variables of a word that are neither set nor declared.
    fn undefined(&self, state: &State<'a>, uses: &[Use], span: Span) -> Vec<Undefined> {
        let environment = &state.scope.environment;
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for name in uses.iter().filter(|it| !it.defined).map(|it| &it.name) {
            if state.scope.is_declared(name) || NEVER_SEEN.contains(&name.as_str()) || !seen.insert(name) {
                continue;
            }
            let near = words::near(name, environment.names());
            if state.is_open && !self.is_surely_undefined(name, environment) {
                continue;
            }
            all.push(Undefined {
                name: name.clone(),
                near: near.map(str::to_owned),
                span: words::place_of(self.document.text(span), span, name),
            });
        }
        all
    }

    /// Whether a base that nobody has looked at can hardly define `name`: an ARG of another scope, a slip of the pen,
    /// or a name that no image would choose.
    fn is_surely_undefined(&self, name: &str, environment: &Environment) -> bool {
        let slip = |known: &str| known.len().abs_diff(name.len()) < 2 && strsim::damerau_levenshtein(known, name) == 1;
        self.all_args.contains(name)
            || name
                .bytes()
                .any(|byte| !byte.is_ascii_uppercase() && !byte.is_ascii_digit() && byte != b'_')
            || (4..1000).contains(&name.len()) && environment.names().take(1000).any(slip)
    }
}

/// ARGs that no instruction sees, even when they are declared.
const NEVER_SEEN: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];
