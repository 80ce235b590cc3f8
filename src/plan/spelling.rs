//! Values as Go writes and reads them: quoted strings, durations, booleans, sizes.

use std::fmt::Write as _;

/// Go's `%q` of a list of strings: `["a" "b c"]`.
pub(super) fn quoted_list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(" "))
}

/// Go's `strconv.Quote`.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        let escape = match char {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{b}' => "\\v",
            _ => {
                let code = u32::from(char);
                // Writing to a string cannot fail.
                let _ = match code {
                    _ if is_printable(char) => out.write_char(char),
                    0..0x80 => write!(out, "\\x{code:02x}"),
                    0x80..0x10000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                continue;
            }
        };
        out.push_str(escape);
    }
    out.push('"');
    out
}

/// Whether Go prints it as it is: letters, marks, numbers, punctuation, symbols, and the ASCII blank.
fn is_printable(char: char) -> bool {
    if char.is_ascii() {
        return (' '..='~').contains(&char);
    }
    // Rust escapes the same characters when it prints text for debugging, apart from a mark at the very start.
    let mut text = String::from("a");
    text.push(char);
    text.escape_debug().count() == 2
}

const NANOSECOND: i128 = 1;
const SECOND: i128 = 1_000_000_000;
const UNITS: [(&str, i128); 8] = [
    ("ns", NANOSECOND),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

/// Reads Go's durations, such as `1h2m3.5s`, into nanoseconds.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest
            .find(|it: char| !it.is_ascii_digit() && it != '.')
            .filter(|end| *end > 0)?;
        let (number, after) = rest.split_at(number);
        let unit = after
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        if !whole.is_empty() {
            total = total.checked_add(i128::from(whole.parse::<i64>().ok()?).checked_mul(*unit)?)?;
        }
        // More digits than nanoseconds can show make no difference.
        let fraction = fraction.get(..fraction.len().min(18))?;
        if !fraction.is_empty() {
            let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
            total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(*unit)? / scale)?;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Go's `Duration.String`.
pub(super) fn show_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = i128::from(nanoseconds).abs();
    let with_fraction = |unit: i128| {
        let (whole, part) = (all % (60 * SECOND).max(unit) / unit, all % unit);
        if part == 0 {
            return whole.to_string();
        }
        let digits = unit.ilog10() as usize;
        let text = format!("{whole}.{part:0digits$}");
        text.trim_end_matches('0').to_owned()
    };
    if all == 0 {
        return "0s".to_owned();
    }
    if all < 1_000 {
        return format!("{sign}{all}ns");
    }
    if all < 1_000_000 {
        return format!("{sign}{}\u{b5}s", with_fraction(1_000));
    }
    if all < SECOND {
        return format!("{sign}{}ms", with_fraction(1_000_000));
    }
    let (hours, minutes) = (all / (3600 * SECOND), all / (60 * SECOND) % 60);
    let seconds = with_fraction(SECOND);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Go's `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Reads a size such as `64m` or `1.5 GiB` into bytes; all units are powers of 1024.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let end = text
        .find(|it: char| !it.is_ascii_digit() && it != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_lowercase();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if matches!(unit.as_str(), "" | "b") => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    if unit.matches('b').count() > 1 || unit.matches('i').count() > 1 {
        return None;
    }
    let factor = 1024_u64.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).filter(|it| i64::try_from(*it).is_ok());
    }
    let number: f64 = number.parse().ok()?;
    let bytes = number * factor as f64;
    (bytes < i64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_does() {
        for (text, want) in [
            ("a b", r#"["a b"]"#),
            ("\"\\", r#"["\"\\"]"#),
            ("a\tb\n\u{1}\u{7f}", r#"["a\tb\n\x01\x7f"]"#),
            ("écho☃🐳", "[\"écho☃🐳\"]"),
            ("\u{a0}\u{200b}e\u{301}", "[\"\\u00a0\\u200be\u{301}\"]"),
            ("\u{e0001}", r#"["\U000e0001"]"#),
        ] {
            assert_eq!(quoted_list(&[text.to_owned()]), want);
        }
        assert_eq!(quoted_list(&[]), "[]");
    }

    #[test]
    fn durations_go_both_ways() {
        for (text, want, shown) in [
            ("0", 0, "0s"),
            ("1h2m3s4ms", 3_723_004_000_000, "1h2m3.004s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("90m", 5_400_000_000_000, "1h30m0s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1us", 1000, "1\u{b5}s"),
            ("1.5ms", 1_500_000, "1.5ms"),
            ("12ns", 12, "12ns"),
            ("-2s", -2_000_000_000, "-2s"),
            (".5s", 500_000_000, "500ms"),
            ("100h", 360_000_000_000_000, "100h0m0s"),
        ] {
            assert_eq!(parse_duration(text), Some(want), "{text}");
            assert_eq!(show_duration(want), shown, "{text}");
        }
        for text in ["", "1", "s", "1x", "1s2", ".s", "1..5s", "-", "9999999999h", "1 s", "é"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, want) in [
            ("12", Some(12)),
            ("1k", Some(1024)),
            ("1.5m", Some(1_572_864)),
            ("2 GiB", Some(2 << 30)),
            ("3kb", Some(3072)),
            ("7B", Some(7)),
            ("m", None),
            ("-1", None),
            ("1x", None),
            ("1i", None),
            ("1kbb", None),
            ("99999999p", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), want, "{text}");
        }
    }
}
