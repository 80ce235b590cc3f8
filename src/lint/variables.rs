//! Which variables ARG and ENV set where.

use super::document::{Document, Stage};
use crate::dockerfile::{Body, Keyword};
use std::collections::HashMap;

/// Stages that are looked at from one to the base of its base: more make no file that a person wrote.
const LONGEST_CHAIN: usize = 200;

/// Names by stage, each with the place of the instruction that sets it first.
#[derive(Debug, Default)]
pub(super) struct Variables<'a> {
    stages: Vec<Scope<'a>>,
    /// Of all ARG of the file.
    all_args: HashMap<&'a str, usize>,
}

#[derive(Debug, Default)]
struct Scope<'a> {
    args: HashMap<&'a str, usize>,
    envs: HashMap<&'a str, usize>,
    base: Option<usize>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(document: &Document<'a>) -> Self {
        let mut variables = Self::default();
        for (at, instruction) in document.instructions().iter().enumerate() {
            if instruction.keyword == Some(Keyword::From) {
                let stage = document.stages().get(variables.stages.len());
                variables.stages.push(Scope {
                    base: stage.and_then(|stage| exact_base(document, stage)),
                    ..Scope::default()
                });
            }
            let Body::Pairs { pairs, .. } = &instruction.body else {
                continue;
            };
            let is_arg = instruction.keyword == Some(Keyword::Arg);
            if !is_arg && instruction.keyword != Some(Keyword::Env) {
                continue;
            }
            for pair in pairs {
                let name = pair.key.text.as_str();
                if is_arg {
                    variables.all_args.entry(name).or_insert(at);
                }
                if let Some(scope) = variables.stages.last_mut() {
                    let names = if is_arg { &mut scope.args } else { &mut scope.envs };
                    names.entry(name).or_insert(at);
                }
            }
        }
        variables
    }

    /// Whether an ARG of any stage sets `name` in front of the instruction at `index`.
    pub(super) fn is_arg_anywhere(&self, name: &str, index: usize) -> bool {
        self.all_args.get(name).is_some_and(|at| *at < index)
    }

    /// Whether ENV sets `name` in `stage` or what it builds on, in front of the instruction at `index`.
    pub(super) fn is_env(&self, stage: Option<usize>, name: &str, index: usize) -> bool {
        self.chain(stage)
            .any(|scope| scope.envs.get(name).is_some_and(|at| *at < index))
    }

    /// Whether ARG or ENV does.
    pub(super) fn is_set(&self, stage: Option<usize>, name: &str, index: usize) -> bool {
        let before = |names: &HashMap<&str, usize>| names.get(name).is_some_and(|at| *at < index);
        self.chain(stage)
            .any(|scope| before(&scope.args) || before(&scope.envs))
    }

    fn chain(&self, stage: Option<usize>) -> impl Iterator<Item = &Scope<'a>> {
        let first = stage.and_then(|stage| self.stages.get(stage));
        std::iter::successors(first, |scope| scope.base.and_then(|base| self.stages.get(base))).take(LONGEST_CHAIN)
    }
}

/// The earlier stage that `stage` builds on by its exact name.
pub(super) fn exact_base(document: &Document<'_>, stage: &Stage<'_>) -> Option<usize> {
    let base = document.stages().get(stage.base?)?;
    let same = stage.image?.text == base.name?.text;
    same.then_some(base.index)
}
