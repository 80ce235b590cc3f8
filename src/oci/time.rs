//! Times as documents write them: RFC 3339, in UTC, with as many digits after the point as are needed.

use jiff::Timestamp;

/// The first second of the year 1; Go's zero time, and the first that all readers take.
const FIRST: i64 = -62_135_596_800;

/// Formats seconds since 1970 and nanoseconds. What RFC 3339 can't say becomes the nearest that it can.
pub fn format_time(seconds: i64, nanoseconds: u32) -> String {
    let seconds = seconds.max(FIRST);
    let nanoseconds = i32::try_from(nanoseconds.min(999_999_999)).unwrap_or_default();
    Timestamp::new(seconds, nanoseconds)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

/// Reads a time in any offset: seconds since 1970, and nanoseconds counted forward from there.
pub fn parse_time(text: &str) -> Option<(i64, u32)> {
    let time: Timestamp = text.parse().ok()?;
    let (mut seconds, mut nanoseconds) = (time.as_second(), time.subsec_nanosecond());
    if nanoseconds < 0 {
        seconds -= 1;
        nanoseconds += 1_000_000_000;
    }
    Some((seconds, u32::try_from(nanoseconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        for (time, text) in [
            ((0, 0), "1970-01-01T00:00:00Z"),
            ((1_700_000_000, 0), "2023-11-14T22:13:20Z"),
            ((1_700_000_000, 120_000_000), "2023-11-14T22:13:20.12Z"),
            ((1_700_000_000, 1), "2023-11-14T22:13:20.000000001Z"),
            ((-1, 500_000_000), "1969-12-31T23:59:59.5Z"),
        ] {
            assert_eq!(format_time(time.0, time.1), text);
            assert_eq!(parse_time(text), Some(time));
        }
        assert_eq!(parse_time("2023-11-14T23:13:20+01:00"), Some((1_700_000_000, 0)));
        assert_eq!(
            parse_time("0001-01-01T00:00:00Z").map(|(seconds, _)| seconds < 0),
            Some(true)
        );
        assert_eq!(parse_time("yesterday"), None);
        assert!(format_time(i64::MAX, u32::MAX).starts_with("9999-"));
        assert!(format_time(i64::MIN, 0).starts_with("0001-01-01T"));
    }
}
