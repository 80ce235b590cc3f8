//! `# key=value` lines at the top of the file.

use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{alphanumeric0, satisfy};
use nom::combinator::{recognize, rest};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::lines::Lines;
use super::tree::Directive;
use crate::diagnostic::Diagnostic;

/// The keys that mean something. Any other ends the zone of directives.
const KEYS: [&str; 3] = ["syntax", "escape", "check"];

/// Takes the directives off `lines`; gives them and the escape character.
pub(super) fn read(lines: &mut Lines<'_>, diagnostics: &mut Vec<Diagnostic>) -> (Vec<Directive>, char) {
    let mut directives: Vec<Directive> = Vec::new();
    let mut escape = '\\';
    // A file made executable: the line itself is a comment, and `escape` is not looked for below it.
    let interpreter = lines.peek().is_some_and(|line| line.content.starts_with("#!"));
    if interpreter {
        lines.advance();
    }
    while let Some(line) = lines.peek() {
        let Ok((_, (key, raw))) = directive(line.content.trim_start()) else {
            break;
        };
        let key = key.to_ascii_lowercase();
        if !KEYS.contains(&key.as_str()) || raw.is_empty() {
            break;
        }
        lines.advance();
        let value = raw.trim();
        if directives.iter().any(|earlier| earlier.key == key) {
            diagnostics.push(
                Diagnostic::error(
                    "duplicate-directive",
                    line.span(),
                    format!("only one `{key}` directive can be used"),
                )
                .help("remove all but the first"),
            );
            continue;
        }
        if key == "escape" {
            match value {
                _ if interpreter => diagnostics.push(Diagnostic::warning(
                    "ineffective-directive",
                    line.span(),
                    "`escape` has no effect below a `#!` line",
                )),
                "\\" => escape = '\\',
                "`" => escape = '`',
                _ => {
                    let message = match value {
                        "" => "a blank can't be the escape character".to_owned(),
                        _ => format!("`{value}` can't be the escape character"),
                    };
                    diagnostics.push(
                        Diagnostic::error("bad-escape", line.span(), message)
                            .help("it is either a backslash or a backtick"),
                    );
                }
            }
        }
        directives.push(Directive {
            key,
            value: value.to_owned(),
            span: line.span(),
        });
    }
    (directives, escape)
}

/// `# key = value`: the key, and the value with the blanks around it.
fn directive(line: &str) -> IResult<&str, (&str, &str)> {
    let blanks = || take_while(char::is_whitespace);
    let key = recognize((satisfy(|c| c.is_ascii_alphabetic()), alphanumeric0));
    preceded((tag("#"), blanks()), (terminated(key, (blanks(), tag("="))), rest)).parse(line)
}
