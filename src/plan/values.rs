//! Values that an instruction may or may not have: signals, ports, modes, health checks.

use super::spelling::{parse_duration, show_duration};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Body, Flag, Instruction};
use crate::oci::Healthcheck;
use std::collections::BTreeSet;

/// Whether STOPSIGNAL takes it: a name of Linux with or without `SIG`, or a number other than zero.
pub(super) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return (1..=15).any(|it| it.to_string() == offset);
    }
    if let Some(offset) = name.strip_prefix("RTMAX-") {
        return (1..=14).any(|it| it.to_string() == offset);
    }
    SIGNALS.contains(&name)
}

/// Names of signals, without `SIG`.
pub(super) const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// What a port may be of.
pub(super) const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Ports that one EXPOSE may name, repetitions included.
const MOST_PORTS: usize = 1_000_000;

/// The ports of one specification.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    last: u16,
    protocol: String,
}

impl Ports {
    /// Names such as `80/tcp`, one for each port.
    fn names(&self) -> impl Iterator<Item = String> {
        (self.first..=self.last).map(|port| format!("{port}/{}", self.protocol))
    }
}

/// Reads `[[address:]host:]port[-port][/protocol]`.
///
/// Host ports and addresses are checked and dropped.
pub(super) fn ports(spec: &str) -> Result<Ports, String> {
    let (before, container) = match spec.rsplit_once(':') {
        Some((before, container)) => (Some(before), container),
        None => (None, spec),
    };
    let (range, protocol) = match container.split_once('/') {
        Some((range, "")) => (range, "tcp".to_owned()),
        Some((range, protocol)) => (range, protocol.to_lowercase()),
        None => (container, "tcp".to_owned()),
    };
    if !PROTOCOLS.contains(&protocol.as_str()) {
        return Err(format!("invalid proto `{protocol}` in `{spec}`: want tcp, udp or sctp"));
    }
    if range.is_empty() {
        return Err(format!("no port specified in `{spec}`"));
    }
    let (first, last) = port_range(range).ok_or_else(|| format!("invalid containerPort: `{range}`"))?;
    if let Some(before) = before {
        let (address, host) = match before.rsplit_once(':') {
            Some((address, host)) => (address, host),
            None => ("", before),
        };
        let address = address
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(address);
        if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
            return Err(format!("invalid IP address: `{address}`"));
        }
        if !host.is_empty() {
            let (from, to) = port_range(host).ok_or_else(|| format!("invalid hostPort: `{host}`"))?;
            if to - from != last - first && first != last {
                return Err(format!(
                    "invalid ranges specified for container and host ports: `{spec}`"
                ));
            }
        }
    }
    Ok(Ports { first, last, protocol })
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some((first, last))
}

/// Ports of several specifications, each once, in the order of writing.
pub(super) fn all_ports<'a>(specs: impl IntoIterator<Item = &'a Ports>) -> Result<Vec<String>, String> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    let mut count = 0;
    for spec in specs {
        count += usize::from(spec.last - spec.first) + 1;
        if count > MOST_PORTS {
            return Err(format!("more than {MOST_PORTS} ports in one `EXPOSE`"));
        }
        all.extend(spec.names().filter(|port| known.insert(port.clone())));
    }
    Ok(all)
}

/// Whether `--chmod` takes it: octal up to 07777, or clauses such as `u=rwX,go-w`.
pub(super) fn check_mode(mode: &str) -> Result<(), String> {
    let octal = mode.bytes().all(|it| it.is_ascii_digit());
    if octal {
        return match u32::from_str_radix(mode, 8) {
            Ok(bits) if bits <= 0o7777 => Ok(()),
            _ => Err(format!(
                "invalid chmod parameter: `{mode}`. it should be octal string and between 0 and 07777"
            )),
        };
    }
    let is_clause = |clause: &str| {
        let actions = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let mut actions = actions;
        if actions.is_empty() {
            return false;
        }
        while !actions.is_empty() {
            let Some(rest) = actions.strip_prefix(['+', '-', '=']) else {
                return false;
            };
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (permissions, next) = rest.split_at(end);
            let copied = matches!(permissions, "u" | "g" | "o");
            if !copied && !permissions.chars().all(|it| "rwxXst".contains(it)) {
                return false;
            }
            actions = next;
        }
        true
    };
    if mode.split(',').all(is_clause) {
        Ok(())
    } else {
        Err(format!(
            "invalid chmod parameter: `{mode}`. it should be octal or clauses such as `u=rwX,go-w`"
        ))
    }
}

