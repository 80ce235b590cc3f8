//! JSON arrays of strings, with the place of each member.
//!
//! Follows the decoder that BuildKit uses: half surrogates become U+FFFD instead of failing, and nesting
//! deeper than 10,000 is not JSON. Members that aren't strings are only checked, on a stack of our own.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, digit0, digit1, one_of, satisfy};
use nom::combinator::{map, opt, recognize, value};
use nom::multi::fold_many0;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// Nesting at which the text no longer counts as JSON.
const DEEPEST: usize = 10_000;

/// What a text is, as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Array<'a> {
    /// An array of strings: each as written, with its quotes, and decoded.
    Strings(Vec<(&'a str, String)>),
    /// An array with another kind of member, which is given as written.
    Mixed(&'a str),
    /// Not JSON, or not an array.
    No,
}

/// Reads `text` as a JSON array of strings.
pub(super) fn array(text: &str) -> Array<'_> {
    let Some(mut rest) = text.trim_start().strip_prefix('[').map(blanks) else {
        return Array::No;
    };
    let mut strings = Vec::new();
    let mut odd = None;
    if let Some(after) = rest.strip_prefix(']') {
        return if blanks(after).is_empty() {
            Array::Strings(strings)
        } else {
            Array::No
        };
    }
    loop {
        let after = match string(rest) {
            Ok((after, decoded)) => {
                strings.push((&rest[..rest.len() - after.len()], decoded));
                after
            }
            Err(_) => {
                let Some(after) = any(rest) else { return Array::No };
                odd.get_or_insert(&rest[..rest.len() - after.len()]);
                after
            }
        };
        let after = blanks(after);
        if let Some(after) = after.strip_prefix(',') {
            rest = blanks(after);
            continue;
        }
        return match (after.strip_prefix(']').map(blanks), odd) {
            (Some(""), Some(odd)) => Array::Mixed(odd),
            (Some(""), None) => Array::Strings(strings),
            _ => Array::No,
        };
    }
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// A string with its quotes, decoded.
fn string(text: &str) -> IResult<&str, String> {
    let plain = take_while1(|c: char| c >= ' ' && c != '"' && c != '\\');
    let escaped = preceded(char('\\'), escape);
    let part = alt((map(plain, Part::Text), map(escaped, Part::Unit)));
    delimited(char('"'), fold_many0(part, Decoder::default, Decoder::push), char('"'))
        .map(Decoder::finish)
        .parse(text)
}

/// What follows a backslash: a character, as UTF-16 has it.
fn escape(text: &str) -> IResult<&str, u16> {
    let hex = preceded(
        char('u'),
        take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit()).map_opt(|digits| u16::from_str_radix(digits, 16).ok()),
    );
    alt((
        value(0x22, char('"')),
        value(0x5c, char('\\')),
        value(0x2f, char('/')),
        value(0x08, char('b')),
        value(0x0c, char('f')),
        value(0x0a, char('n')),
        value(0x0d, char('r')),
        value(0x09, char('t')),
        hex,
    ))
    .parse(text)
}

/// A piece of a string.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Text(&'a str),
    Unit(u16),
}

/// Puts a string together; halves of surrogate pairs wait for their other half.
#[derive(Debug, Default)]
struct Decoder {
    text: String,
    high: Option<u16>,
}

