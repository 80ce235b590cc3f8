//! RUN: what is executed, where, and with what mounted.

use super::lower::Lowering;
use super::mount::{self, MountOptions, Type};
use super::paths;
use super::stage::StageState;
use super::{From, Mount, MountKind, Network, Op, Run, Sharing, StepId};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Body, Flag, Heredoc, Instruction, Word};
use crate::resolve::Origin;

/// Where the files of heredocs with `#!` are mounted.
const PIPES: &str = "/dev/pipes";

/// What can be said of a RUN before any variable is known.
pub(super) fn check(instruction: &Instruction, problems: &mut Vec<Diagnostic>) {
    problems.extend(network(instruction).err());
    problems.extend(insecure(instruction).err());
    for flag in &instruction.flags {
        match flag.name.as_str() {
            "mount" => problems.extend(mount::check(flag).err()),
            "device" => problems.push(
                Diagnostic::error(
                    "no-devices",
                    flag.span,
                    "`--device` is not supported: the sandbox hands no devices in",
                )
                .help("only BuildKit's labs frontend has it; with `RUN --security=insecure` a command can make device nodes itself"),
            ),
            _ => (),
        }
    }
}

impl Lowering<'_> {
    /// Lowers a RUN of stage `index`.
    pub(super) fn run(
        &mut self,
        index: usize,
        state: &mut StageState,
        instruction: &Instruction,
    ) -> Result<(), Vec<Diagnostic>> {
        let one = |problem| vec![problem];
        // A trigger has not been checked before.
        let mut problems = Vec::new();
        check(instruction, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let (text, scripts) = command(instruction).map_err(one)?;
        let argv = match text {
            Command::Exec(words) => words,
            Command::Shell(text) => state.in_shell(text),
        };
        let mut needs = Vec::new();
        let mut mounts = Vec::new();
        let mut agents = 0;
        let mut secret_variables = Vec::new();
        for flag in instruction.flags.iter().filter(|flag| flag.name == "mount") {
            let options = mount::read(flag, |value| {
                let word = Word {
                    text: value.to_owned(),
                    span: flag.span,
                };
                state.expand(&self.given, &word)
            });
            let mount = options.and_then(|options| {
                secret_variables.extend(options.env.clone().filter(|_| options.kind == Type::Secret));
                self.mount(index, state, flag, options, &mut agents, &mut needs)
            });
            match mount {
                Ok(mount) => {
                    match &mount.kind {
                        MountKind::Secret { id, required, .. } => self.sketch.secret(index, instruction, id, *required),
                        MountKind::Ssh { id, required, .. } => self.sketch.ssh(index, instruction, id, *required),
                        MountKind::Bind { .. } | MountKind::Cache { .. } | MountKind::Tmpfs { .. } => (),
                    }
                    mounts.push(mount);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let created_by = history_line(state, &argv);
        let run = Run {
            argv,
            env: own_pairs(state.scope.environment.iter()),
            proxy_env: self
                .proxies
                .iter()
                .filter(|(name, _)| state.scope.environment.get(name).is_none())
                .cloned()
                .collect(),
            user: state.config.config.user.clone(),
            workdir: state.workdir(),
            network: network(instruction).map_err(one)?.unwrap_or(self.request.network),
            insecure: insecure(instruction).map_err(one)?,
            mounts,
            scripts,
            hostname: self.hostname().to_owned(),
            extra_hosts: self.request.extra_hosts.to_vec(),
            shm_size: self.request.shm_size,
            ulimits: self.request.ulimits.to_vec(),
            cgroup_parent: self.request.cgroup_parent.map(str::to_owned),
        };
        let mut title = self.title(state, instruction, &secret_variables);
        if let [heredoc] = instruction.heredocs.as_slice()
            && is_only(instruction, heredoc)
        {
            title.push_str(&summary(heredoc));
        }
        let step = self.step(index, state, Op::Run(run), title, &needs);
        state.record(created_by, Some(step));
        Ok(())
    }

    fn mount(
        &mut self,
        index: usize,
        state: &StageState,
        flag: &Flag,
        options: MountOptions,
        agents: &mut usize,
        needs: &mut Vec<StepId>,
    ) -> Result<Mount, Diagnostic> {
        // Even a mount that has no use for it must name something that exists.
        let origin = match options.from.as_str() {
            "" => None,
            from => Some(self.binding.mount_source(index, from, Some(flag.span))?),
        };
        let target = match (options.target.as_str(), options.kind) {
            ("", Type::Secret) if options.env.is_some() => String::new(),
            ("", Type::Secret) => format!("/run/secrets/{}", paths::base(secret_id(&options))),
            ("", Type::Ssh) => format!("/run/buildkit/ssh_agent.{agents}"),
            (target, _) => paths::join(&state.workdir(), target),
        };
        if target == "/" {
            return Err(Diagnostic::error(
                "bad-mount",
                flag.span,
                format!(
                    "invalid mount target `{}`: the root can't be mounted over",
                    options.target
                ),
            ));
        }
        let source = paths::clean(&options.source)[1..].to_owned();
        let uid = options.uid.unwrap_or_default();
        let gid = options.gid.unwrap_or_default();
        let kind = match options.kind {
            Type::Bind => MountKind::Bind {
                from: match origin {
                    Some(origin) => self.source(&origin, flag.span, needs)?,
                    None => From::Context,
                },
                source,
            },
            Type::Cache => {
                let id = match options.id.as_str() {
                    "" => paths::clean_text(&options.target),
                    id => id.to_owned(),
                };
                // With a path in the seed its owner and mode are those of that path.
                let whole = source.is_empty();
                let seed = match origin {
                    None | Some(Origin::Scratch) => None,
                    Some(origin) => Some((self.source(&origin, flag.span, needs)?, source)),
                };
                MountKind::Cache {
                    id: match self.binding.given.get("BUILDKIT_CACHE_MOUNT_NS") {
                        Some(space) if !space.is_empty() => format!("{space}/{id}"),
                        _ => id,
                    },
                    sharing: options.sharing.unwrap_or(Sharing::Shared),
                    seed,
                    mode: options.mode.filter(|_| whole).unwrap_or(0o755),
                    uid: if whole { uid } else { 0 },
                    gid: if whole { gid } else { 0 },
                }
            }
            Type::Tmpfs => MountKind::Tmpfs { size: options.size },
            Type::Secret => MountKind::Secret {
                id: secret_id(&options).to_owned(),
                env: options.env,
                required: options.required,
                mode: options.mode.unwrap_or(0o400),
                uid,
                gid,
            },
            Type::Ssh => {
                *agents += 1;
                MountKind::Ssh {
                    id: Some(options.id)
                        .filter(|it| !it.is_empty())
                        .unwrap_or("default".to_owned()),
                    required: options.required,
                    mode: options.mode.unwrap_or(0o600),
                    uid,
                    gid,
                }
            }
        };
        Ok(Mount {
            target,
            kind,
            read_only: options.read_only,
        })
    }
}

/// `id`, else `source`, else the last part of `target`.
fn secret_id(options: &MountOptions) -> &str {
    match (options.id.as_str(), options.source.as_str()) {
        ("", "") => paths::base(&options.target),
        ("", source) => source,
        (id, _) => id,
    }
}

enum Command {
    Exec(Vec<String>),
    Shell(String),
}

/// What is run, and the files that it needs: name and body.
fn command(instruction: &Instruction) -> Result<(Command, Vec<(String, String)>), Diagnostic> {
    let text = match &instruction.body {
        Body::Json(words) => {
            let words = words.iter().map(|word| word.text.clone()).collect();
            return Ok((Command::Exec(words), Vec::new()));
        }
        Body::Shell(word) => &word.text,
        _ => "",
    };
    match instruction.heredocs.as_slice() {
        [] => Ok((Command::Shell(text.to_owned()), Vec::new())),
        [heredoc] if is_only(instruction, heredoc) => {
            if !heredoc.body.starts_with("#!") {
                return Ok((Command::Shell(heredoc.body.clone()), Vec::new()));
            }
            let name = heredoc_file(heredoc)?;
            let command = Command::Shell(format!("{PIPES}/{name}"));
            Ok((command, vec![(name, heredoc.body.clone())]))
        }
        _ => Ok((Command::Shell(instruction.with_heredocs(text)), Vec::new())),
    }
}

/// Whether the heredoc is the whole command.
fn is_only(instruction: &Instruction, heredoc: &Heredoc) -> bool {
    matches!(&instruction.body, Body::Shell(word) if word.span == heredoc.span)
}

/// The name of the file that a heredoc makes.
pub(super) fn heredoc_file(heredoc: &Heredoc) -> Result<String, Diagnostic> {
    let name = heredoc.name.strip_prefix('/').unwrap_or(&heredoc.name);
    if name.is_empty() || matches!(name, "." | "..") || name.contains(['/', '\0']) {
        return Err(Diagnostic::error(
            "bad-heredoc-name",
            heredoc.span,
            format!("the heredoc's name `{}` can't be the name of a file", heredoc.name),
        ));
    }
    Ok(name.to_owned())
}

/// The beginning of a heredoc, for progress.
fn summary(heredoc: &Heredoc) -> String {
    const LONGEST: usize = 30;
    let mut lines = heredoc.body.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut shown: String = first.chars().take(LONGEST).collect();
    if lines.next().is_some() || shown.len() < first.len() {
        shown.push('…');
    }
    format!(" ({shown})")
}

/// `RUN [|N name=value …] words # buildkit`, where N counts the declared ARGs.
fn history_line(state: &StageState, argv: &[String]) -> String {
    let args: Vec<String> = state
        .scope
        .args()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    let prefix = match args.len() {
        0 => String::new(),
        count => format!("|{count} {}", args.concat()),
    };
    format!("RUN {prefix}{} # buildkit", argv.join(" "))
}

fn own_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn network(instruction: &Instruction) -> Result<Option<Network>, Diagnostic> {
    let Some((flag, value)) = flag_value(instruction, "network") else {
        return Ok(None);
    };
    match value {
        // The build's: what the command line took away is not to be had back by a step.
        "default" => Ok(None),
        "none" => Ok(Some(Network::None)),
        "host" => Ok(Some(Network::Host)),
        other => Err(
            Diagnostic::error("bad-network", flag.span, format!("invalid network mode `{other}`"))
                .suggest(other, ["default", "none", "host"])
                .help("it is `default`, `none` or `host`"),
        ),
    }
}

fn insecure(instruction: &Instruction) -> Result<bool, Diagnostic> {
    let Some((flag, value)) = flag_value(instruction, "security") else {
        return Ok(false);
    };
    match value {
        "sandbox" => Ok(false),
        "insecure" => Ok(true),
        other => Err(
            Diagnostic::error("bad-security", flag.span, format!("invalid security mode `{other}`"))
                .suggest(other, ["sandbox", "insecure"])
                .help("it is `sandbox` or `insecure`"),
        ),
    }
}

fn flag_value<'a>(instruction: &'a Instruction, name: &str) -> Option<(&'a Flag, &'a str)> {
    let flag = instruction.flags.iter().find(|flag| flag.name == name)?;
    let value = flag.value.as_deref().filter(|value| !value.is_empty())?;
    Some((flag, value))
}
