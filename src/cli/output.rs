//! Reading `-o` and other comma-separated specifications.

use super::failure::Usage;

/// Splits `a=b,c="d,e"` as comma-separated values do: a field that is quoted as a whole may hold commas, and two
/// quotes in it stand for one.
pub(super) fn fields(spec: &str) -> Result<Vec<(String, Option<String>)>, Usage> {
    let mut fields = Vec::new();
    let mut rest = spec;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                match chars.next() {
                    None => return Err(Usage::new(format!("`{spec}`: a quote is not closed"))),
                    Some((_, '"')) if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                        chars.next();
                        field.push('"');
                    }
                    Some((at, '"')) => break at + 1,
                    Some((_, c)) => field.push(c),
                }
            };
            (field, &quoted[end..])
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        match field.split_once('=') {
            // Keys of annotations are the user's own.
            Some((key, value)) if key.trim().starts_with("annotation") => {
                fields.push((key.trim().to_owned(), Some(value.to_owned())));
            }
            Some((key, value)) => fields.push((key.trim().to_lowercase(), Some(value.to_owned()))),
            None => fields.push((field.trim().to_owned(), None)),
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(Usage::new(format!("`{spec}`: text after a closing quote"))),
        }
    }
}

/// A size such as `64m`, in bytes; units are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, Usage> {
    let bad = || {
        Usage::new(format!(
            "`{text}` is not a size; write a number, or one with a unit as in `64m`"
        ))
    };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].to_ascii_lowercase().trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    let whole = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let broken = || {
        let number: f64 = digits.parse().ok().filter(|_| plain(digits) && digits.contains('.'))?;
        Some(number * unit as f64)
            .filter(|bytes| *bytes < i64::MAX as f64)
            .map(|bytes| bytes as u64)
    };
    whole.or_else(broken).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(spec: &str) -> Vec<String> {
        fields(spec)
            .unwrap()
            .into_iter()
            .map(|(key, value)| format!("{key}:{}", value.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn fields_are_split_at_commas_outside_quotes() {
        assert_eq!(split("type=oci,dest=a.tar"), ["type:oci", "dest:a.tar"]);
        assert_eq!(
            split("type=oci,\"dest=a,b\"\"c.tar\",TAR=false"),
            ["type:oci", "dest:a,b\"c.tar", "tar:false"]
        );
        assert_eq!(split("out"), ["out:"]);
        assert!(fields("\"a=b").is_err());
        assert!(fields("\"a=b\"c").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("128m").unwrap(), 128 << 20);
        assert_eq!(size("5").unwrap(), 5);
        assert_eq!(size("1.5k").unwrap(), 1536);
        for bad in ["", "m", ".", "1..5g", "1e3", "inf", "1x", "-1", "99999999999g"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
