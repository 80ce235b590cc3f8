//! The variables that an instruction sees, and what they come to.

use super::host::{Host, Image};
use super::page::Page;
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::lint::{Document, Stage};
use crate::oci::Platform;
use crate::resolve::{BuildArgs, Environment, Scope, expand, platform_args};
use std::collections::HashMap;

/// A variable as an instruction sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// `None` when it has no value unless one is given.
    pub(super) value: Option<String>,
    pub(super) origin: Origin,
}

/// Who says what a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The builder.
    Platform,
    /// An ARG.
    Argument,
    /// An ENV.
    Environment,
    /// The base image.
    Image,
}

impl Origin {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Platform => "from the builder",
            Self::Argument => "`ARG`",
            Self::Environment => "`ENV`",
            Self::Image => "from the base image",
        }
    }
}

/// The variables that the instruction with the index `at` sees, sorted by name. Values are those of a build for this
/// machine that is given none.
pub(super) fn visible(page: &Page, at: usize, host: &mut impl Host) -> Vec<Variable> {
    let document = page.document();
    let machine = Platform::host();
    let given = BuildArgs::new(&document.options.build_args);
    let mut walk = Walk {
        escape: document.escape(),
        global: platform_args(&machine, &machine, document.options.target.as_deref(), &given),
        given,
        scope: Scope::default(),
        origins: HashMap::new(),
    };
    let platform: Vec<String> = walk.global.names().map(str::to_owned).collect();
    let preamble = document.preamble();
    let mut globals: Vec<&str> = Vec::new();
    for instruction in &preamble[..at.min(preamble.len())] {
        globals.extend(walk.global(instruction));
    }
    let instruction = document.instructions().get(at);
    let is_from = instruction.is_some_and(|instruction| instruction.keyword == Some(Keyword::From));
    let stage = document.stage_at(at).filter(|_| !is_from);
    let Some(stage) = stage else {
        let declared = globals.into_iter().map(|name| (name, Origin::Argument));
        let known = platform.iter().map(|name| (name.as_str(), Origin::Platform));
        // An ARG of the name of one of the builder's has that one's value.
        let all: HashMap<&str, Origin> = known.chain(declared).collect();
        return sorted(all.into_iter().map(|(name, origin)| Variable {
            name: name.to_owned(),
            value: walk.global.get(name).map(str::to_owned),
            origin,
        }));
    };
    walk.chain(&document, stage, at, host);
    let Walk { scope, origins, .. } = walk;
    sorted(origins.into_iter().map(|(name, origin)| Variable {
        value: scope.environment.get(&name).map(str::to_owned),
        name,
        origin,
    }))
}

fn sorted(variables: impl Iterator<Item = Variable>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = variables.collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables
}

/// What is known of the image that a stage is built on in the end, and its name.
pub(super) fn image_of(document: &Document<'_>, stage: &Stage<'_>, host: &mut impl Host) -> Option<(String, Image)> {
    let machine = Platform::host();
    let given = BuildArgs::new(&document.options.build_args);
    let mut walk = Walk {
        escape: document.escape(),
        global: platform_args(&machine, &machine, None, &given),
        given,
        scope: Scope::default(),
        origins: HashMap::new(),
    };
    for instruction in document.preamble() {
        walk.global(instruction);
    }
    walk.image(stage, host)
}

struct Walk<'d> {
    escape: char,
    given: BuildArgs<'d>,
    global: Environment,
    scope: Scope,
    origins: HashMap<String, Origin>,
}

impl Walk<'_> {
    /// An ARG above the first FROM; gives the names.
    fn global<'i>(&mut self, instruction: &'i Instruction) -> Vec<&'i str> {
        let (Some(Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
            return Vec::new();
        };
        for pair in pairs {
            let default = pair.value.as_ref();
            let default = default.and_then(|value| expand(&value.text, self.escape, &self.global).ok());
            let value = self.given.get(&pair.key.text).map(str::to_owned);
            if let Some(value) = value.or(default.map(|it| it.text)) {
                self.global.set(&*pair.key.text, value);
            }
        }
        pairs.iter().map(|pair| pair.key.text.as_str()).collect()
    }

    fn image(&self, stage: &Stage<'_>, host: &mut impl Host) -> Option<(String, Image)> {
        let name = expand(&stage.image?.text, self.escape, &self.global).ok()?.text;
        let image = host.image(&name)?;
        Some((name, image))
    }

    /// The stages that `stage` is built on, and its instructions in front of the one at `at`.
    fn chain(&mut self, document: &Document<'_>, stage: &Stage<'_>, at: usize, host: &mut impl Host) {
        let mut chain = vec![stage];
        while let Some(base) = chain.last().and_then(|stage| document.stages().get(stage.base?)) {
            chain.push(base);
        }
        if let Some((_, image)) = chain.last().and_then(|root| self.image(root, host)) {
            for (name, value) in image.environment {
                self.origins.insert(name.clone(), Origin::Image);
                self.scope.environment.set(name, value);
            }
        }
        for stage in chain.into_iter().rev() {
            for index in stage.range.clone().filter(|index| *index < at) {
                self.instruction(&document.instructions()[index]);
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let Body::Pairs { pairs, .. } = &instruction.body else {
            return;
        };
        match instruction.keyword {
            Some(Keyword::Arg) => {
                for pair in pairs {
                    let name = &pair.key.text;
                    let default = pair.value.as_ref().map(|value| value.text.as_str());
                    // A default that can't be expanded is an error of the build.
                    let _ = self
                        .scope
                        .declare(name, default, self.escape, &self.given, &self.global);
                    self.origins.insert(name.clone(), Origin::Argument);
                }
            }
            Some(Keyword::Env) => {
                // All values see what was there before the instruction.
                let before = &self.scope.environment;
                let text =
                    |text: &str| expand(text, self.escape, before).map_or_else(|_| text.to_owned(), |it| it.text);
                let new: Vec<(String, String)> = pairs
                    .iter()
                    .map(|pair| {
                        let value = pair.value.as_ref().map(|value| text(&value.text));
                        (text(&pair.key.text), value.unwrap_or_default())
                    })
                    .collect();
                for (name, value) in new {
                    self.origins.insert(name.clone(), Origin::Environment);
                    self.scope.environment.set(name, value);
                }
            }
            _ => {}
        }
    }
}
