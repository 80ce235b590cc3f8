//! A stage while its instructions are done: its config, its scope, its history.

use super::paths;
use super::spelling::quoted_list;
use super::values::{self, SIGNALS};
use super::{HistoryEntry, StepId};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Body, Instruction, Keyword, Word};
use crate::oci::Platform;
use crate::oci::{Empty, ImageConfig};
use crate::resolve::{BuildArgs, Environment, ExpandError, Scope, expand, expand_heredoc, expand_words};

/// PATH of an image that has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long all names and values of an environment may be together: more than the kernel hands to a process.
const LARGEST_ENVIRONMENT: usize = 2 << 20;

/// What never changes while a file is lowered.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) escape: char,
    pub(super) args: &'a BuildArgs<'a>,
    pub(super) global: &'a Environment,
}

/// A stage so far.
#[derive(Debug, Clone, Default)]
pub(super) struct StageState {
    /// The step that holds its tree; `None` while it stands for a directory that nobody builds on.
    pub(super) step: Option<StepId>,
    pub(super) config: ImageConfig,
    pub(super) scope: Scope,
    /// What this stage added.
    pub(super) history: Vec<HistoryEntry>,
    /// The stage it is built on.
    pub(super) parent: Option<usize>,
    /// Steps of this stage, in order.
    pub(super) steps: Vec<StepId>,
    /// The named context that is a directory and stands in for the whole stage.
    pub(super) directory: Option<String>,
    cmd_is_set: bool,
}

impl StageState {
    /// An empty image.
    pub(super) fn scratch(platform: &Platform) -> Self {
        let mut config = ImageConfig {
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            ..ImageConfig::default()
        };
        config.config.working_dir = "/".to_owned();
        if platform.os != "windows" {
            config.config.env.push(format!("PATH={PATH}"));
        }
        Self::from_config(config, platform)
    }

    /// An image of which `config` is known.
    pub(super) fn from_config(mut config: ImageConfig, platform: &Platform) -> Self {
        if config.os.is_empty() {
            config.os.clone_from(&platform.os);
        }
        if config.architecture.is_empty() {
            config.architecture.clone_from(&platform.architecture);
            config.variant.clone_from(&platform.variant);
        }
        Self {
            config,
            ..Self::default()
        }
    }

    /// A stage that begins where another ends.
    pub(super) fn child_of(&self, index: usize) -> Self {
        Self {
            step: self.step,
            config: self.config.clone(),
            scope: self.scope.clone(),
            parent: Some(index),
            ..Self::default()
        }
    }

    /// What happens before the first instruction: PATH is there, the image's environment is in scope, and triggers
    /// are taken out, for they fire once.
    pub(super) fn enter(&mut self) {
        let config = &mut self.config.config;
        config.on_build.clear();
        let has_path = config.env.iter().any(|it| it.starts_with("PATH="));
        if !has_path && self.config.os != "windows" {
            config.env.push(format!("PATH={PATH}"));
        }
        for pair in &config.env {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.scope.environment.set(name, value);
        }
        if !config.working_dir.is_empty() {
            config.working_dir = paths::workdir("/", &config.working_dir);
        }
    }

    pub(super) fn record(&mut self, created_by: String, step: Option<StepId>) {
        self.history.push(HistoryEntry { created_by, step });
    }

    /// The working directory, absolute and clean.
    pub(super) fn workdir(&self) -> String {
        paths::clean(&self.config.config.working_dir)
    }

    /// The words that run `text`.
    pub(super) fn in_shell(&self, text: String) -> Vec<String> {
        let shell = &self.config.config.shell;
        let mut words = if shell.is_empty() {
            vec!["/bin/sh".to_owned(), "-c".to_owned()]
        } else {
            shell.clone()
        };
        words.push(text);
        words
    }

    /// Expands a word of an instruction.
    pub(super) fn expand(&self, given: &Given<'_>, word: &Word) -> Result<String, Diagnostic> {
        expand(&word.text, given.escape, &self.scope.environment)
            .map(|it| it.text)
            .map_err(|error| cannot_expand(word, &error))
    }

    /// Expands the body of a heredoc.
    pub(super) fn expand_body(&self, heredoc: &crate::dockerfile::Heredoc) -> Result<String, Diagnostic> {
        expand_heredoc(&heredoc.body, &self.scope.environment)
            .map(|it| it.text)
            .map_err(|error| {
                let message = format!("cannot expand the heredoc `{}`: {error}", heredoc.name);
                Diagnostic::error("substitution", heredoc.body_span, message)
            })
    }

