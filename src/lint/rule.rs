//! What a rule is made of.

use super::document::Document;
use super::finding::{Finding, Level};
use crate::diagnostic::Span;
use crate::dockerfile::Instruction;
use std::borrow::Cow;
use std::fmt;

/// One rule.
pub struct Rule {
    /// `DL3008`, `VV101`, or the name of a BuildKit check such as `FromAsCasing`.
    pub code: &'static str,
    /// A few words in kebab case that read well after "allow": `cd-in-run`, `unpinned-apt-packages`.
    pub name: &'static str,
    /// Where the rule comes from.
    pub family: Family,
    /// The code of the rule of another family that says the same. Either code silences both.
    pub twin: Option<&'static str>,
    /// How much its findings matter, unless the configuration says otherwise.
    pub level: Level,
    /// Whether it is looked at without being asked for.
    pub state: State,
    /// Whether its findings carry a fix.
    pub fixable: Fixable,
    /// What a person may want to know.
    pub docs: Docs,
    /// Adds what it finds.
    pub check: fn(&Document<'_>, &mut Findings),
    /// A literate test; `cases.rs` says how it is written.
    pub cases: &'static str,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.code)
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// hadolint's `DL` codes.
    Hadolint,
    /// The checks of `docker build --check`.
    BuildKit,
    /// varve's own `VV` codes.
    Varve,
}

/// Whether a rule is looked at without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Yes.
    On,
    /// Only with the preview rules: it is new or noisy.
    Preview,
    /// Only when its code is named.
    Off,
}

/// Whether findings of a rule carry a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fixable {
    /// Never.
    No,
    /// Where it can be done without changing anything else.
    Safe,
    /// Where it can be guessed.
    Unsafe,
}

/// What a person may want to know about a rule. Plain sentences in Markdown.
#[derive(Debug, Clone, Copy)]
pub struct Docs {
    /// What it finds, one sentence.
    pub what: &'static str,
    /// Why that is worth changing.
    pub why: &'static str,
    /// A whole Dockerfile that the rule fires on.
    pub example: &'static str,
    /// The same written so that it does not.
    pub instead: &'static str,
    /// Where to read on: titles or addresses of public documentation.
    pub references: &'static [&'static str],
}

/// Takes what one rule finds.
#[derive(Debug)]
pub struct Findings {
    rule: &'static Rule,
    pub(super) list: Vec<Finding>,
}

impl Findings {
    pub(super) const fn new(rule: &'static Rule) -> Self {
        Self { rule, list: Vec::new() }
    }

    /// Adds a finding about the words at `span` of `instruction`.
    ///
    /// For a rule that looks inside ONBUILD, `instruction` is the ONBUILD.
    pub fn add(&mut self, instruction: &Instruction, span: Span, message: impl Into<String>) -> &mut Finding {
        self.add_at(instruction.lines.0, span, message)
    }

    /// Adds a finding about a place outside of instructions, or one that hadolint puts on another line.
    pub fn add_at(&mut self, line: u32, span: Span, message: impl Into<String>) -> &mut Finding {
        let at = self.list.len();
        let mut message = message.into();
        if message.contains(char::is_control) {
            // Names in it may come from the file as they are.
            message = message.replace(char::is_control, " ");
        }
        self.list.push(Finding {
            code: Cow::Borrowed(self.rule.code),
            level: self.rule.level,
            message,
            span,
            line,
            help: Vec::new(),
            fix: None,
        });
        &mut self.list[at]
    }
}
