//! A stage while its instructions are done: its config, its scope, its history.

use super::paths;
use super::spelling::quoted_list;
use super::values::{self, Ports, SIGNALS};
use super::{HistoryEntry, StepId};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Body, Instruction, Keyword, Word};
use crate::oci::Platform;
use crate::oci::{Empty, ImageConfig};
use crate::resolve::{BuildArgs, Environment, ExpandError, Scope, expand, expand_heredoc, expand_words};
use std::collections::HashMap;

/// PATH of an image that has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long all names and values of an environment may be together: more than the kernel hands to a process.
const LARGEST_ENVIRONMENT: usize = 2 << 20;

/// What the name of a port counts for: in memory, in the history, and in the time to sort it in.
const PORT: usize = 512;

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
    /// Where the config's variables stand in it.
    env_places: HashMap<String, usize>,
    /// Bytes of history since they were last asked for.
    added: usize,
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
        self.env_places.clear();
        for (place, pair) in config.env.iter().enumerate() {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.env_places.entry(name.to_owned()).or_insert(place);
            self.scope.environment.set(name, value);
        }
        if !config.working_dir.is_empty() {
            config.working_dir = paths::workdir("/", &config.working_dir);
        }
    }

    /// Bytes that this stage has of the one that it is built on, about.
    pub(super) fn inherited_size(&self) -> usize {
        2 * self.scope.environment.size()
            + self.config.config.env.iter().map(String::len).sum::<usize>()
            + self
                .config
                .config
                .labels
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
            + 48 * (self.config.config.volumes.len() + self.config.config.exposed_ports.len())
            + self
                .config
                .config
                .cmd
                .iter()
                .chain(&self.config.config.entrypoint)
                .flatten()
                .map(String::len)
                .sum::<usize>()
    }

    /// Bytes of history since this was last asked.
    pub(super) fn take_added(&mut self) -> usize {
        std::mem::take(&mut self.added)
    }

    pub(super) fn record(&mut self, created_by: String, step: Option<StepId>) {
        self.added += created_by.len();
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
    ) -> Result<(), Vec<Diagnostic>> {
        let done = match keyword {
            Keyword::Arg => self.arg(given, instruction),
            Keyword::Env => return self.env(given, instruction),
            Keyword::Label => return self.label(given, instruction),
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
            Keyword::Maintainer => single(instruction).map(|name| {
                self.record(format!("MAINTAINER {}", name.text), None);
                self.config.author.clone_from(&name.text);
            }),
            Keyword::User => single(instruction)
                .and_then(|word| self.expand(given, word))
                .map(|user| {
                    self.record(format!("USER {user}"), None);
                    self.config.config.user = user;
                }),
            Keyword::Stopsignal => single(instruction).and_then(|word| self.stop_signal(given, word)),
            Keyword::Volume => return self.volume(given, instruction),
            Keyword::Expose => return self.expose(given, instruction),
            Keyword::Healthcheck => values::healthcheck(instruction).map(|check| {
                self.record(format!("HEALTHCHECK {}", values::show_healthcheck(&check)), None);
                self.config.config.healthcheck = Some(check);
            }),
            Keyword::Onbuild => {
                if let Body::Onbuild(inner) = &instruction.body {
                    self.config.config.on_build.push(inner.with_heredocs(&inner.text));
                }
                Ok(())
            }
            Keyword::Add | Keyword::Copy | Keyword::From | Keyword::Run | Keyword::Workdir => Ok(()),
        };
        done.map_err(|problem| vec![problem])
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
    ) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
        let pairs = pairs(instruction).iter().map(|pair| {
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
        });
        all(pairs)
    }

    fn env(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Vec<Diagnostic>> {
        let pairs = self.expanded_pairs(given, instruction)?;
        self.record(format!("ENV {}", joined(&pairs)), None);
        for (name, value) in pairs {
            let pair = format!("{name}={value}");
            let env = &mut self.config.config.env;
            match self.env_places.get(&name).and_then(|place| env.get_mut(*place)) {
                Some(known) => *known = pair,
                None => {
                    self.env_places.insert(name.clone(), env.len());
                    env.push(pair);
                }
            }
            self.scope.environment.set(name, value);
        }
        self.environment_fits(instruction).map_err(|problem| vec![problem])
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

    fn label(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Vec<Diagnostic>> {
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

    fn volume(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Vec<Diagnostic>> {
        let paths: Vec<String> = all(words(instruction).iter().map(|word| {
            let path = self.expand(given, word)?;
            if path.trim().is_empty() {
                let message = format!("VOLUME specified can not be an empty string: `{}`", word.text);
                return Err(Diagnostic::error("blank-volume", word.span, message));
            }
            Ok(path)
        }))?;
        self.record(format!("VOLUME [{}]", paths.join(" ")), None);
        let volumes = &mut self.config.config.volumes;
        volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
        Ok(())
    }

    fn expose(&mut self, given: &Given<'_>, instruction: &Instruction) -> Result<(), Vec<Diagnostic>> {
        let specs: Vec<Vec<Ports>> = all(words(instruction).iter().map(|word| {
            let expanded = expand_words(&word.text, given.escape, &self.scope.environment)
                .map_err(|error| cannot_expand(word, &error))?;
            let read = |spec: &String| {
                values::ports(spec).map_err(|message| {
                    let protocol = spec.rsplit_once('/').map_or("", |(_, protocol)| protocol);
                    Diagnostic::error("bad-port", word.span, message).suggest(protocol, values::PROTOCOLS)
                })
            };
            expanded.words.iter().map(read).collect()
        }))?;
        let ports = values::all_ports(specs.iter().flatten())
            .map_err(|message| vec![Diagnostic::error("bad-port", instruction.span, message)])?;
        self.record(format!("EXPOSE [{}]", ports.join(" ")), None);
        self.added += PORT * ports.len();
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

/// All results, or all that is wrong.
fn all<T>(results: impl Iterator<Item = Result<T, Diagnostic>>) -> Result<Vec<T>, Vec<Diagnostic>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(problem) => bad.push(problem),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
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
