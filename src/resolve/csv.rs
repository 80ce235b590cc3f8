//! One line of comma separated fields, as `--mount` is written.

/// Why a text is not a line of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// A quote inside a field that does not begin with one.
    #[error("a quote stands inside a field that does not begin with one")]
    BareQuote,
    /// Something between the closing quote and the comma, or no closing quote.
    #[error("a quoted field does not end with a quote before the comma")]
    Unclosed,
}

/// Splits a line at commas; a field in double quotes may hold commas, and a doubled quote in it stands for one.
pub fn csv_fields(line: &str) -> Result<Vec<String>, CsvError> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut inside = quoted;
            loop {
                let (part, after) = inside.split_once('"').ok_or(CsvError::Unclosed)?;
                field.push_str(part);
                inside = after;
                match after.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        inside = after;
                    }
                    None => break,
                }
            }
            fields.push(field);
            match inside.strip_prefix(',') {
                Some(next) => rest = next,
                None if inside.is_empty() => return Ok(fields),
                None => return Err(CsvError::Unclosed),
            }
        } else {
            let (field, next) = match rest.split_once(',') {
                Some((field, next)) => (field, Some(next)),
                None => (rest, None),
            };
            if field.contains('"') {
                return Err(CsvError::BareQuote);
            }
            fields.push(field.to_owned());
            match next {
                Some(next) => rest = next,
                None => return Ok(fields),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split() {
        for (line, want) in [
            ("a=1,b", Ok(vec!["a=1", "b"])),
            ("", Ok(vec![""])),
            ("a,", Ok(vec!["a", ""])),
            ("\"a=x,y\",b", Ok(vec!["a=x,y", "b"])),
            ("\"a=\"\"q\"\"\"", Ok(vec!["a=\"q\""])),
            ("a=\"x\"", Err(CsvError::BareQuote)),
            ("\"a", Err(CsvError::Unclosed)),
            ("\"a\"b,c", Err(CsvError::Unclosed)),
        ] {
            let want = want.map(|fields| fields.into_iter().map(String::from).collect());
            assert_eq!(csv_fields(line), want, "{line}");
        }
    }
}
