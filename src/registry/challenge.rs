//! What a server wants to see before it answers (RFC 9110, 11.6.1).

/// One way to prove oneself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In small letters.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter by its name in small letters.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(it, _)| it == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// Reads a `WWW-Authenticate` header, which may hold several challenges. What can't be read is left out.
pub(super) fn read(text: &str) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            // An equals sign without a name: nothing behind it can be trusted.
            return all;
        }
        match (after.trim_start().strip_prefix('='), all.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, left) = self::value(value.trim_start());
                challenge.parameters.push((word.to_ascii_lowercase(), value));
                rest = left;
            }
            (Some(_), None) => return all,
            (None, _) => {
                all.push(Challenge {
                    scheme: word.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                rest = after;
            }
        }
    }
}

/// A word, or text in quotes with backslashes; and what follows.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, letter) in quoted.char_indices() {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (value, &quoted[at + 1..]),
            letter => {
                escaped = false;
                value.push(letter);
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_are_read() {
        let read = read(
            "Negotiate abc==, BEARER Realm=\"https://t/x?a=b,c\" , service=reg,scope=\"repository:a/b:pull,push\", basic realm=\"a \\\"b\\\"\"",
        );
        let schemes: Vec<&str> = read.iter().map(|it| it.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "bearer", "basic"]);
        assert_eq!(read[1].get("realm"), Some("https://t/x?a=b,c"));
        assert_eq!(read[1].get("service"), Some("reg"));
        assert_eq!(read[1].get("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(read[2].get("realm"), Some("a \"b\""));
        assert_eq!(read[2].get("service"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c=\", \\\\é]{0,40}") {
            read(&text);
        }
    }
}
