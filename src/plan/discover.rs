//! Which stages the target reaches, which triggers fire in them, and which images are still unknown.

use super::lower::image_key;
use super::{ImageKey, ImageNeed, Request};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::dockerfile::{Body, Instruction, Keyword, parse_instruction};
use crate::oci::ImageConfig;
use crate::oci::Platform;
use crate::resolve::{Binding, Origin, sources_of};
use std::collections::BTreeMap;

/// What the target reaches.
#[derive(Debug)]
pub(super) struct Discovered<'a> {
    /// For each stage that is needed: the triggers that fire in it.
    pub(super) stages: Vec<Option<Vec<Trigger<'a>>>>,
    /// Images that are named but not known, each once, in the order of the file.
    pub(super) needs: Vec<ImageNeed>,
    /// What can't be found, or not from there.
    pub(super) problems: Vec<Diagnostic>,
}

/// An instruction that ONBUILD kept for later.
#[derive(Debug)]
pub(super) enum Trigger<'a> {
    /// Of a stage in this file.
    OfStage(&'a Instruction),
    /// Of an image.
    OfImage {
        /// The image's reference.
        image: String,
        /// The instruction; its spans mean nothing in this file.
        instruction: Box<Instruction>,
    },
}

impl Trigger<'_> {
    pub(super) fn instruction(&self) -> &Instruction {
        match self {
            Self::OfStage(instruction) => instruction,
            Self::OfImage { instruction, .. } => instruction,
        }
    }

    /// Puts a problem of the trigger to the place that is to blame: its own, or the FROM that brought it in.
    pub(super) fn blame(&self, problem: Diagnostic, from: Span) -> Diagnostic {
        match self {
            Self::OfStage(_) => problem,
            Self::OfImage { image, instruction } => in_trigger(problem, &instruction.text, image, from),
        }
    }
}

fn in_trigger(mut problem: Diagnostic, text: &str, image: &str, from: Span) -> Diagnostic {
    let text = text.lines().next().unwrap_or_default();
    problem.message = format!("in trigger `{text}` of `{image}`: {}", problem.message);
    problem.span = Some(from);
    problem
}

/// Walks from the target to everything that it needs.
pub(super) fn discover<'a>(
    request: &Request<'_>,
    binding: &Binding<'a>,
    images: &BTreeMap<ImageKey, ImageConfig>,
) -> Discovered<'a> {
    let mut stages: Vec<Option<Vec<Trigger<'a>>>> = Vec::new();
    stages.resize_with(binding.stages.len(), || None);
    let mut needs: BTreeMap<ImageKey, ImageNeed> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut waiting = vec![binding.target];
    while let Some(index) = waiting.pop() {
        if stages[index].is_some() {
            continue;
        }
        let stage = &binding.stages[index];
        let platform = stage.platform.as_ref().unwrap_or(&request.target_platform);
        let mut triggers = Vec::new();
        if let Origin::Stage(base) = stage.base {
            waiting.push(base);
        }
        let mut need = |origin: &Origin, platform: &Platform, span: Option<Span>| {
            if let Some(key) = image_key(request, origin, platform)
                && !images.contains_key(&key)
            {
                let near = match origin {
                    Origin::Image(name) => nearest(name, binding.known_names()).map(str::to_owned),
                    _ => None,
                };
                needs.entry(key.clone()).or_insert(ImageNeed { key, span, near });
            }
        };
        need(&stage.base, platform, Some(stage.from.span));
        if !stage.replaced {
            match triggers_of(request, binding, images, index) {
                Ok(found) => triggers = found,
                Err(found) => problems.extend(found),
            }
        }
        let own = stage.instructions.iter().map(|it| (it, None));
        let fired = triggers.iter().map(|it| (it.instruction(), Some(it)));
        for (instruction, trigger) in fired.chain(own) {
            let is_foreign = matches!(trigger, Some(Trigger::OfImage { .. }));
            for (from, flag, is_mount) in sources_of(instruction) {
                let span = Some(if is_foreign { stage.from.span } else { flag.span });
                let origin = if is_mount {
                    binding.mount_source(index, &from, span)
                } else {
                    binding.copy_source(index, &from, span)
                };
                match origin {
                    Ok(Origin::Stage(source)) => waiting.push(source),
                    Ok(origin) => need(&origin, &request.target_platform, span),
                    // The mount's own place is better known to whoever reads its fields.
                    Err(problem) if is_mount && problem.code == "no-variables-here" => (),
                    Err(problem) => problems.push(match trigger {
                        Some(trigger) => trigger.blame(problem, stage.from.span),
                        None => problem,
                    }),
                }
            }
        }
        stages[index] = Some(triggers);
    }
    let mut needs: Vec<ImageNeed> = needs.into_values().collect();
    needs.sort_by_key(|need| need.span);
    Discovered {
        stages,
        needs,
        problems,
    }
}

/// The triggers that fire when stage `index` begins: those of the stage or image that it is built on.
fn triggers_of<'a>(
    request: &Request<'_>,
    binding: &Binding<'a>,
    images: &BTreeMap<ImageKey, ImageConfig>,
    index: usize,
) -> Result<Vec<Trigger<'a>>, Vec<Diagnostic>> {
    let stage = &binding.stages[index];
    let mut carrier = stage;
    if let Origin::Stage(base) = stage.base {
        carrier = &binding.stages[base];
        if !carrier.replaced {
            let kept = carrier
                .instructions
                .iter()
                .filter_map(|it| match (it.keyword, &it.body) {
                    (Some(Keyword::Onbuild), Body::Onbuild(inner)) => Some(Trigger::OfStage(inner)),
                    _ => None,
                });
            return Ok(kept.collect());
        }
    }
    let platform = carrier.platform.as_ref().unwrap_or(&request.target_platform);
    let key = image_key(request, &carrier.base, platform);
    let Some((key, config)) = key.and_then(|key| images.get(&key).map(|config| (key, config))) else {
        return Ok(Vec::new());
    };
    let mut triggers = Vec::new();
    let mut problems = Vec::new();
    for text in &config.config.on_build {
        match read(text) {
            Ok(instruction) => triggers.push(Trigger::OfImage {
                image: key.reference.clone(),
                instruction: Box::new(instruction),
            }),
            Err(found) => problems.extend(
                found
                    .into_iter()
                    .map(|problem| in_trigger(problem, text, &key.reference, stage.from.span)),
            ),
        }
    }
    if problems.is_empty() {
        Ok(triggers)
    } else {
        Err(problems)
    }
}

/// Reads a trigger; it knows nothing of this file's escape character.
fn read(text: &str) -> Result<Instruction, Vec<Diagnostic>> {
    let parsed = parse_instruction(text, '\\');
    let mut problems: Vec<Diagnostic> = parsed
        .diagnostics
        .into_iter()
        .filter(|it| it.severity == crate::diagnostic::Severity::Error)
        .collect();
    let Some(instruction) = parsed.instruction else {
        return Err(problems);
    };
    if let Some(keyword @ (Keyword::From | Keyword::Maintainer | Keyword::Onbuild)) = instruction.keyword {
        problems.push(Diagnostic::error(
            "bad-trigger",
            None,
            format!("`{}` can't be a trigger of `ONBUILD`", keyword.name()),
        ));
    }
    if problems.is_empty() {
        Ok(instruction)
    } else {
        Err(problems)
    }
}
