//! Edits that rules need again and again.

use super::Edit;
use super::shell::plain_words;
use crate::diagnostic::Span;
use crate::dockerfile::Instruction;
use crate::lint::Document;

impl Edit {
    /// Puts a word behind the one at `span`, on the same line, so that continuations stay as they are.
    pub fn insert_word(span: Span, word: &str) -> Self {
        Self::insert(span.end, format!(" {word}"))
    }

    /// Takes the word at `span` of `text` away, with the blanks before it on its line, or else behind it.
    pub fn delete_word(text: &str, span: Span) -> Self {
        let (start, end) = (span.start as usize, span.end as usize);
        let before = text[..start].trim_end_matches([' ', '\t']);
        let line_begins = before.is_empty() || before.ends_with('\n');
        if before.len() < start && !line_begins {
            return Self::delete(Span::new(before.len() as u32, span.end));
        }
        let behind = text[end..].trim_start_matches([' ', '\t']);
        Self::delete(Span::new(span.start, (text.len() - behind.len()) as u32))
    }

    /// Takes away the lines of `text` that `span` stands on.
    pub fn delete_lines(text: &str, span: Span) -> Self {
        let start = text[..span.start as usize].rfind('\n').map_or(0, |end| end + 1);
        let rest = &text[span.end as usize..];
        let end = span.end as usize + rest.find('\n').map_or(rest.len(), |end| end + 1);
        // At the end of a file without a final line end, that of the line above goes.
        let start = match end == text.len() && !text.ends_with('\n') && start > 0 {
            true => text[..start].trim_end_matches(['\n', '\r']).len(),
            false => start,
        };
        Self::delete(Span::new(start as u32, end as u32))
    }

    /// Puts a line of its own above `instruction` and the comments that stand directly above it, for these are about
    /// the instruction, or about the line below them.
    pub fn insert_above(document: &Document<'_>, instruction: &Instruction, line: &str) -> Self {
        let text = document.source.text();
        // What is at the top of a file has to stay there.
        let directives = &document.parsed.dockerfile.directives;
        let top = directives.last().map_or(0, |last| last.span.end as usize);
        let bom = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
        let mut start = line_start(instruction.span.start as usize);
        while start > 0 {
            let above = line_start(start - 1);
            let comment = text[above..start].trim();
            if !comment.starts_with('#') || comment.starts_with("#!") || above < top {
                break;
            }
            start = above;
        }
        Self::insert(start.max(bom) as u32, format!("{line}\n"))
    }

    /// Puts `character` on both sides of what stands at `span`.
    pub fn surround(span: Span, character: char) -> [Self; 2] {
        [Self::insert(span.start, character), Self::insert(span.end, character)]
    }
}

/// The text of a shell form written as the JSON array of an exec form; `None` when a shell would do more with it than
/// splitting it into words.
pub fn exec_form(text: &str) -> Option<String> {
    let words = plain_words(text)?;
    let words: Vec<String> = words.iter().map(|word| json_string(word)).collect();
    Some(format!("[{}]", words.join(", ")))
}

/// A JSON string, quotes included.
fn json_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if c < ' ' => string.push_str(&format!("\\u{:04x}", c as u32)),
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dockerfile::parse;
    use crate::lint::{Fix, Options, apply};

    fn made(text: &str, edit: Edit) -> String {
        apply(text, &[Fix::safe("a fix", vec![edit])]).text
    }

    fn at(text: &str, part: &str) -> Span {
        let start = text.find(part).expect("the part is there") as u32;
        Span::new(start, start + part.len() as u32)
    }

    #[test]
    fn words_come_and_go() {
        let text = "RUN install \\\n  x y\n";
        assert_eq!(
            made(text, Edit::insert_word(at(text, "install"), "-y")),
            "RUN install -y \\\n  x y\n"
        );
        assert_eq!(
            made(text, Edit::delete_word(text, at(text, "y"))),
            "RUN install \\\n  x\n"
        );
        assert_eq!(
            made(text, Edit::delete_word(text, at(text, "x"))),
            "RUN install \\\n  y\n"
        );
    }

    #[test]
    fn lines_come_and_go() {
        let text = "A\r\nB x\r\nC";
        assert_eq!(made(text, Edit::delete_lines(text, at(text, "x"))), "A\r\nC");
        assert_eq!(made(text, Edit::delete_lines(text, at(text, "C"))), "A\r\nB x");
        assert_eq!(made(text, Edit::delete_lines(text, at(text, "A\r\nB"))), "C");
    }

    #[test]
    fn lines_are_put_above_comments() {
        for (text, expected) in [
            (
                "FROM a\r\n# c\r\n # d\r\nRUN x",
                "FROM a\r\nUSER u\r\n# c\r\n # d\r\nRUN x",
            ),
            ("FROM a\n# c\n\nRUN x\n", "FROM a\n# c\n\nUSER u\nRUN x\n"),
            ("# syntax=x\n# c\nRUN x\n", "# syntax=x\nUSER u\n# c\nRUN x\n"),
            ("\u{feff}RUN x\n", "\u{feff}USER u\nRUN x\n"),
        ] {
            let source = Source::new("Dockerfile", text);
            let parsed = parse(text);
            let options = Options::default();
            let document = Document::new(&source, &parsed, &options);
            let last = document.instructions().last().expect("an instruction");
            assert_eq!(made(text, Edit::insert_above(&document, last, "USER u")), expected);
        }
    }

    #[test]
    fn exec_forms_of_plain_words() {
        for (text, expected) in [
            ("a  -b c", Some(r#"["a", "-b", "c"]"#)),
            (r#"a "b c" 'd"e' f\ g"#, Some(r#"["a", "b c", "d\"e", "f g"]"#)),
            ("a $b", None),
            ("a '$b'", Some(r#"["a", "$b"]"#)),
            ("a && b", None),
            ("a > b", None),
            ("a *", None),
            ("A=b c", None),
            ("exec a", None),
            ("a 'b", None),
            ("", None),
        ] {
            assert_eq!(exec_form(text).as_deref(), expected, "{text}");
        }
    }
}
