//! The tree of a Dockerfile: what was written, with places, before anything is decided about it.

use crate::diagnostic::Span;

/// A parsed Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// `# syntax=`, `# escape=` and `# check=` at the top, in order.
    pub directives: Vec<Directive>,
    /// The escape character: a backslash or a backtick.
    pub escape: char,
    /// The instructions in order, unknown ones included.
    pub instructions: Vec<Instruction>,
}

/// A parser directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// In lower case.
    pub key: String,
    /// As written, trimmed.
    pub value: String,
    /// The whole line.
    pub span: Span,
}

/// The 18 instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named after the instruction it stands for")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

/// One instruction, heredoc bodies included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of the last word or heredoc terminator.
    pub span: Span,
    /// First and last line, counted from 1; heredoc bodies belong to it, and so do comments and blank lines
    /// after a continuation.
    pub lines: (u32, u32),
    /// The keyword as typed.
    pub name: Word,
    /// Which instruction it is; `None` when the keyword is unknown (a diagnostic says so).
    pub keyword: Option<Keyword>,
    /// `--name[=value]` words right after the keyword.
    pub flags: Vec<Flag>,
    /// What follows the flags, in the form the instruction takes.
    pub body: Body,
    /// Heredocs that begin on the instruction's line, in order. Those of a RUN are text for its shell.
    /// ONBUILD and its inner instruction both have them.
    pub heredocs: Vec<Heredoc>,
    /// The logical line: keyword, flags and arguments with continuations joined and comments removed;
    /// without heredoc bodies.
    pub text: String,
    /// What follows the flags in [`Instruction::text`]: the shell form's text.
    pub rest: String,
    /// The comment lines directly above, without `#`, joined by newlines.
    pub doc: Option<String>,
}

/// A word as written: quotes, escapes and variables are still in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where it stands; spans a line break when a continuation cuts the word.
    pub span: Span,
}

/// `--name` or `--name=value`; quotes and escapes in it are already processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// `None` when there is no `=`.
    pub value: Option<String>,
    /// The whole word.
    pub span: Span,
}

/// What follows the flags, by form of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Words: FROM, EXPOSE, ADD, COPY, VOLUME, and the raw single word or rest of line of USER, WORKDIR,
    /// STOPSIGNAL and MAINTAINER (one member, the trimmed rest of the line).
    Words(Vec<Word>),
    /// A JSON array of strings: RUN, CMD, ENTRYPOINT, SHELL, ADD, COPY, VOLUME. Members are decoded.
    Json(Vec<Word>),
    /// The raw rest of the line: RUN, CMD, ENTRYPOINT, SHELL when not a JSON array. Empty when nothing follows
    /// RUN, CMD or ENTRYPOINT.
    Shell(Word),
    /// ENV, LABEL and ARG. `legacy` is `ENV key rest of line`.
    Pairs {
        /// Key and value as written; ARG's value may be absent.
        pairs: Vec<Pair>,
        /// Whether it was written without `=`.
        legacy: bool,
    },
    /// HEALTHCHECK: the kind word (`NONE`, `CMD`, or something unknown) and what follows it.
    Healthcheck {
        /// The word after the flags.
        kind: Word,
        /// `Shell` or `Json`; `Missing` when nothing follows the kind.
        command: Box<Self>,
    },
    /// ONBUILD's inner instruction.
    Onbuild(Box<Instruction>),
    /// Nothing was written, or nothing usable (a diagnostic says so).
    Missing,
}

impl Instruction {
    /// `text` with the heredocs of this instruction put behind it, as a shell or a trigger wants them.
    ///
    /// With [`Instruction::rest`] of a RUN this is its script; with the inner [`Instruction::text`] of an ONBUILD
    /// it is the trigger that an image stores.
    pub fn with_heredocs(&self, text: &str) -> String {
        let mut all = text.to_owned();
        for heredoc in &self.heredocs {
            all.push('\n');
            all.push_str(&heredoc.raw_body);
            all.push_str(&heredoc.name);
        }
        all
    }
}

/// `key=value`, or a bare key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// As written.
    pub key: Word,
    /// As written, without the `=`.
    pub value: Option<Word>,
}

/// `<<NAME` and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The name without quotes.
    pub name: String,
    /// False when any part of the name was quoted.
    pub expand: bool,
    /// `<<-`: leading tabs of body lines are removed (already done in `body`).
    pub strip_tabs: bool,
    /// Digits before `<<`.
    pub descriptor: Option<u32>,
    /// The lines, each with its line end.
    pub body: String,
    /// The lines as they stand, tabs included: what a shell gets that reads the heredoc itself.
    pub raw_body: String,
    /// The word on the instruction's line. The [`Word`] of an ADD or COPY with this span is the heredoc.
    pub span: Span,
    /// The body's lines, terminator excluded.
    pub body_span: Span,
}
