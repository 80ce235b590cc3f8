//! Finds `<<NAME` on a logical line.
//!
//! Words are split as a POSIX shell would: quotes and `${}` hold blanks together.
//! A backslash escapes whatever the file's escape character is, for the text is the shell's.

/// The word that begins a heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    /// The whole word on the line.
    pub(super) word: &'a str,
    /// Without quotes; never empty.
    pub(super) name: String,
    pub(super) expand: bool,
    pub(super) strip_tabs: bool,
    pub(super) descriptor: Option<u32>,
}

/// The heredocs that begin on `line`, in order.
///
/// A line whose quotes or braces stay open has none, as in BuildKit. Unlike there, a shift inside
/// arithmetic, `$((1 << 2))`, is not taken for one.
pub(super) fn openings(line: &str) -> Vec<Opening<'_>> {
    if !line.contains("<<") {
        return Vec::new();
    }
    let words = match split(line, true) {
        Err(Open::Arithmetic) => split(line, false),
        other => other,
    };
    words.unwrap_or_default().into_iter().filter_map(opening).collect()
}

/// What was still open when the line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Quote,
    Arithmetic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nest {
    /// Inside `"`.
    Double,
    /// Inside `${`; `quoted` when that stands inside `"`, where a `'` means nothing.
    Brace { quoted: bool },
    /// Inside `((`, with that many parentheses open.
    Arithmetic(u32),
}

/// The words of `line` that hold `<<`.
fn split(line: &str, arithmetic: bool) -> Result<Vec<&str>, Open> {
    let mut words = Vec::new();
    let mut nests: Vec<Nest> = Vec::new();
    let mut word = None;
    let mut marked = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let nest = nests.last().copied();
        if nest.is_none() && c.is_whitespace() {
            if let (Some(start), true) = (word.take(), marked) {
                words.push(&line[start..at]);
            }
            marked = false;
            continue;
        }
        let begins = word.is_none();
        word.get_or_insert(at);
        match (c, nest) {
            ('\\', _) => {
                chars.next();
            }
            ('"', Some(Nest::Double)) => {
                nests.pop();
            }
            ('"', _) => nests.push(Nest::Double),
            ('\'', Some(Nest::Double | Nest::Brace { quoted: true })) => {}
            ('\'', _) => {
                chars.find(|(_, c)| *c == '\'').ok_or(Open::Quote)?;
            }
            ('$', _) if next == Some('{') => {
                chars.next();
                let quoted = matches!(nest, Some(Nest::Double | Nest::Brace { quoted: true }));
                nests.push(Nest::Brace { quoted });
            }
            ('}', Some(Nest::Brace { .. })) => {
                nests.pop();
            }
            ('$', None) if arithmetic && line[at..].starts_with("$((") => {
                chars.next();
                chars.next();
                nests.push(Nest::Arithmetic(2));
            }
            ('(', None) if arithmetic && begins && next == Some('(') => {
                chars.next();
                nests.push(Nest::Arithmetic(2));
            }
            ('(', Some(Nest::Arithmetic(open))) => {
                nests.pop();
                nests.push(Nest::Arithmetic(open + 1));
            }
            (')', Some(Nest::Arithmetic(open))) => {
                nests.pop();
                if open > 1 {
                    nests.push(Nest::Arithmetic(open - 1));
                }
            }
            ('<', None) if next == Some('<') => {
                chars.next();
                marked = true;
                // `<< NAME` and `<<- NAME` are one word.
                if chars.peek().is_some_and(|(_, c)| *c == '-') {
                    chars.next();
                }
                while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
            }
            _ => {}
        }
    }
    match nests.first() {
        Some(Nest::Arithmetic(_)) => return Err(Open::Arithmetic),
        Some(_) => return Err(Open::Quote),
        None => {}
    }
    if let (Some(start), true) = (word, marked) {
        words.push(&line[start..]);
    }
    Ok(words)
}

/// Reads a word as `[digits]<<[-][blanks]NAME`.
fn opening(word: &str) -> Option<Opening<'_>> {
    let after_digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &word[..word.len() - after_digits.len()];
    let rest = after_digits.strip_prefix("<<")?;
    let (rest, strip_tabs) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let rest = rest.trim_start();
    if rest.contains('<') {
        return None;
    }
    let (name, quoted) = unquote(rest);
    (!name.is_empty()).then(|| Opening {
        word: word.trim_end(),
        name,
        expand: !quoted,
        strip_tabs,
        descriptor: (!digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX)),
    })
}

/// The name without quotes and escapes, and whether there were quotes. Variables stay as written.
fn unquote(raw: &str) -> (String, bool) {
    let mut name = String::with_capacity(raw.len());
    let mut quoted = false;
    let mut quote = None;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'', None) | ('"', None) => {
                quoted = true;
                quote = Some(c);
            }
            (_, Some(open)) if c == open => quote = None,
            ('\\', None) => name.extend(chars.next()),
            ('\\', Some('"')) => match chars.next_if(|next| matches!(next, '"' | '$' | '\\')) {
                Some(next) => name.push(next),
                None => name.push(c),
            },
            _ => name.push(c),
        }
    }
    (name, quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        openings(line).into_iter().map(|opening| opening.name).collect()
    }

    #[test]
    fn words_that_begin_heredocs() {
        for (line, expected) in [
            ("RUN <<EOF", &["EOF"] as &[&str]),
            ("RUN cat <<A && cat <<B", &["A", "B"]),
            ("RUN cat << A", &["A"]),
            ("RUN cat <<- A", &["A"]),
            ("RUN 3<<A cat", &["A"]),
            ("RUN <<'A B' cat", &["A B"]),
            ("RUN <<A'B'\"C\"\\D", &["ABCD"]),
            ("RUN <<$X", &["$X"]),
            ("RUN <<${X}", &["${X}"]),
            ("RUN echo ${a[0]} <<A", &["A"]),
            ("RUN echo \"${x:-it's}\" <<A", &["A"]),
            ("RUN echo $((1 << 2)) <<A", &["A"]),
            ("RUN ((x = 1 << 2)) || cat <<A", &["A"]),
            ("RUN echo '<<A'", &[]),
            ("RUN echo \"<<A\"", &[]),
            ("RUN a<<A", &[]),
            ("RUN <<<A", &[]),
            ("RUN <<''", &[]),
            ("RUN <<", &[]),
            ("RUN echo don't <<A", &[]),
            ("RUN echo ${x <<A", &[]),
            ("RUN \\<<A", &[]),
            ("RUN echo $((1 <<A", &["A"]),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn quotes_switch_expansion_off() {
        for (line, expand) in [("<<A", true), ("<<'A'", false), ("<<A\"\"", false), ("<<\\A", true)] {
            assert_eq!(openings(line)[0].expand, expand, "{line}");
        }
    }

    #[test]
    fn nesting_does_not_use_the_stack() {
        let line = "${a:-".repeat(200_000) + "<<A";
        assert_eq!(names(&line), Vec::<String>::new());
    }
}