/// Reads HEALTHCHECK; flags of `NONE` mean nothing.
pub(super) fn healthcheck(instruction: &Instruction) -> Result<Healthcheck, Diagnostic> {
    let Body::Healthcheck { kind, command } = &instruction.body else {
        return Err(Diagnostic::error(
            "missing-arguments",
            instruction.span,
            "`HEALTHCHECK` needs `CMD` and a command, or `NONE`",
        ));
    };
    if kind.text.eq_ignore_ascii_case("none") {
        return Ok(Healthcheck {
            test: vec!["NONE".to_owned()],
            ..Healthcheck::default()
        });
    }
    let test = match command.as_ref() {
        Body::Json(words) => std::iter::once("CMD".to_owned())
            .chain(words.iter().map(|word| word.text.clone()))
            .collect(),
        Body::Shell(word) => vec!["CMD-SHELL".to_owned(), word.text.clone()],
        _ => Vec::new(),
    };
    let flag = |name: &str| instruction.flags.iter().find(|flag| flag.name == name);
    let time = |name: &str| flag(name).map_or(Ok(0), interval);
    Ok(Healthcheck {
        test,
        interval: time("interval")?,
        timeout: time("timeout")?,
        start_period: time("start-period")?,
        start_interval: time("start-interval")?,
        retries: flag("retries").map_or(Ok(0), retries)?,
    })
}

fn interval(flag: &Flag) -> Result<i64, Diagnostic> {
    let value = flag.value.as_deref().unwrap_or_default();
    if value.is_empty() {
        return Ok(0);
    }
    let refuse = |why: &str| {
        Err(Diagnostic::error(
            "bad-duration",
            flag.span,
            format!("`--{}` is `{value}`: {why}", flag.name),
        ))
    };
    match parse_duration(value) {
        None => refuse("want a duration such as `30s` or `1m30s`"),
        Some(0) => Ok(0),
        Some(time) if time < 1_000_000 => refuse("cannot be less than 1ms"),
        Some(time) => Ok(time),
    }
}

fn retries(flag: &Flag) -> Result<i64, Diagnostic> {
    let value = flag.value.as_deref().unwrap_or_default();
    let refuse = |why: &str| {
        Err(Diagnostic::error(
            "bad-retries",
            flag.span,
            format!("`--retries` is `{value}`: {why}"),
        ))
    };
    match value.parse::<i32>() {
        _ if value.is_empty() => Ok(0),
        Ok(count) if count < 0 => refuse("cannot be negative"),
        Ok(count) => Ok(i64::from(count)),
        Err(_) => refuse("want a number"),
    }
}

/// A health check as history spells it.
pub(super) fn show_healthcheck(it: &Healthcheck) -> String {
    format!(
        "{{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        it.test.join(" "),
        show_duration(it.interval),
        show_duration(it.timeout),
        show_duration(it.start_period),
        show_duration(it.start_interval),
        it.retries
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals() {
        for good in ["SIGTERM", "quit", "9", "-1", "SIGRTMIN+3", "rtmax-14", "sigusr1"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "SIGNOTHING", "RTMIN+16", "RTMIN+03", "SIG", "9x"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }

    #[test]
    fn port_specifications() {
        for (spec, want) in [
            ("80", "80/tcp"),
            ("53/UDP", "53/udp"),
            ("80/", "80/tcp"),
            ("7000-7002", "7000/tcp 7001/tcp 7002/tcp"),
            ("8080:80", "80/tcp"),
            ("127.0.0.1:8080:80/sctp", "80/sctp"),
            ("[::1]:8080:80", "80/tcp"),
            (":80", "80/tcp"),
            ("8000-8010:80", "80/tcp"),
            ("0", "0/tcp"),
            ("65535", "65535/tcp"),
        ] {
            let names = ports(spec).map(|it| it.names().collect::<Vec<_>>().join(" "));
            assert_eq!(names.as_deref(), Ok(want), "{spec}");
        }
        for spec in [
            "70000",
            "80/foo",
            "90-80",
            "a",
            "",
            "-",
            "1-",
            "x:80",
            "1.2.3:1:80",
            "1-2:3-5",
            "+80",
            "80:",
            "/tcp",
        ] {
            assert!(ports(spec).is_err(), "{spec}");
        }
        let all = ["1", "2", "1-2"].map(|spec| ports(spec).unwrap());
        assert_eq!(all_ports(&all).unwrap(), ["1/tcp", "2/tcp"]);
        let whole = ports("0-65535").unwrap();
        assert!(
            all_ports(std::iter::repeat_n(&whole, 16)).is_err(),
            "there is an end to it"
        );
    }

    #[test]
    fn modes() {
        for good in [
            "755",
            "0",
            "07777",
            "u=rwX,go=rX",
            "+x",
            "a=",
            "g=u",
            "u+r-w",
            "ug+s",
            "o=t",
        ] {
            assert_eq!(check_mode(good), Ok(()), "{good}");
        }
        for bad in [
            "77777",
            "8",
            "rwx!",
            "rwx",
            "u",
            ",",
            "u=rwx,",
            "u=ug",
            "99999999999999999999",
            "+é",
        ] {
            assert!(check_mode(bad).is_err(), "{bad}");
        }
    }
}
