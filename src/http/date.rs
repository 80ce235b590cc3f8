//! The times of HTTP.

use jiff::fmt::rfc2822::DateTimeParser;

/// Reads a time such as `Fri, 13 Feb 2009 23:31:30 GMT` as seconds since 1970.
pub fn parse_date(text: &str) -> Option<i64> {
    static PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    PARSER.parse_timestamp(text.trim()).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse_date("Fri, 13 Feb 2009 23:31:30 GMT"), Some(1_234_567_890));
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_date("yesterday"), None);
        assert_eq!(parse_date(""), None);
    }
}
