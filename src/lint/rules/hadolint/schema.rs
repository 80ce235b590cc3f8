//! What labels of each type look like.

use super::labels;
use crate::lint::{Document, Findings, LabelKind};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Finds labels of that type whose values do not look like it.
pub(super) fn find(document: &Document<'_>, kind: LabelKind, findings: &mut Findings) {
    let schema = &document.options.label_schema;
    if schema.is_empty() {
        return;
    }
    for instruction in document.instructions() {
        for label in labels::of(instruction) {
            if schema.get(label.key) == Some(&kind) && !fits(label.value, kind) {
                let value = label.value.chars().take(60).collect::<String>();
                findings.add(
                    instruction,
                    label.span(),
                    format!("the label `{}` is no {}: `{value}`", label.key, what(kind)),
                );
            }
        }
    }
}

fn what(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Text => "text",
        LabelKind::Rfc3339 => "time such as `2026-01-31T12:00:00Z`",
        LabelKind::Semver => "version such as `1.2.3`",
        LabelKind::Url => "absolute address",
        LabelKind::Hash => "commit of 7 or 40 lower-case digits",
        LabelKind::Spdx => "identifier of an SPDX licence",
        LabelKind::Email => "address of electronic mail",
    }
}

fn fits(value: &str, kind: LabelKind) -> bool {
    match kind {
        LabelKind::Text => true,
        LabelKind::Rfc3339 => is_time(value),
        LabelKind::Semver => is_version(value),
        LabelKind::Url => is_address(value),
        LabelKind::Hash => {
            let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            matches!(value.len(), 7 | 40) && value.bytes().all(digit)
        }
        LabelKind::Spdx => LICENCES.contains(value),
        LabelKind::Email => is_mail(value),
    }
}

/// The identifiers of the SPDX licence list that are not deprecated, one a line.
static LICENCES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| include_str!("spdx.txt").lines().collect());

/// A date and time of RFC 3339. hadolint also takes an offset without its colon.
fn is_time(value: &str) -> bool {
    let Some((date, rest)) = value.split_at_checked(10) else {
        return false;
    };
    let Some((time, rest)) = rest.strip_prefix(['T', 't']).and_then(|rest| rest.split_at_checked(8)) else {
        return false;
    };
    let (Some([year, month, day]), Some([hour, minute, second])) = (numbers(date, '-'), numbers(time, ':')) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    let fits = date.find('-') == Some(4) && (1..=12).contains(&month) && (1..=days).contains(&day);
    let fits = fits && hour < 24 && minute < 60 && second <= 60;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    fits && (matches!(zone, "Z" | "z") || is_offset(zone))
}

/// `+01:00`, `-0330`.
fn is_offset(zone: &str) -> bool {
    let Some(offset) = zone.strip_prefix(['+', '-']) else {
        return false;
    };
    let digits = offset.replacen(':', "", 1);
    let colon = offset.find(':').is_none_or(|at| at == 2);
    colon && digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits[2..] < *"60"
}

/// Three numbers with `mark` between them, of two digits each but for the first.
fn numbers(text: &str, mark: char) -> Option<[u32; 3]> {
    let mut parts = text.split(mark);
    let mut number = || {
        let part = parts.next()?;
        let digits = part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let all = [number()?, number()?, number()?];
    parts.next().is_none().then_some(all)
}

/// Three numbers, and what may follow them. Like hadolint's reader this one does not mind zeros in front.
fn is_version(value: &str) -> bool {
    let end = value.find(['-', '+']).unwrap_or(value.len());
    let (core, rest) = value.split_at(end);
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() != 3 || !numbers.iter().all(is_number) {
        return false;
    }
    let (before, after) = match rest.split_once('+') {
        Some((before, after)) => (before, after),
        None => (rest, ""),
    };
    let are_names = |text: &str| {
        let is_name =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        text.is_empty() || text.split('.').all(is_name)
    };
    are_names(before.strip_prefix('-').unwrap_or(before)) && are_names(after)
}

/// A URI with a scheme, by the letters that RFC 3986 allows.
fn is_address(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else {
        return false;
    };
    let begins = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let named = scheme
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if let Some(rest) = rest.strip_prefix("//") {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        return begins && named && is_authority(&rest[..end]) && are_in_addresses(&rest[end..]);
    }
    begins && named && are_in_addresses(rest)
}

/// User, host and port.
fn is_authority(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or(("", text));
    // Brackets are for a host that is an address of its own.
    let (host, port) = match host.strip_prefix('[') {
        Some(host) => match host.split_once(']') {
            Some((host, port)) => {
                let digit = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
                if !host.contains(':') || !host.bytes().all(digit) {
                    return false;
                }
                ("", port)
            }
            None => return false,
        },
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let port = port.bytes().all(|byte| byte.is_ascii_digit());
    port && !host.contains('@') && are_in_addresses(user) && are_in_addresses(host)
}

/// Whether the letters are those that RFC 3986 allows after the host.
fn are_in_addresses(rest: &str) -> bool {
    let mut bytes = rest.bytes();
    let mut marks = 0;
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            b'#' => {
                marks += 1;
                marks == 1
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte),
        };
        if !allowed {
            return false;
        }
    }
    true
}

/// A name, `@`, and a host or an address in brackets.
fn is_mail(value: &str) -> bool {
    let Some((name, host)) = value.rsplit_once('@') else {
        return false;
    };
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let named = name
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(in_name));
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return named
            && address
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"[]\\".contains(&byte));
    }
    let is_label = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(inner)
    };
    named && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label)
}
