//! Which shell runs a RUN.

use crate::dockerfile::{Body, Instruction, Keyword};
use crate::lint::document::Document;

/// The language of a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// POSIX `sh`.
    Sh,
    /// Debian's `dash`.
    Dash,
    /// BusyBox's `ash`.
    Ash,
    /// GNU `bash`.
    Bash,
    /// `ksh` and its relatives.
    Ksh,
    /// `zsh`, whose text nobody checks.
    Zsh,
    /// PowerShell, `cmd`, Python and anything else that is no shell of Unix.
    Foreign,
}

/// What runs a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// The members of SHELL; what a `#!` or a comment names; `/bin/sh -c` when nothing is said.
    pub command: Vec<String>,
    /// The language.
    pub dialect: Dialect,
}

impl Default for Shell {
    fn default() -> Self {
        Self::of(vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }
}

impl Shell {
    /// What SHELL sets.
    pub fn of(command: Vec<String>) -> Self {
        let dialect = Dialect::of(command.first().map_or("", String::as_str));
        Self { command, dialect }
    }

    /// What `#!` names; `line` is the rest of that line.
    pub fn of_shebang(line: &str) -> Self {
        let mut words = line.split_whitespace().peekable();
        if words
            .peek()
            .is_some_and(|first| first.rsplit('/').next() == Some("env"))
        {
            words.next();
            while words
                .next_if(|word| word.starts_with('-') || word.contains('='))
                .is_some()
            {}
        }
        Self::of(words.map(str::to_owned).collect())
    }
}

impl Dialect {
    /// The language of `program`, a name or a path.
    pub fn of(program: &str) -> Self {
        let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
        match name.strip_suffix(".exe").unwrap_or(name) {
            "sh" | "posix" => Self::Sh,
            "dash" => Self::Dash,
            "ash" | "busybox" => Self::Ash,
            "bash" | "rbash" | "bats" => Self::Bash,
            "ksh" | "ksh88" | "ksh93" | "mksh" | "oksh" | "lksh" => Self::Ksh,
            "zsh" => Self::Zsh,
            _ => Self::Foreign,
        }
    }
}

/// Follows SHELL, FROM and hadolint's comments through a file.
#[derive(Debug)]
pub(super) struct Shells<'d, 'a> {
    document: &'d Document<'a>,
    /// For stages that build on an image.
    initial: Shell,
    now: Shell,
    /// How each stage so far ended.
    ends: Vec<Shell>,
    /// `# hadolint shell=` by line, and how many were seen.
    comments: Vec<(u32, Shell)>,
    seen: usize,
}

impl<'d, 'a> Shells<'d, 'a> {
    pub(super) fn new(document: &'d Document<'a>) -> Self {
        let comments = document
            .comments()
            .iter()
            .filter_map(|comment| {
                let rest = comment.text.strip_prefix("hadolint")?;
                let rest = rest.strip_prefix([' ', '\t'])?.trim_start().strip_prefix("shell")?;
                let name = rest.trim_start().strip_prefix('=')?.split_whitespace().next()?;
                Some((comment.line, Shell::of(vec![name.to_owned()])))
            })
            .collect();
        Self {
            document,
            initial: Shell::default(),
            now: Shell::default(),
            ends: Vec::new(),
            comments,
            seen: 0,
        }
    }

    /// The shell of an instruction that was just seen.
    pub(super) const fn now(&self) -> &Shell {
        &self.now
    }

    pub(super) fn see(&mut self, instruction: &Instruction, stage: Option<usize>) {
        let is_from = instruction.keyword == Some(Keyword::From);
        while let Some((_, shell)) = self
            .comments
            .get(self.seen)
            .filter(|(line, _)| *line < instruction.lines.0)
        {
            self.seen += 1;
            self.now = shell.clone();
            if self.ends.is_empty() {
                self.initial = shell.clone();
            }
        }
        match (&instruction.keyword, &instruction.body) {
            (Some(Keyword::From), _) => {
                let base = stage
                    .and_then(|stage| self.document.stages().get(stage))
                    .and_then(|stage| stage.base);
                let shell = base.and_then(|base| self.ends.get(base)).unwrap_or(&self.initial);
                self.now = shell.clone();
                self.ends.push(self.now.clone());
            }
            (Some(Keyword::Shell), Body::Json(words)) if !words.is_empty() => {
                self.now = Shell::of(words.iter().map(|word| word.text.clone()).collect());
            }
            _ => {}
        }
        if !is_from
            && let Some(end) = self.ends.last_mut()
            && *end != self.now
        {
            end.clone_from(&self.now);
        }
    }
}