    /// Does an instruction that makes no step.
    pub(super) fn configure(
        &mut self,
        given: &Given<'_>,
        keyword: Keyword,
        instruction: &Instruction,
    ) -> Result<(), Diagnostic> {
        match keyword {
            Keyword::Arg => self.arg(given, instruction),
            Keyword::Env => self.env(given, instruction),
            Keyword::Label => self.label(given, instruction),
            Keyword::Cmd => {
                let words = self.command(instruction);
                self.record(format!("CMD {}", quoted_list(&words)), None);
                self.config.config.cmd = Some(words).filter(|it| !it.is_empty());
                self.config.config.args_escaped = true;
                self.cmd_is_set = true;
                Ok(())
            }
            Keyword::Entrypoint => {
                let words = self.command(instruction);
                self.record(format!("ENTRYPOINT {}", quoted_list(&words)), None);
                self.config.config.entrypoint = Some(words).filter(|it| !it.is_empty());
                if !self.cmd_is_set {
                    self.config.config.cmd = None;
                }
                Ok(())
            }
            Keyword::Shell => {
                let words: Vec<String> = words(instruction).iter().map(|word| word.text.clone()).collect();
                self.record(format!("SHELL [{}]", words.join(" ")), None);
                self.config.config.shell = words;
                Ok(())
            }
            Keyword::Maintainer => {
                let name = single(instruction)?.text.clone();
                self.record(format!("MAINTAINER {name}"), None);
                self.config.author = name;
                Ok(())
            }
            Keyword::User => {
                let user = self.expand(given, single(instruction)?)?;
                self.record(format!("USER {user}"), None);
                self.config.config.user = user;
                Ok(())
            }
            Keyword::Stopsignal => self.stop_signal(given, single(instruction)?),
            Keyword::Volume => self.volume(given, instruction),
            Keyword::Expose => self.expose(given, instruction),
            Keyword::Healthcheck => {
                let check = values::healthcheck(instruction)?;
                self.record(format!("HEALTHCHECK {}", values::show_healthcheck(&check)), None);
                self.config.config.healthcheck = Some(check);
                Ok(())
            }
            Keyword::Onbuild => {
                if let Body::Onbuild(inner) = &instruction.body {
                    self.config.config.on_build.push(inner.with_heredocs(&inner.text));
                }
                Ok(())
            }
            Keyword::Add | Keyword::Copy | Keyword::From | Keyword::Run | Keyword::Workdir => Ok(()),
        }
    }

    fn arg(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
        let mut shown = String::from("ARG");
        for pair in pairs(instruction) {
            let name = self.expand(given, &pair.key)?;
            let default = pair.value.as_ref();
            let value = self
                .scope
                .declare(
                    &name,
                    default.map(|word| word.text.as_str()),
                    given.escape,
                    given.args,
                    given.global,
                )
                .map_err(|error| cannot_expand(default.unwrap_or(&pair.key), &error))?;
            shown.push(' ');
            shown.push_str(&name);
            if let Some(value) = value {
                shown.push('=');
                shown.push_str(&value);
            }
        }
        self.record(shown, None);
        self.environment_fits(instruction)
    }

    /// All pairs of one instruction see the environment from before it.
    fn expanded_pairs(
        &self,
        given: &Given<'_>,
        instruction: &Instruction,
    ) -> Result<Vec<(String, String)>, Diagnostic> {
        pairs(instruction)
            .iter()
            .map(|pair| {
                let key = self.expand(given, &pair.key)?;
                if key.is_empty() {
                    let name = instruction.name.text.to_uppercase();
                    let message = format!("{name} names can not be blank: `{}` expands to nothing", pair.key.text);
                    return Err(Diagnostic::error("blank-name", pair.key.span, message));
                }
                let value = match &pair.value {
                    Some(value) => self.expand(given, value)?,
                    None => String::new(),
                };
                Ok((key, value))
            })
            .collect()
    }

    fn env(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
        let pairs = self.expanded_pairs(given, instruction)?;
        self.record(format!("ENV {}", joined(&pairs)), None);
        for (name, value) in pairs {
            let pair = format!("{name}={value}");
            let env = &mut self.config.config.env;
            let prefix = format!("{name}=");
            match env.iter_mut().find(|known| known.starts_with(&prefix)) {
                Some(known) => *known = pair,
                None => env.push(pair),
            }
            self.scope.environment.set(name, value);
        }
        self.environment_fits(instruction)
    }

