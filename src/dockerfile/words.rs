//! Parsers for the small parts: blanks, words, quoted words, flags.

use nom::branch::alt;
use nom::bytes::complete::{take_till, take_while, take_while1};
use nom::character::complete::{anychar, char};
use nom::combinator::{eof, map, opt, peek, recognize, value};
use nom::multi::{fold_many0, many0_count, many1_count};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Separates words on a logical line. Line feeds are never in it; other blanks of Unicode are text.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}')
}

/// One word up to a blank, which is possibly empty, and what follows the blanks.
pub(super) fn cut_word(text: &str) -> (&str, &str) {
    let read: IResult<&str, &str> = terminated(take_till(is_blank), take_while(is_blank)).parse(text);
    read.map_or((text, ""), |(rest, word)| (word, rest))
}

/// Words between blanks; quotes mean nothing.
pub(super) fn plain_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}

/// Words as ENV, LABEL and ARG have them: quotes and the escape character hold blanks in.
/// Both stay in the word, but an escape character that ends the text is dropped.
pub(super) fn quoted_words(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Ok((after, word)) = quoted_word(rest, escape) {
        if !word.is_empty() {
            words.push(word);
        }
        rest = after.trim_start();
    }
    words
}

fn quoted_word(text: &str, escape: char) -> IResult<&str, &str> {
    let escaped = move || (char(escape), anychar);
    let double = (
        char('"'),
        many0_count(alt((
            value((), escaped()),
            value((), take_while1(move |c| c != '"' && c != escape)),
        ))),
        opt(char('"')),
    );
    let single = (char('\''), take_till(|c| c == '\''), opt(char('\'')));
    let plain = take_while1(move |c: char| !c.is_whitespace() && c != '"' && c != '\'' && c != escape);
    let part = alt((
        value((), escaped()),
        value((), double),
        value((), single),
        value((), plain),
    ));
    let lone_escape = terminated(char(escape), eof);
    alt((
        terminated(recognize(many1_count(part)), opt(lone_escape)),
        map(terminated(char(escape), eof), |_| ""),
    ))
    .parse(text)
}

/// A word of flags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FlagWord<'a> {
    /// As written.
    pub(super) raw: &'a str,
    /// Without quotes and backslashes, dashes included.
    pub(super) text: String,
}

/// Takes the words that begin with `--` off the front. A `--` alone ends them and is dropped.
pub(super) fn flag_words(text: &str) -> (Vec<FlagWord<'_>>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while let Ok((after, (text, raw))) = flag_word(rest) {
        rest = after;
        if text == "--" {
            break;
        }
        flags.push(FlagWord { raw, text });
        rest = rest.trim_start();
    }
    (flags, rest.trim())
}

/// In a flag the backslash escapes, whatever the file's escape character is, even inside quotes.
fn flag_word(text: &str) -> IResult<&str, (String, &str)> {
    let start = text;
    let escaped = || preceded(char('\\'), opt(anychar));
    let quoted = |quote: char| {
        let plain = map(take_while1(move |c| c != quote && c != '\\'), Piece::Text);
        let part = alt((plain, map(escaped(), Piece::Char)));
        preceded(
            char(quote),
            terminated(fold_many0(part, String::new, Piece::append), opt(char(quote))),
        )
    };
    let plain = take_while1(|c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\'));
    let part = alt((
        map(plain, Piece::Text),
        map(escaped(), Piece::Char),
        map(quoted('"'), Piece::Quoted),
        map(quoted('\''), Piece::Quoted),
    ));
    let word = fold_many0(part, String::new, Piece::append);
    let (rest, text) = preceded(peek((char('-'), char('-'))), word).parse(text)?;
    Ok((rest, (text, &start[..start.len() - rest.len()])))
}

/// A part of a flag.
#[derive(Debug)]
enum Piece<'a> {
    Text(&'a str),
    Char(Option<char>),
    Quoted(String),
}

impl Piece<'_> {
    fn append(mut word: String, piece: Self) -> String {
        match piece {
            Piece::Text(text) => word.push_str(text),
            Piece::Char(c) => word.extend(c),
            Piece::Quoted(text) => word.push_str(&text),
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        for (text, expected) in [
            ("a b", &["a", "b"] as &[&str]),
            ("a=\"x y\" b='q r'", &["a=\"x y\"", "b='q r'"]),
            (r"a\ b c", &[r"a\ b", "c"]),
            (r#"a="\"" b"#, &[r#"a="\"""#, "b"]),
            (r"a='\' b", &[r"a='\'", "b"]),
            (r"a=b\", &["a=b"]),
            (r#"a="b\"#, &[r#"a="b"#]),
            (r"\", &[]),
            ("a='b c", &["a='b c"]),
            ("''", &["''"]),
            ("", &[]),
        ] {
            assert_eq!(quoted_words(text, '\\'), expected, "{text}");
        }
        assert_eq!(quoted_words("a=C:\\ b` c", '`'), ["a=C:\\", "b` c"]);
    }

    #[test]
    fn flags_stop_at_the_first_other_word() {
        let read = |text| {
            let (flags, rest) = flag_words(text);
            let flags: Vec<String> = flags.into_iter().map(|flag| flag.text).collect();
            (flags, rest)
        };
        assert_eq!(read("--a --b=c d --e"), (vec!["--a".into(), "--b=c".into()], "d --e"));
        assert_eq!(read("-- --a"), (vec![], "--a"));
        assert_eq!(read("--a"), (vec!["--a".into()], ""));
        assert_eq!(read("-a b"), (vec![], "-a b"));
        assert_eq!(read(r#"--a="b c"'d'\ e f"#), (vec!["--a=b cd e".into()], "f"));
        assert_eq!(read(r"--a='b \' c' d"), (vec!["--a=b ' c".into()], "d"));
        assert_eq!(read(r#"--a="b"#), (vec!["--a=b".into()], ""));
        assert_eq!(read("--a=à b"), (vec!["--a=à".into()], "b"));
    }
}
