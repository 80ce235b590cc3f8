//! What RUN steps are given: secrets, agents, hosts, limits and rights.

use super::arguments::{BuildArguments, NetworkArgument};
use super::failure::Usage;
use super::output::{fields, size};
use crate::agent::{AgentError, Agents, Source};
use crate::diagnostic::causes;
use crate::execute::{Rights, Secret};
use crate::sandbox::{GroupLimits, Resource};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

pub(super) fn secret(given: &str) -> Result<(String, Secret), Usage> {
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for (key, value) in fields(given)? {
        let value = value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Usage::new(format!("`--secret {given}`: `{key}` has no value")))?;
        match key.as_str() {
            "id" => id = Some(value),
            "src" | "source" => file = Some(value),
            "env" => variable = Some(value),
            "type" if value == "file" || value == "env" => kind = Some(value),
            _ => return Err(Usage::new(format!("`--secret {given}`: `{key}={value}` is not known"))),
        }
    }
    if kind.as_deref() == Some("env") && variable.is_none() {
        variable = file.take();
    }
    let Some(id) = id.or_else(|| file.clone()).or_else(|| variable.clone()) else {
        return Err(Usage::new(format!("`--secret {given}`: an id is missing")));
    };
    let read = |file: &str| {
        std::fs::read(file).map_err(|error| Usage::new(format!("`--secret {given}`: cannot read `{file}`: {error}")))
    };
    let value = match (file, variable) {
        (Some(_), Some(_)) => {
            return Err(Usage::new(format!(
                "`--secret {given}`: give either a file or a variable"
            )));
        }
        (Some(file), None) => read(&file)?,
        (None, Some(name)) => std::env::var_os(&name)
            .ok_or_else(|| Usage::new(format!("`--secret {given}`: the variable `{name}` is not set")))?
            .into_vec(),
        // An id alone is a variable's name, or else a file's.
        (None, None) => match std::env::var_os(&id) {
            Some(value) => value.into_vec(),
            None if Path::new(&id).is_file() => read(&id)?,
            None => {
                return Err(Usage::new(format!(
                    "`--secret {given}`: there is no variable and no file called `{id}`; add `src=FILE` or `env=NAME`"
                )));
            }
        },
    };
    if value.len() > LARGEST_SECRET {
        return Err(Usage::new(format!("`--secret {given}`: larger than 500 KiB")));
    }
    Ok((id, Secret::new(value)))
}

/// `ID`, or `ID=PATH[,PATH]`: a socket, or key files. Without a path it is the caller's agent.
pub(super) fn agents(given: &[String]) -> Result<Agents, Usage> {
    let mut agents = Agents::default();
    for spec in given {
        let bad = |error: AgentError| Usage::new(format!("`--ssh {spec}`: {}", causes(&error).join(": ")));
        let (id, paths) = spec.split_once('=').unwrap_or((spec, ""));
        let paths: Vec<PathBuf> = match paths {
            "" => {
                let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty());
                socket.into_iter().map(PathBuf::from).collect()
            }
            some => some.split(',').map(PathBuf::from).collect(),
        };
        let id = if id.is_empty() { Agents::DEFAULT } else { id };
        let source = Source::open(&paths).map_err(bad)?;
        agents.add(id, source).map_err(bad)?;
    }
    Ok(agents)
}

/// As BuildKit has it.
const LARGEST_SECRET: usize = 500 << 10;

pub(super) fn extra_host(given: &str) -> Result<(String, String), Usage> {
    let bad = || Usage::new(format!("`--add-host {given}`: want NAME:ADDRESS"));
    let (name, address) = given
        .split_once('=')
        .or_else(|| given.split_once(':'))
        .ok_or_else(bad)?;
    // The machine's network is the command's, so that its own services are on the loopback interface.
    let address = if address == "host-gateway" {
        "127.0.0.1"
    } else {
        address
    };
    let address = address
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(address);
    if name.is_empty() || address.parse::<std::net::IpAddr>().is_err() {
        return Err(bad());
    }
    Ok((name.to_owned(), address.to_owned()))
}

pub(super) fn ulimit(given: &str) -> Result<(String, u64, u64), Usage> {
    let bad = || {
        Usage::new(format!(
            "`--ulimit {given}`: want NAME=SOFT[:HARD], with -1 for no limit"
        ))
    };
    let (name, values) = given.split_once('=').ok_or_else(bad)?;
    if Resource::named(name).is_none() {
        return Err(Usage::new(format!(
            "`--ulimit {given}`: there is no limit called `{name}`"
        )));
    }
    let value = |text: &str| {
        if text == "-1" {
            Ok(u64::MAX)
        } else {
            text.parse().map_err(|_| bad())
        }
    };
    let (soft, hard) = match values.split_once(':') {
        Some((soft, hard)) => (value(soft)?, value(hard)?),
        None => (value(values)?, value(values)?),
    };
    if soft > hard {
        return Err(Usage::new(format!(
            "`--ulimit {given}`: the soft limit is above the hard one"
        )));
    }
    Ok((name.to_owned(), soft, hard))
}