impl Decoder {
    fn push(mut self, part: Part<'_>) -> Self {
        let high = self.high.take();
        match part {
            Part::Unit(low @ 0xdc00..=0xdfff) if high.is_some() => {
                let pair = high.into_iter().chain([low]);
                self.text.extend(char::decode_utf16(pair).flatten());
                return self;
            }
            Part::Unit(unit @ 0xd800..=0xdbff) => self.high = Some(unit),
            _ => {}
        }
        if high.is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        match part {
            Part::Text(text) => self.text.push_str(text),
            Part::Unit(0xd800..=0xdbff) => {}
            Part::Unit(unit) => self
                .text
                .push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
        self
    }

    fn finish(mut self) -> String {
        if self.high.is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.text
    }
}

/// Passes over a value of any kind; `None` when it is malformed or nested too deeply.
fn any(mut text: &str) -> Option<&str> {
    let mut nests: Vec<char> = Vec::new();
    let key = |text| -> Option<&str> {
        let after = skip_string(text)?;
        Some(blanks(blanks(after).strip_prefix(':')?))
    };
    loop {
        if let Some(after) = text.strip_prefix('[').map(blanks) {
            nests.push(']');
            text = after;
            if !text.starts_with(']') && nests.len() < DEEPEST {
                continue;
            }
        } else if let Some(after) = text.strip_prefix('{').map(blanks) {
            nests.push('}');
            text = after;
            if !text.starts_with('}') && nests.len() < DEEPEST {
                text = key(text)?;
                continue;
            }
        } else {
            text = scalar(text)?;
        }
        // The outermost array is one level more.
        if nests.len() >= DEEPEST {
            return None;
        }
        // A value has ended, and perhaps what it stands in.
        loop {
            let Some(close) = nests.last().copied() else {
                return Some(text);
            };
            text = blanks(text);
            if let Some(after) = text.strip_prefix(close) {
                nests.pop();
                text = after;
                continue;
            }
            text = blanks(text.strip_prefix(',')?);
            if close == '}' {
                text = key(text)?;
            }
            break;
        }
    }
}

fn skip_string(text: &str) -> Option<&str> {
    string(text).ok().map(|(after, _)| after)
}

/// Passes over a string, a number or a word.
fn scalar(text: &str) -> Option<&str> {
    let whole = alt((tag("0"), recognize((satisfy(|c| matches!(c, '1'..='9')), digit0))));
    let fraction = opt((char('.'), digit1));
    let exponent = opt((one_of("eE"), opt(one_of("+-")), digit1));
    let number = recognize((opt(char('-')), whole, fraction, exponent));
    let mut word = alt((tag("true"), tag("false"), tag("null"), number));
    let read: IResult<&str, &str> = word.parse(text);
    match read {
        Ok((after, _)) => Some(after),
        Err(_) => skip_string(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Option<Vec<String>> {
        match array(text) {
            Array::Strings(strings) => Some(strings.into_iter().map(|(_, decoded)| decoded).collect()),
            _ => None,
        }
    }

    #[test]
    fn decodes_strings() {
        for (text, expected) in [
            ("[]", &[] as &[&str]),
            (" [ ] ", &[]),
            (r#"["a","b"]"#, &["a", "b"]),
            (r#"[ "a" , "" ]"#, &["a", ""]),
            (r#"["\"\\\/\b\f\n\r\t"]"#, &["\"\\/\u{8}\u{c}\n\r\t"]),
            (r#"["\u00e9\ud83d\udc33"]"#, &["é🐳"]),
            (
                r#"["\ud800","\udc00x","\ud800\ud83d\udc33"]"#,
                &["\u{fffd}", "\u{fffd}x", "\u{fffd}🐳"],
            ),
        ] {
            let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(strings(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn tells_other_members_from_other_texts() {
        for text in [
            r#"["a",1]"#,
            "[null]",
            r#"[{"a":[{}, true, -0.5e+3]}, "b"]"#,
            "[[]]",
            "[1e9]",
            r#"[{"\ud800":""}]"#,
        ] {
            assert!(matches!(array(text), Array::Mixed(_)), "{text}");
        }
        for text in [
            "",
            "[",
            "a",
            "['a']",
            r#"["a",]"#,
            r#"["a"] x"#,
            r#"["a" "b"]"#,
            r#"["a"#,
            "[01]",
            "[1.]",
            "[+1]",
            "[{1:2}]",
            r#"["\x"]"#,
            r#"["\u12"]"#,
            "[\"a\tb\"]",
            "[truee]",
            "[}",
            r#"["a"}"#,
            "[-z foo ] && exit",
        ] {
            assert_eq!(array(text), Array::No, "{text}");
        }
    }

    #[test]
    fn depth_has_a_limit_and_uses_no_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(matches!(array(&nested(DEEPEST)), Array::Mixed(_)));
        assert!(matches!(array(&nested(DEEPEST + 1)), Array::No));
        assert!(matches!(array(&"[".repeat(1_000_000)), Array::No));
    }
}
