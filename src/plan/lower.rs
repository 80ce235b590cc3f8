//! From stages to steps: which are needed, in which order, and what each needs.

use super::discover::{Discovered, Trigger};
use super::epoch::{self, Epoch};
use super::outline::Sketch;
use super::problems::{in_order, owner, uses_variables};
use super::stage::{Given, StageState};
use super::{
    Base, From, Graph, ImageKey, ImageNeed, Lowered, NamedContext, Need, NoCache, Op, Outcome, Request, Source, Step,
    StepId, Target, run, values,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::oci::ImageConfig;
use crate::oci::Platform;
use crate::resolve::{Binding, Inputs, Origin, bind};
use petgraph::stable_graph::StableDiGraph;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Lowers what the target reaches.
///
/// `images` holds the configs that are known so far; when more are needed the answer is [`Outcome::NeedsImages`].
/// Problems are reported together, as far as one does not hide another.
pub fn lower<'a>(
    request: &'a Request<'a>,
    images: &BTreeMap<ImageKey, ImageConfig>,
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    for instruction in &request.dockerfile.instructions {
        check(instruction, &mut problems);
    }
    lower_on(request, images, problems)
}

/// Lowers a file of which `problems` are known already.
pub(super) fn lower_on<'a>(
    request: &'a Request<'a>,
    images: &BTreeMap<ImageKey, ImageConfig>,
    mut problems: Vec<Diagnostic>,
) -> Result<Lowered, Vec<Diagnostic>> {
    let contexts: Vec<&str> = request.named_contexts.keys().map(String::as_str).collect();
    let inputs = Inputs {
        build_args: request.build_args,
        target: request.target,
        contexts: &contexts,
        build_platform: &request.build_platform,
        target_platform: &request.target_platform,
    };
    let mut binding = match bind(request.dockerfile, &inputs) {
        Ok(mut binding) => {
            problems.append(&mut binding.problems);
            binding
        }
        Err(more) => {
            problems.extend(more);
            return Err(in_order(problems));
        }
    };
    // Nobody is asked about a file that can't be built.
    let (source_date_epoch, asks) = match epoch::find(request, &mut binding) {
        Ok(Epoch::Known(epoch)) => (epoch, None),
        Ok(Epoch::Asks(source)) => (None, Some(source)),
        Err(problem) => {
            problems.push(problem);
            (None, None)
        }
    };
    let mut discovered = super::discover::discover(request, &binding, images);
    problems.append(&mut discovered.problems);
    if let Some(source) = asks.filter(|_| problems.is_empty()) {
        return Ok(Lowered {
            outcome: Outcome::NeedsEpoch(source),
            warnings: Vec::new(),
        });
    }
    let mut guessed = Cow::Borrowed(images);
    let guesses = !discovered.needs.is_empty();
    if guesses {
        if problems.is_empty() {
            return Ok(Lowered {
                outcome: Outcome::NeedsImages(discovered.needs),
                warnings: Vec::new(),
            });
        }
        // Nothing is fetched for a file that can't be built; what it says of itself is looked at all the same.
        let empty = |need: ImageNeed| (need.key, ImageConfig::default());
        guessed.to_mut().extend(discovered.needs.drain(..).map(empty));
    }
    let mut lowering = Lowering {
        request,
        binding: &binding,
        images: &guessed,
        given: Given {
            escape: binding.escape,
            args: &binding.given,
            global: &binding.global,
        },
        proxies: proxies(request.build_args),
        steps: StableDiGraph::new(),
        states: vec![None; binding.stages.len()],
        shared: BTreeMap::new(),
        here: Place::default(),
        sketch: Sketch::default(),
        size: 0,
        problems: Vec::new(),
        warnings: super::frontend::warnings(request.dockerfile, request.build_args),
    };
    let needed: Vec<usize> = (0..binding.stages.len())
        .filter(|stage| discovered.stages[*stage].is_some())
        .collect();
    lowering.stages(discovered);
    let target = lowering.target();
    let Lowering {
        mut steps,
        states,
        sketch,
        problems: found,
        warnings,
        ..
    } = lowering;
    // A guessed image has no variables, so what is said of uses of variables may be wrong.
    let instructions = &request.dockerfile.instructions;
    let sure = |it: &Diagnostic| owner(instructions, it).is_none_or(|owner| !uses_variables(&instructions[owner]));
    problems.extend(found.into_iter().filter(|it| !guesses || sure(it)));
    let (Some(target), true) = (target, problems.is_empty()) else {
        return Err(in_order(problems));
    };
    for state in states.iter().flatten() {
        for (number, id) in state.steps.iter().enumerate() {
            if let Some(step) = steps.node_weight_mut(*id) {
                step.position = (number + 1, state.steps.len());
            }
        }
    }
    Ok(Lowered {
        outcome: Outcome::Ready(Box::new(Graph {
            steps,
            target,
            others: Vec::new(),
            source_date_epoch,
            outline: sketch.finish(request.dockerfile, &binding, &needed),
        })),
        warnings,
    })
}

