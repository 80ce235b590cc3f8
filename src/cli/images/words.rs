//! Ages and sizes as Docker words them, and times as its filters take them.

use crate::cli::failure::Usage;
use crate::layer::Time;

/// How long ago something was, in one unit.
pub(super) fn ago(time: Time, now: Time) -> String {
    format!("{} ago", duration(now.seconds.saturating_sub(time.seconds)))
}

fn duration(seconds: i64) -> String {
    let hours = (seconds + 1_800) / 3_600;
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3_600 => format!("{} minutes", seconds / 60),
        _ => match hours {
            ..2 => "About an hour".to_owned(),
            2..48 => format!("{hours} hours"),
            48..336 => format!("{} days", hours / 24),
            336..1_440 => format!("{} weeks", hours / 168),
            1_440..17_520 => format!("{} months", hours / 720),
            _ => format!("{} years", hours / 8_760),
        },
    }
}

/// A size in units of 1000, with three digits that count.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        // What would be rounded up to 1000 has the next unit.
        if value < 999.5 {
            let digits = match value {
                _ if unit == "B" => 0,
                ..9.995 => 2,
                ..99.95 => 1,
                _ => 0,
            };
            let mut text = format!("{value:.digits$}");
            if digits > 0 {
                text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
            }
            return format!("{text}{unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.0}EB")
}

/// A moment as Go prints it.
pub(super) fn moment(time: Time) -> String {
    match jiff::Timestamp::from_second(time.seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => String::new(),
    }
}

/// A moment as documents have it.
pub(super) fn document_time(time: Time) -> String {
    crate::oci::format_time(time.seconds, time.nanoseconds)
}

/// What `until=` takes: how long ago (`24h`, `1h30m`), seconds since 1970, or a date with or without a time.
pub(super) fn until(text: &str, now: Time) -> Result<Time, Usage> {
    let at = |seconds| Time {
        seconds,
        nanoseconds: 0,
    };
    if let Some(ago) = go_duration(text) {
        return Ok(Time {
            seconds: now.seconds.saturating_sub(ago),
            ..now
        });
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(at(seconds));
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(at(time.as_second()));
    }
    let local = text.parse::<jiff::civil::DateTime>().ok();
    let time = local.and_then(|it| format!("{it}Z").parse::<jiff::Timestamp>().ok());
    let time = time.ok_or_else(|| {
        Usage::new(format!(
            "`until={text}`: want how long ago, as in `24h`, or a time, as in `2026-01-31T12:00:00Z`"
        ))
    })?;
    Ok(at(time.as_second()))
}

/// Whole seconds of `1h30m`; days, as `7d`, are our own addition.
fn go_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut seconds = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len() - digits);
        let (unit, after) = rest[digits..].split_at(unit);
        seconds += number
            * match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = after;
    }
    (!text.is_empty() && seconds < 1e15).then_some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time {
            seconds,
            nanoseconds: 0,
        }
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, text) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (59, "59 seconds"),
            (61, "About a minute"),
            (3_000, "50 minutes"),
            (4_000, "About an hour"),
            (7_200, "2 hours"),
            (200_000, "2 days"),
            (1_300_000, "2 weeks"),
            (10_000_000, "3 months"),
            (100_000_000, "3 years"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1kB"),
            (1_536, "1.54kB"),
            (72_800_000, "72.8MB"),
            (999_600, "1MB"),
            (141_200_000, "141MB"),
            (2_000_000_000_000, "2TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn until_takes_durations_and_times() {
        let now = at(1_000_000);
        for (text, seconds) in [
            ("24h", 1_000_000 - 86_400),
            ("1h30m", 1_000_000 - 5_400),
            ("7d", 1_000_000 - 604_800),
            ("0s", 1_000_000),
            ("1234", 1234),
            ("1970-01-02T00:00:00Z", 86_400),
            ("1970-01-02", 86_400),
            ("1970-01-02T00:00:01", 86_401),
        ] {
            assert_eq!(until(text, now).unwrap().seconds, seconds, "{text}");
        }
        for bad in ["", "h", "1x", "tomorrow", "1970-13-01", "9e99h"] {
            assert!(until(bad, now).is_err(), "{bad}");
        }
    }
}