pub(super) fn rights(arguments: &BuildArguments) -> Result<Rights, Usage> {
    // Who asks for the machine's network for all steps has granted it.
    let host_network = arguments.network == NetworkArgument::Host;
    let mut rights = Rights {
        insecure: false,
        host_network,
    };
    for right in &arguments.allow {
        match right.as_str() {
            "security.insecure" => rights.insecure = true,
            "network.host" => rights.host_network = true,
            device if device == "device" || device.starts_with("device=") => {
                super::note(&format!(
                    "note: `--allow {device}` grants nothing: devices are never handed in"
                ));
            }
            other => {
                return Err(Usage::new(format!(
                    "`--allow {other}`: want `security.insecure` or `network.host`"
                )));
            }
        }
    }
    Ok(rights)
}

/// `--resource KEY=VALUE`, and the older flags of the same meaning, which come first.
pub(super) fn limits(arguments: &BuildArguments) -> Result<GroupLimits, Usage> {
    let older = &arguments.older_limits;
    let mut limits = GroupLimits::default();
    let typed = [
        ("memory", &older.memory),
        ("memory-swap", &older.memory_swap),
        ("cpu-shares", &older.cpu_shares),
        ("cpu-period", &older.cpu_period),
        ("cpu-quota", &older.cpu_quota),
        ("cpuset-cpus", &older.cpuset_cpus),
        ("cpuset-mems", &older.cpuset_mems),
    ];
    for (key, value) in typed {
        if let Some(value) = value {
            limit(&mut limits, &format!("--{key} {value}"), key, value)?;
        }
    }
    for given in &arguments.resources {
        let flag = format!("--resource {given}");
        let (key, value) = given
            .split_once('=')
            .ok_or_else(|| Usage::new(format!("`{flag}`: want KEY=VALUE")))?;
        limit(&mut limits, &flag, key, value)?;
    }
    match (limits.memory, limits.memory_swap) {
        (None, Some(both)) if both != u64::MAX => Err(Usage::new("a limit of memory and swap needs one of memory too")),
        (Some(memory), Some(both)) if both < memory => Err(Usage::new(
            "the limit of memory and swap together is below that of memory alone",
        )),
        _ => Ok(limits),
    }
}

/// Sets one limit; 0 and nothing are none, as with docker.
fn limit(limits: &mut GroupLimits, flag: &str, key: &str, value: &str) -> Result<(), Usage> {
    let bytes = || {
        let bytes = size(value).map_err(|error| Usage::new(format!("`{flag}`: {error}")))?;
        Ok(Some(bytes).filter(|bytes| *bytes > 0))
    };
    let number = |least: u64, most: u64| match value.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Usage::new(format!("`{flag}`: want a number from {least} to {most}"))),
    };
    let list = || {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_range = |part: &str| {
            part.split_once('-')
                .map_or(is_number(part), |(a, b)| is_number(a) && is_number(b))
        };
        if value.is_empty() {
            Ok(None)
        } else if value.split(',').all(is_range) {
            Ok(Some(value.to_owned()))
        } else {
            Err(Usage::new(format!("`{flag}`: want numbers and ranges such as `0-2,5`")))
        }
    };
    match key {
        "memory" => limits.memory = bytes()?,
        "memory-swap" if value == "-1" => limits.memory_swap = Some(u64::MAX),
        "memory-swap" => limits.memory_swap = bytes()?,
        "cpu-shares" => limits.cpu_shares = number(2, 262_144)?,
        "cpu-period" => limits.cpu_period = number(1_000, 1_000_000)?,
        "cpu-quota" if value == "-1" => limits.cpu_quota = None,
        "cpu-quota" => limits.cpu_quota = number(1_000, u64::MAX / 1_000)?,
        "cpuset-cpus" => limits.cpuset_cpus = list()?,
        "cpuset-mems" => limits.cpuset_mems = list()?,
        _ => {
            return Err(Usage::new(format!(
                "`{flag}`: there is no limit `{key}`; there are memory, memory-swap, cpu-shares, cpu-period, cpu-quota, cpuset-cpus and cpuset-mems"
            )));
        }
    }
    Ok(())
}