/// What can be said of an instruction by itself, whether its stage is needed or not.
///
/// What ONBUILD holds is looked at when it fires.
pub(super) fn check(instruction: &Instruction, problems: &mut Vec<Diagnostic>) {
    match (instruction.keyword, &instruction.body) {
        (Some(Keyword::Run), _) => run::check(instruction, problems),
        (Some(Keyword::Healthcheck), Body::Healthcheck { .. }) => {
            problems.extend(values::healthcheck(instruction).err());
        }
        _ => (),
    }
}

/// Proxy variables that were given, in both cases, as commands expect them.
fn proxies(build_args: &[(String, String)]) -> Vec<(String, String)> {
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
    let mut found = Vec::new();
    for name in names {
        let given = build_args.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some((_, value)) = given.filter(|(_, value)| !value.is_empty()) {
            // A spelling of its own keeps its own value.
            for spelling in [name.to_owned(), name.to_lowercase()] {
                let exact = build_args.iter().rev().find(|(key, _)| *key == spelling);
                let value = exact.map_or(value, |(_, exact)| exact);
                found.push((spelling, value.clone()));
            }
        }
    }
    found
}

/// The image that an origin stands for, if it is one.
pub(super) fn image_key(request: &Request<'_>, origin: &Origin, platform: &Platform) -> Option<ImageKey> {
    let reference = match origin {
        Origin::Image(reference) => reference,
        Origin::Context(name) => match request.named_contexts.get(name)? {
            NamedContext::Image { reference } => reference,
            NamedContext::Directory | NamedContext::Nothing => return None,
        },
        Origin::Stage(_) | Origin::Scratch => return None,
    };
    Some(ImageKey {
        reference: reference.clone(),
        platform: platform.clone(),
    })
}

/// What an origin comes to: a context that is nothing is `scratch`.
fn meant<'o>(request: &Request<'_>, origin: &'o Origin) -> &'o Origin {
    match origin {
        Origin::Context(name) if request.named_contexts.get(name) == Some(&NamedContext::Nothing) => &Origin::Scratch,
        other => other,
    }
}

/// What a plan may have in bytes: a file of a few MiB with a RUN a line and a large environment would have terabytes.
const LARGEST_PLAN: usize = 256 << 20;

/// What a step takes without its texts, about.
const STEP: usize = 512;

/// Texts of a step that are not just a part of the file.
fn size_of_op(op: &Op) -> usize {
    match op {
        Op::Run(run) => {
            let env: usize = run.env.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
            env + run.argv.iter().map(String::len).sum::<usize>()
        }
        Op::Copy(copy) => {
            let length = |source: &Source| match source {
                Source::Path(text) | Source::Url(text) | Source::Git { text, .. } => text.len(),
                Source::Inline { name, body } => name.len() + body.len(),
            };
            copy.sources.iter().map(length).sum()
        }
        Op::Base(_) | Op::Workdir(_) => 0,
    }
}

/// Where the instruction at hand stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    span: Option<Span>,
    no_cache: bool,
}