    fn environment_fits(&self, instruction: &Instruction) -> Result<(), Diagnostic> {
        if self.scope.environment.size() <= LARGEST_ENVIRONMENT {
            return Ok(());
        }
        Err(Diagnostic::error(
            "environment-too-large",
            instruction.span,
            "the environment becomes larger than 2 MiB, which no command could be started with",
        ))
    }

    fn label(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
        let pairs = self.expanded_pairs(given, instruction)?;
        self.record(format!("LABEL {}", joined(&pairs)), None);
        self.config.config.labels.extend(pairs);
        Ok(())
    }

    fn command(&self, instruction: &Instruction) -> Vec<String> {
        match &instruction.body {
            Body::Json(words) => words.iter().map(|word| word.text.clone()).collect(),
            Body::Shell(word) => self.in_shell(word.text.clone()),
            _ => self.in_shell(String::new()),
        }
    }

    fn stop_signal(&mut self, given: &Given<'_>, word: &Word) -> Result<(), Diagnostic> {
        if self.config.os == "windows" {
            return Err(Diagnostic::error(
                "bad-signal",
                word.span,
                "the daemon on this platform does not support the command STOPSIGNAL: Windows has no signals",
            ));
        }
        let signal = self.expand(given, word)?;
        if !values::is_signal(&signal) {
            let short = signal.to_uppercase();
            let short = short.strip_prefix("SIG").unwrap_or(&short);
            let report = Diagnostic::error("bad-signal", word.span, format!("invalid signal: `{signal}`"));
            return Err(report.suggest(short, SIGNALS.iter().copied()));
        }
        self.record(format!("STOPSIGNAL {signal}"), None);
        self.config.config.stop_signal = signal;
        Ok(())
    }

    fn volume(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
        let mut paths = Vec::new();
        for word in words(instruction) {
            let path = self.expand(given, word)?;
            if path.trim().is_empty() {
                let message = format!("VOLUME specified can not be an empty string: `{}`", word.text);
                return Err(Diagnostic::error("blank-volume", word.span, message));
            }
            paths.push(path);
        }
        self.record(format!("VOLUME [{}]", paths.join(" ")), None);
        let volumes = &mut self.config.config.volumes;
        volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
        Ok(())
    }

    fn expose(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
        let mut specs = Vec::new();
        for word in words(instruction) {
            let expanded = expand_words(&word.text, given.escape, &self.scope.environment)
                .map_err(|error| cannot_expand(word, &error))?;
            for spec in &expanded.words {
                values::ports(spec).map_err(|message| Diagnostic::error("bad-port", word.span, message))?;
            }
            specs.extend(expanded.words);
        }
        let ports = values::all_ports(specs.iter().map(String::as_str))
            .map_err(|message| Diagnostic::error("bad-port", instruction.span, message))?;
        self.record(format!("EXPOSE [{}]", ports.join(" ")), None);
        let exposed = &mut self.config.config.exposed_ports;
        exposed.extend(ports.into_iter().map(|port| (port, Empty {})));
        Ok(())
    }
}

/// The words of an instruction that is a list of them.
pub(super) fn words(instruction: &Instruction) -> &[Word] {
    match &instruction.body {
        Body::Words(words) | Body::Json(words) => words,
        _ => &[],
    }
}

/// The only argument of an instruction.
pub(super) fn single(instruction: &Instruction) -> Result<&Word, Diagnostic> {
    words(instruction).first().ok_or_else(|| {
        let message = format!("{} requires exactly one argument", instruction.name.text.to_uppercase());
        Diagnostic::error("missing-arguments", instruction.span, message)
    })
}

pub(super) fn cannot_expand(word: &Word, error: &ExpandError) -> Diagnostic {
    Diagnostic::error(
        "substitution",
        word.span,
        format!("cannot expand `{}`: {error}", word.text),
    )
}

fn pairs(instruction: &Instruction) -> &[crate::dockerfile::Pair] {
    match &instruction.body {
        Body::Pairs { pairs, .. } => pairs,
        _ => &[],
    }
}

fn joined(pairs: &[(String, String)]) -> String {
    let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    shown.join(" ")
}
