//! The 18 instructions by name, and the flags that each accepts.

use super::Keyword;

/// A flag that an instruction accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagRule {
    /// Without the dashes.
    pub name: &'static str,
    /// What may be written after the name.
    pub kind: FlagKind,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing, or `=true` or `=false` in any case; once.
    Bool,
    /// `=value`, where the value may be empty; once.
    String,
    /// `=value`, any number of times.
    List,
}

const fn switch(name: &'static str) -> FlagRule {
    let kind = FlagKind::Bool;
    FlagRule { name, kind }
}

const fn text(name: &'static str) -> FlagRule {
    let kind = FlagKind::String;
    FlagRule { name, kind }
}

const fn list(name: &'static str) -> FlagRule {
    let kind = FlagKind::List;
    FlagRule { name, kind }
}

const ADD: &[FlagRule] = &[
    text("chown"),
    text("chmod"),
    switch("link"),
    switch("keep-git-dir"),
    text("checksum"),
    switch("unpack"),
    list("exclude"),
];
const COPY: &[FlagRule] = &[
    text("from"),
    text("chown"),
    text("chmod"),
    switch("link"),
    switch("parents"),
    list("exclude"),
];
const FROM: &[FlagRule] = &[text("platform")];
const HEALTHCHECK: &[FlagRule] = &[
    text("interval"),
    text("timeout"),
    text("start-period"),
    text("start-interval"),
    text("retries"),
];
const RUN: &[FlagRule] = &[list("mount"), text("network"), text("security"), list("device")];

impl Keyword {
    /// Every instruction, by name.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Arg,
        Self::Cmd,
        Self::Copy,
        Self::Entrypoint,
        Self::Env,
        Self::Expose,
        Self::From,
        Self::Healthcheck,
        Self::Label,
        Self::Maintainer,
        Self::Onbuild,
        Self::Run,
        Self::Shell,
        Self::Stopsignal,
        Self::User,
        Self::Volume,
        Self::Workdir,
    ];

    /// The name in upper case, as documentation writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Arg => "ARG",
            Self::Cmd => "CMD",
            Self::Copy => "COPY",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Env => "ENV",
            Self::Expose => "EXPOSE",
            Self::From => "FROM",
            Self::Healthcheck => "HEALTHCHECK",
            Self::Label => "LABEL",
            Self::Maintainer => "MAINTAINER",
            Self::Onbuild => "ONBUILD",
            Self::Run => "RUN",
            Self::Shell => "SHELL",
            Self::Stopsignal => "STOPSIGNAL",
            Self::User => "USER",
            Self::Volume => "VOLUME",
            Self::Workdir => "WORKDIR",
        }
    }

    /// The instruction of that name, in whatever case it is written.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|keyword| keyword.name().eq_ignore_ascii_case(word))
    }

    /// The flags it accepts. Most instructions accept none.
    pub const fn flags(self) -> &'static [FlagRule] {
        match self {
            Self::Add => ADD,
            Self::Copy => COPY,
            Self::From => FROM,
            Self::Healthcheck => HEALTHCHECK,
            Self::Run => RUN,
            _ => &[],
        }
    }

    /// The rule for one of its flags.
    pub fn flag(self, name: &str) -> Option<&'static FlagRule> {
        self.flags().iter().find(|rule| rule.name == name)
    }

    /// Whether `<<NAME` on its line begins a heredoc. ONBUILD asks its inner instruction.
    pub const fn takes_heredocs(self) -> bool {
        matches!(self, Self::Add | Self::Copy | Self::Run)
    }
}
