//! A Dockerfile as rules look at it.

use super::options::Options;
use super::scopes::Scopes;
use super::shell::{self, Run};
use super::surroundings::Surroundings;
use crate::diagnostic::{Source, Span};
use crate::dockerfile::{Body, Instruction, Keyword, Parsed, Word};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// A Dockerfile as rules look at it: text, tree, stages and comments.
#[derive(Debug)]
pub struct Document<'a> {
    /// The text, with its name.
    pub source: &'a Source,
    /// The tree, and what the parser had to say.
    pub parsed: &'a Parsed,
    /// What the user told besides.
    pub options: &'a Options,
    /// What is known besides the text.
    pub surroundings: Surroundings<'a>,
    scopes: OnceLock<Scopes<'a>>,
    stages: Vec<Stage<'a>>,
    /// Indexes of stages by name.
    names: HashMap<&'a str, Vec<usize>>,
    comments: Vec<Comment<'a>>,
    runs: OnceLock<Vec<Run<'a>>>,
}

/// FROM and what follows it.
#[derive(Debug, Clone)]
pub struct Stage<'a> {
    /// Counted from 0.
    pub index: usize,
    /// The FROM.
    pub from: &'a Instruction,
    /// The image as written; `None` in a broken FROM.
    pub image: Option<&'a Word>,
    /// The word after AS.
    pub name: Option<&'a Word>,
    /// The earlier stage that `image` names, ignoring case, if it does.
    pub base: Option<usize>,
    /// Where its instructions stand in the tree, without the FROM.
    pub range: Range<usize>,
}

/// A comment line outside of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment<'a> {
    /// Counted from 1.
    pub line: u32,
    /// What follows `#`, trimmed.
    pub text: &'a str,
    /// From `#` to the end of the line.
    pub span: Span,
}

impl<'a> Document<'a> {
    /// Looks over `parsed`, the tree of `source`.
    pub fn new(source: &'a Source, parsed: &'a Parsed, options: &'a Options) -> Self {
        let instructions = &parsed.dockerfile.instructions;
        let stages = stages(instructions);
        let mut names: HashMap<&str, Vec<usize>> = HashMap::new();
        for stage in &stages {
            if let Some(name) = stage.name {
                names.entry(&name.text).or_default().push(stage.index);
            }
        }
        Self {
            source,
            parsed,
            options,
            surroundings: Surroundings::default(),
            scopes: OnceLock::new(),
            stages,
            names,
            comments: comments(source, instructions),
            runs: OnceLock::new(),
        }
    }

    /// Adds what is known besides the text.
    #[must_use]
    pub fn with_surroundings(mut self, surroundings: Surroundings<'a>) -> Self {
        self.surroundings = surroundings;
        self.scopes = OnceLock::new();
        self
    }

    /// What the words of instructions come to; found out once.
    pub fn scopes(&self) -> &Scopes<'a> {
        self.scopes.get_or_init(|| Scopes::new(self))
    }

    /// The instructions in order.
    pub fn instructions(&self) -> &'a [Instruction] {
        &self.parsed.dockerfile.instructions
    }

    /// Every instruction, an ONBUILD's inner one in its stead: first the one that stands in the file.
    pub fn instructions_and_triggers(&self) -> impl Iterator<Item = (&'a Instruction, &'a Instruction)> {
        self.instructions().iter().map(|instruction| match &instruction.body {
            Body::Onbuild(inner) => (instruction, &**inner),
            _ => (instruction, instruction),
        })
    }

    /// The escape character.
    pub fn escape(&self) -> char {
        self.parsed.dockerfile.escape
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Stage<'a>] {
        &self.stages
    }

    /// The instructions of a stage, without its FROM.
    pub fn instructions_of(&self, stage: &Stage<'a>) -> &'a [Instruction] {
        &self.instructions()[stage.range.clone()]
    }

    /// The instructions before the first FROM.
    pub fn preamble(&self) -> &'a [Instruction] {
        let end = self
            .instructions()
            .iter()
            .position(|instruction| instruction.keyword == Some(Keyword::From));
        &self.instructions()[..end.unwrap_or(self.instructions().len())]
    }

    /// The stage that the instruction at `index` belongs to; its own for a FROM.
    pub fn stage_at(&self, index: usize) -> Option<&Stage<'a>> {
        let after = self.stages.partition_point(|stage| stage.range.start <= index + 1);
        after.checked_sub(1).and_then(|at| self.stages.get(at))
    }

    /// The last of the first `count` stages whose name is exactly `name`. Builders ignore the case of letters,
    /// hadolint does not.
    pub fn stage_named(&self, name: &str, count: usize) -> Option<usize> {
        let indexes = self.names.get(name)?;
        let after = indexes.partition_point(|index| *index < count);
        after.checked_sub(1).map(|at| indexes[at])
    }

    /// The comment lines outside of instructions, directives included, in order.
    pub fn comments(&self) -> &[Comment<'a>] {
        &self.comments
    }

    /// Every RUN and ONBUILD RUN with the commands in it, in order. The shell text is read at the first call.
    pub fn runs(&self) -> &[Run<'a>] {
        self.runs.get_or_init(|| shell::runs(self))
    }

    /// The text at `span`.
    pub fn text(&self, span: Span) -> &'a str {
        let source: &'a Source = self.source;
        source
            .text()
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

fn stages(instructions: &[Instruction]) -> Vec<Stage<'_>> {
    let mut stages: Vec<Stage<'_>> = Vec::new();
    let mut named: HashMap<String, usize> = HashMap::new();
    for (at, instruction) in instructions.iter().enumerate() {
        if instruction.keyword != Some(Keyword::From) {
            if let Some(stage) = stages.last_mut() {
                stage.range.end = at + 1;
            }
            continue;
        }
        let words: &[Word] = match &instruction.body {
            Body::Words(words) => words,
            _ => &[],
        };
        let image = words.first();
        let name = match words {
            [_, keyword, name, ..] if keyword.text.eq_ignore_ascii_case("as") => Some(name),
            _ => None,
        };
        let base = image.and_then(|image| named.get(&image.text.to_lowercase()).copied());
        if let Some(name) = name {
            named.insert(name.text.to_lowercase(), stages.len());
        }
        stages.push(Stage {
            index: stages.len(),
            from: instruction,
            image,
            name,
            base,
            range: at + 1..at + 1,
        });
    }
    stages
}

fn comments<'a>(source: &'a Source, instructions: &[Instruction]) -> Vec<Comment<'a>> {
    let mut comments = Vec::new();
    let mut instructions = instructions.iter().peekable();
    let mut at = 0_u32;
    for (line, text) in (1..).zip(source.text().split_inclusive('\n')) {
        let start = at;
        at += text.len() as u32;
        while instructions.next_if(|instruction| instruction.lines.1 < line).is_some() {}
        if instructions
            .peek()
            .is_some_and(|instruction| instruction.lines.0 <= line)
        {
            continue;
        }
        let trimmed = text.trim();
        if let Some(comment) = trimmed.strip_prefix('#') {
            let indent = (text.len() - text.trim_start().len()) as u32;
            comments.push(Comment {
                line,
                text: comment.trim(),
                span: Span::new(start + indent, start + indent + trimmed.len() as u32),
            });
        }
    }
    comments
}
