//! Finds variables in text.

use super::Role;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// As the builder reads words: the escape character escapes, and nothing is a variable between single quotes.
    Words(char),
    /// As the builder reads a heredoc: a backslash escapes.
    Heredoc,
    /// As shells read it. Between single quotes may be the text of another shell, so these mean nothing.
    Shell,
}

/// Calls `found` with beginning and end of every name that `$` or `${` stands in front of, or that a shell sets.
/// Comment lines but the first line are passed over in an instruction that is `continued`.
pub(super) fn uses(text: &str, mode: Mode, continued: bool, found: &mut impl FnMut(usize, usize, Role)) {
    let escape = match mode {
        Mode::Words(escape) => escape,
        _ => '\\',
    };
    let mut at = 0;
    let mut is_quoted = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        if continued && number > 0 && line.trim_start().starts_with('#') {
            continue;
        }
        let mut before = ' ';
        let mut chars = line.char_indices().peekable();
        while let Some((here, c)) = chars.next() {
            if c == escape && !is_quoted {
                before = c;
                // At the end of a line it joins lines.
                if chars.next_if(|(_, next)| !matches!(next, '\r' | '\n')).is_some() {
                    before = 'x';
                }
                continue;
            }
            match c {
                '\'' if matches!(mode, Mode::Words(_)) => is_quoted = !is_quoted,
                '$' if !is_quoted => {
                    chars.next_if(|(_, next)| *next == '{');
                    let from = chars.peek().map_or(line.len(), |(next, _)| *next);
                    let to = from + name_length(&line[from..]);
                    if to > from {
                        found(start + from, start + to, Role::Reads);
                        while chars.next_if(|(next, _)| *next < to).is_some() {}
                    }
                    before = 'x';
                    continue;
                }
                _ if mode == Mode::Shell && is_boundary(before) => {
                    let to = here + name_length(&line[here..]);
                    if to > here && line[to..].starts_with('=') {
                        found(start + here, start + to, Role::Writes);
                    }
                }
                _ => {}
            }
            before = c;
        }
    }
}

fn is_boundary(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | '{' | '`' | '"' | '\'')
}

/// How long the name is that `text` begins with, which may be no name at all.
fn name_length(text: &str) -> usize {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => text.find(|c| !is_inner(c)).unwrap_or(text.len()),
        false => 0,
    }
}

/// Whether `text` is the name of a variable and nothing else.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && name_length(text) == text.len()
}

/// Where the value of `from` stands in a `--mount`, when it is written as it is meant.
pub(super) fn field(flag: &str, value: &str) -> Option<usize> {
    let key = "from=";
    let mut found = None;
    for (at, _) in flag.to_ascii_lowercase().match_indices(key) {
        let begins = flag[..at].ends_with(['=', ',']);
        let from = at + key.len();
        let rest = flag[from..].strip_prefix(value);
        if begins && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(',')) {
            found = Some(from);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, mode: Mode) -> Vec<String> {
        let mut all = Vec::new();
        uses(text, mode, true, &mut |from, to, role| {
            all.push(format!(
                "{}{}",
                &text[from..to],
                if role == Role::Writes { "=" } else { "" }
            ));
        });
        all
    }

    #[test]
    fn variables_are_found_where_they_count() {
        let words = Mode::Words('\\');
        assert_eq!(
            all("$a ${b:-$c} \\$d '$e' \"$f\" $1 $$ ${} $", words),
            ["a", "b", "c", "f"]
        );
        assert_eq!(all("`$a \\$b", Mode::Words('`')), ["b"]);
        assert_eq!(all("x \\\n# $a\n $b \\\r\n  # $c\n$d", words), ["b", "d"]);
        assert_eq!(
            all("A=1 B=$A && sh -c 'C=$B' dd if=x; x.D=1 --e=2 é=3", Mode::Shell),
            ["A=", "B=", "A", "C=", "B", "if="]
        );
        assert_eq!(all("it's $a \\$b", Mode::Heredoc), ["a"]);
    }

    #[test]
    fn the_source_of_a_mount_has_a_place() {
        assert_eq!(field("--mount=type=bind,from=tools,target=/x", "tools"), Some(23));
        assert_eq!(field("--mount=FROM=a,from=b", "b"), Some(20));
        assert_eq!(field("--mount=xfrom=a", "a"), None);
        assert_eq!(field("--mount=\"from=a\"", "a"), None);
    }
}