/// A graph in the making.
#[derive(Debug)]
pub(super) struct Lowering<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) binding: &'a Binding<'a>,
    images: &'a BTreeMap<ImageKey, ImageConfig>,
    pub(super) given: Given<'a>,
    pub(super) proxies: Vec<(String, String)>,
    steps: StableDiGraph<Step, Need>,
    states: Vec<Option<StageState>>,
    /// Images and the empty tree, as far as files are taken from them without a stage.
    shared: BTreeMap<Origin, StepId>,
    here: Place,
    pub(super) sketch: Sketch,
    /// Bytes of the plan so far, about.
    size: usize,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Lowering<'_> {
    /// Lowers the stages that are needed.
    ///
    /// What a stage needs stands above it, so the file's order will do; but a stage that a named context stands in for
    /// may be named from above, and needs nothing itself.
    fn stages(&mut self, discovered: Discovered<'_>) {
        let binding = self.binding;
        let (replaced, ordinary): (Vec<_>, Vec<_>) = discovered
            .stages
            .into_iter()
            .enumerate()
            .filter_map(|(index, triggers)| Some((index, triggers?)))
            .partition(|(index, _)| binding.stages[*index].replaced);
        for (index, triggers) in replaced.into_iter().chain(ordinary) {
            let stage = &binding.stages[index];
            let mut state = match self.begin(index) {
                Ok(state) => state,
                Err(problem) => {
                    self.problems.push(problem);
                    continue;
                }
            };
            if !stage.replaced {
                state.enter();
            }
            self.size += STEP + state.inherited_size();
            if !self.fits(&mut state, stage.from.span) {
                return;
            }
            for trigger in &triggers {
                self.here.span = match trigger {
                    Trigger::OfStage(instruction) => Some(instruction.span),
                    Trigger::OfImage { .. } => None,
                };
                self.here.no_cache = self.is_uncached(index);
                if let Err(problems) = self.instruction(index, &mut state, trigger.instruction()) {
                    let blamed = problems.into_iter().map(|it| trigger.blame(it, stage.from.span));
                    self.problems.extend(blamed);
                }
                if !self.fits(&mut state, stage.from.span) {
                    return;
                }
            }
            for instruction in stage.instructions {
                self.here = Place {
                    span: Some(instruction.span),
                    no_cache: self.is_uncached(index),
                };
                if let Err(problems) = self.instruction(index, &mut state, instruction) {
                    self.problems.extend(problems);
                }
                if !self.fits(&mut state, instruction.span) {
                    return;
                }
            }
            self.states[index] = Some(state);
        }
    }

    /// Counts what the last instruction added; reports a plan that grows beyond all measure.
    fn fits(&mut self, state: &mut StageState, span: Span) -> bool {
        self.size += state.take_added();
        if self.size <= LARGEST_PLAN {
            return true;
        }
        let message = "the plan becomes larger than 256 MiB here, with every step's environment and history";
        self.problems.push(Diagnostic::error("plan-too-large", span, message));
        false
    }

    /// The state of a stage before its first instruction.
    fn begin(&mut self, index: usize) -> Result<StageState, Diagnostic> {
        let binding = self.binding;
        let stage = &binding.stages[index];
        let target_platform = &self.request.target_platform;
        let platform = stage.platform.as_ref().unwrap_or(target_platform);
        self.here = Place {
            span: Some(stage.from.span),
            no_cache: false,
        };
        let origin = meant(self.request, &stage.base);
        let (mut state, base) = match origin {
            Origin::Stage(parent) => {
                self.build_directory(*parent);
                let parent_state = self.states[*parent].as_ref();
                return Ok(parent_state.map_or_else(StageState::default, |it| it.child_of(*parent)));
            }
            Origin::Scratch => (StageState::scratch(target_platform), Base::Scratch),
            Origin::Context(name) if image_key(self.request, origin, platform).is_none() => {
                let mut state = StageState::scratch(platform);
                if stage.replaced {
                    state.directory = Some(name.clone());
                    return Ok(state);
                }
                (state, Base::Directory { name: name.clone() })
            }
            Origin::Context(_) | Origin::Image(_) => {
                let (config, base) = self.image(&stage.base, platform, stage.from.span)?;
                self.compare_platform(&config, platform, stage.from.span);
                (StageState::from_config(config, platform), base)
            }
        };
        let title = self.title(&state, stage.from, &[]);
        self.step(index, &mut state, Op::Base(base), title, &[]);
        Ok(state)
    }

    /// The config of an image, and the step's description of it.
    fn image(&self, origin: &Origin, platform: &Platform, span: Span) -> Result<(ImageConfig, Base), Diagnostic> {
        let key = image_key(self.request, origin, platform);
        let Some((key, config)) = key.and_then(|key| self.images.get(&key).map(|config| (key, config))) else {
            return Err(Diagnostic::error(
                "missing-image",
                span,
                "the image's config is not known",
            ));
        };
        let base = Base::Image {
            reference: key.reference,
            platform: key.platform,
            layers: config.rootfs.diff_ids.clone(),
        };
        Ok((config.clone(), base))
    }

    fn compare_platform(&mut self, config: &ImageConfig, wanted: &Platform, span: Span) {
        let found = Platform::new(&config.os, &config.architecture, &config.variant);
        let known = !config.os.is_empty() && !config.architecture.is_empty();
        if known && (found.os != wanted.os || found.architecture != wanted.architecture) {
            self.warnings.push(Diagnostic::warning(
                "base-platform",
                span,
                format!("the base image is for `{found}`, expected `{wanted}`"),
            ));
        }
    }

    /// Makes the step of a stage that a directory stands in for, now that somebody builds on it.
    fn build_directory(&mut self, index: usize) {
        let Some(mut state) = self.states[index].take() else {
            return;
        };
        if let (Some(name), None) = (&state.directory, state.step) {
            let base = Base::Directory { name: name.clone() };
            let from = self.binding.stages[index].from;
            let here = self.here;
            self.here.span = Some(from.span);
            let title = self.title(&state, from, &[]);
            self.step(index, &mut state, Op::Base(base), title, &[]);
            self.here = here;
        }
        self.states[index] = Some(state);
    }

    fn instruction(
        &mut self,
        index: usize,
        state: &mut StageState,
        instruction: &Instruction,
    ) -> Result<(), Vec<Diagnostic>> {
        let done = match instruction.keyword {
            Some(Keyword::Run) => return self.run(index, state, instruction),
            Some(Keyword::Copy | Keyword::Add) => self.copy(index, state, instruction),
            Some(Keyword::Workdir) => self.workdir(index, state, instruction),
            Some(Keyword::Arg) => {
                state.configure(&self.given, Keyword::Arg, instruction)?;
                self.outline_args(index, state, instruction)
            }
            Some(keyword) => return state.configure(&self.given, keyword, instruction),
            None => Err(Diagnostic::error(
                "unknown-instruction",
                instruction.name.span,
                format!("unknown instruction `{}`", instruction.name.text),
            )),
        };
        done.map_err(|problem| vec![problem])
    }

    fn outline_args(&mut self, index: usize, state: &StageState, instruction: &Instruction) -> Result<(), Diagnostic> {
        let Body::Pairs { pairs, .. } = &instruction.body else {
            return Ok(());
        };
        for pair in pairs {
            let name = state.expand(&self.given, &pair.key)?;
            let has_own = pair.value.is_some() || self.given.args.get(&name).is_some();
            let own = has_own || self.given.global.get(&name).is_none();
            let value = state.scope.args().find(|(known, _)| *known == name);
            let value = value.map(|(_, value)| value).filter(|value| !value.is_empty());
            self.sketch.arg(index, instruction, &name, value, own);
        }
        Ok(())
    }

    /// What files come from; the step that makes them, if one does, is added to `needs`.
    pub(super) fn source(&mut self, origin: &Origin, span: Span, needs: &mut Vec<StepId>) -> Result<From, Diagnostic> {
        let origin = meant(self.request, origin);
        let step = match origin {
            Origin::Stage(index) => {
                let state = self.states[*index].as_ref();
                if let Some(name) = state.and_then(|state| state.directory.as_ref()) {
                    return Ok(From::Named(name.clone()));
                }
                // A stage that could not be begun has already been reported.
                state.and_then(|state| state.step).ok_or_else(|| {
                    let label = self.binding.stages[*index].label();
                    Diagnostic::error("broken-stage", span, format!("stage `{label}` has problems of its own"))
                })?
            }
            Origin::Context(name) if image_key(self.request, origin, &self.request.target_platform).is_none() => {
                return Ok(From::Named(name.clone()));
            }
            _ => self.shared(origin, span)?,
        };
        needs.push(step);
        Ok(From::Step(step))
    }

    /// The step of an image (or of nothing) that is no stage.
    fn shared(&mut self, origin: &Origin, span: Span) -> Result<StepId, Diagnostic> {
        if let Some(step) = self.shared.get(origin) {
            return Ok(*step);
        }
        let (name, base) = match origin {
            Origin::Context(name) | Origin::Image(name) => {
                let (_, base) = self.image(origin, &self.request.target_platform, span)?;
                (name.clone(), base)
            }
            Origin::Scratch | Origin::Stage(_) => ("scratch".to_owned(), Base::Scratch),
        };
        let step = self.steps.add_node(Step {
            op: Op::Base(base),
            platform: self.request.target_platform.clone(),
            shown_platform: self
                .request
                .shows_platform
                .then(|| self.request.target_platform.to_string()),
            title: format!("FROM {name}"),
            stage: name,
            position: (1, 1),
            span: Some(span),
            no_cache: false,
        });
        self.shared.insert(origin.clone(), step);
        Ok(step)
    }

    /// Adds a step behind the last one of the stage.
    pub(super) fn step(
        &mut self,
        index: usize,
        state: &mut StageState,
        op: Op,
        title: String,
        needs: &[StepId],
    ) -> StepId {
        let may_skip_cache = matches!(op, Op::Run(_) | Op::Copy(_));
        self.size += STEP + title.len() + size_of_op(&op);
        let id = self.steps.add_node(Step {
            op,
            stage: self.binding.stages[index].label(),
            position: (0, 0),
            platform: state.config.platform(),
            shown_platform: self.shown_platform(index, state),
            title,
            span: self.here.span,
            no_cache: may_skip_cache && self.here.no_cache,
        });
        if let Some(root) = state.step {
            self.steps.add_edge(root, id, Need::Root);
        }
        let mut known = BTreeSet::new();
        for need in needs.iter().filter(|need| known.insert(**need)) {
            self.steps.add_edge(*need, id, Need::Source);
        }
        state.step = Some(id);
        state.steps.push(id);
        id
    }

    pub(super) fn hostname(&self) -> &str {
        let given = self.binding.given.get("BUILDKIT_SANDBOX_HOSTNAME");
        given.filter(|it| !it.is_empty()).unwrap_or(&self.request.hostname)
    }

    fn is_uncached(&self, index: usize) -> bool {
        let stage = &self.binding.stages[index];
        match &self.request.no_cache {
            NoCache::None => false,
            NoCache::All => true,
            NoCache::Stages(names) => names.iter().any(|name| {
                let by_name = stage
                    .name
                    .as_ref()
                    .is_some_and(|known| known.eq_ignore_ascii_case(name));
                by_name || *name == index.to_string()
            }),
        }
    }

    /// The target's tree, config and history, once all stages are lowered.
    fn target(&mut self) -> Option<Target> {
        let index = self.binding.target;
        self.build_directory(index);
        let state = self.states[index].as_ref()?;
        let mut config = state.config.clone();
        config.config.labels.extend(self.request.labels.iter().cloned());
        let platform = self.request.target_platform.clone();
        if self.request.is_platform_asked_for {
            config.os.clone_from(&platform.os);
            config.architecture.clone_from(&platform.architecture);
            config.variant.clone_from(&platform.variant);
        }
        let mut chain = vec![&state.history];
        let mut parent = state.parent;
        while let Some(state) = parent.and_then(|index| self.states[index].as_ref()) {
            chain.push(&state.history);
            parent = state.parent;
        }
        Some(Target {
            step: state.step?,
            platform,
            config,
            history: chain.into_iter().rev().flatten().cloned().collect(),
        })
    }
}
