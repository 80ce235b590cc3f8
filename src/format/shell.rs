//! Cuts a shell's text into atoms: which blanks only separate words, and which belong to one.

use crate::dockerfile::{Body, Dockerfile, Keyword};
use std::ops::Range;

/// How the text of RUN and its like is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A shell of the POSIX family.
    Posix,
    /// cmd or PowerShell, possibly: only blanks that stand outside of any quotes in all of them are blanks.
    Windows,
}

impl Dialect {
    /// The dialect that is safe to assume for a whole file.
    pub fn of(dockerfile: &Dockerfile) -> Self {
        let other = |word: &str| {
            let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
            let name = name.strip_suffix(".exe").unwrap_or(&name);
            matches!(name, "cmd" | "powershell" | "pwsh")
        };
        let foreign = dockerfile.instructions.iter().any(|instruction| {
            instruction.keyword == Some(Keyword::Shell)
                && matches!(&instruction.body, Body::Json(words) if words.first().is_some_and(|word| other(&word.text)))
        });
        match foreign || dockerfile.escape == '`' {
            true => Self::Windows,
            false => Self::Posix,
        }
    }
}

/// What an atom is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Blanks between words.
    Blank,
    /// `;`, `&&`, `||`, `|`, `(`, `)`, a line feed and the like.
    Control,
    /// `<`, `>>`, `>&` and the like.
    Redirect,
    /// The beginning of a command substitution.
    Open,
    /// Its end.
    Close,
    /// A quote, which is no part of the word.
    Quote,
    /// Text in which `$` has its meaning and the shell splits words and looks for files.
    Plain,
    /// Text between double quotes.
    Double,
    /// Text between single quotes, or behind a backslash (which is part of the atom).
    Literal,
    /// From `#` to the end of the line.
    Comment,
}

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atom {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Cuts `text` into atoms that together are the text. Takes time in proportion to its length.
pub fn atoms(text: &str, dialect: Dialect) -> Vec<Atom> {
    match dialect {
        Dialect::Posix => Lexer::new(text).run(),
        Dialect::Windows => windows(text),
    }
}

/// What the text at some place stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Between double quotes.
    Double,
    /// In `${`; inside double quotes a single quote means nothing there.
    Brace { quoted: bool },
    /// In `$((`, with that many parentheses open.
    Arithmetic(u32),
    /// Where commands stand: after `$(`, `(` or a backtick. Inside of `case` a `)` ends a pattern.
    Commands {
        close: char,
        cases: u32,
        substitution: bool,
    },
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    frames: Vec<Frame>,
    /// `case` that are open outside of any frame.
    cases: u32,
    atoms: Vec<Atom>,
    /// Where the word began that is being read, if one is.
    word: Option<usize>,
    /// Whether a command's name may come next.
    command: bool,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            frames: Vec::new(),
            cases: 0,
            atoms: Vec::new(),
            word: None,
            command: true,
        }
    }

    fn run(mut self) -> Vec<Atom> {
        while let Some(c) = self.text[self.at..].chars().next() {
            match self.frames.last().copied() {
                Some(Frame::Double) => self.double(c),
                Some(Frame::Brace { quoted }) => self.brace(c, quoted),
                Some(Frame::Arithmetic(open)) => self.arithmetic(c, open),
                Some(Frame::Commands { .. }) | None => self.commands(c),
            }
        }
        self.atoms
    }

    fn next_is(&self, start: &str) -> bool {
        self.text[self.at..].starts_with(start)
    }

    /// Takes `bytes` of the text as one atom, or as more of the atom before.
    fn take(&mut self, kind: Kind, bytes: usize) {
        let end = (self.at + bytes).min(self.text.len());
        let joins = matches!(kind, Kind::Blank | Kind::Plain | Kind::Double);
        match self.atoms.last_mut() {
            Some(last) if joins && last.kind == kind && last.range.end == self.at => last.range.end = end,
            _ => self.atoms.push(Atom {
                kind,
                range: self.at..end,
            }),
        }
        self.at = end;
    }

    /// Bytes of the character behind the one at the current place, which has one byte.
    fn following(&self) -> usize {
        self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8)
    }

    /// Takes what `$` or a backtick begins; false when it begins nothing.
    fn expansion(&mut self, c: char, kind: Kind) -> bool {
        let quoted = matches!(self.frames.last(), Some(Frame::Double | Frame::Brace { quoted: true }));
        if c == '`' {
            self.open('`', 1);
        } else if self.next_is("$((") {
            self.take(kind, 3);
            self.frames.push(Frame::Arithmetic(2));
        } else if self.next_is("$(") {
            self.open(')', 2);
        } else if self.next_is("${") {
            self.take(kind, 2);
            self.frames.push(Frame::Brace { quoted });
        } else {
            return false;
        }
        true
    }

    fn open(&mut self, close: char, bytes: usize) {
        self.take(Kind::Open, bytes);
        self.frames.push(Frame::Commands {
            close,
            cases: 0,
            substitution: true,
        });
        self.word = None;
        self.command = true;
    }

    fn double(&mut self, c: char) {
        match c {
            '"' => {
                self.take(Kind::Quote, 1);
                self.frames.pop();
            }
            '\\' => self.take(Kind::Double, 1 + self.following()),
            '$' | '`' if self.expansion(c, Kind::Double) => {}
            _ => self.take(Kind::Double, c.len_utf8()),
        }
    }

    fn brace(&mut self, c: char, quoted: bool) {
        let kind = if quoted { Kind::Double } else { Kind::Plain };
        match c {
            '}' => {
                self.take(kind, 1);
                self.frames.pop();
            }
            '\\' => self.take(kind, 1 + self.following()),
            '\'' if !quoted => self.single(),
            '"' => {
                self.take(Kind::Quote, 1);
                self.frames.push(Frame::Double);
            }
            '$' | '`' if self.expansion(c, kind) => {}
            // Blanks in braces are not blanks between words.
            _ => self.take(kind, c.len_utf8()),
        }
    }

    fn arithmetic(&mut self, c: char, open: u32) {
        let set = |lexer: &mut Self, open: u32| {
            lexer.frames.pop();
            if open > 0 {
                lexer.frames.push(Frame::Arithmetic(open));
            }
        };
        match c {
            '(' => set(self, open.saturating_add(1)),
            ')' => set(self, open - 1),
            '"' => {
                self.take(Kind::Quote, 1);
                self.frames.push(Frame::Double);
                return;
            }
            '\'' => return self.single(),
            '\\' => return self.take(Kind::Plain, 1 + self.following()),
            '$' | '`' if self.expansion(c, Kind::Plain) => return,
            _ => {}
        }
        self.take(Kind::Plain, c.len_utf8());
    }

    /// From a single quote to the next one.
    fn single(&mut self) {
        let dollar = self.text[..self.at].ends_with('$') && self.atoms.last().is_some_and(|a| a.kind == Kind::Plain);
        self.take(Kind::Quote, 1);
        let rest = &self.text[self.at..];
        let mut escaped = false;
        let end = rest.find(|c| {
            // In `$'…'` a backslash takes the meaning of a quote away.
            let is_end = c == '\'' && !escaped;
            escaped = dollar && c == '\\' && !escaped;
            is_end
        });
        let length = end.unwrap_or(rest.len());
        if length > 0 {
            self.take(Kind::Literal, length);
        }
        if end.is_some() {
            self.take(Kind::Quote, 1);
        }
    }

    fn commands(&mut self, c: char) {
        let closes = matches!(self.frames.last(), Some(Frame::Commands { close: '`', .. }));
        match c {
            ' ' | '\t' | '\r' | '\u{b}' | '\u{c}' => {
                self.end_word();
                self.take(Kind::Blank, 1);
            }
            '#' if self.word.is_none() => {
                let rest = &self.text[self.at..];
                self.take(Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
            }
            '`' if closes => {
                self.end_word();
                self.close(Kind::Close);
            }
            ')' => {
                self.end_word();
                self.parenthesis();
            }
            '(' => {
                self.control(1);
                self.frames.push(Frame::Commands {
                    close: ')',
                    cases: 0,
                    substitution: false,
                });
            }
            '\n' => self.control(1),
            '&' if self.next_is("&>") => self.redirect(),
            ';' | '&' | '|' => {
                let double = [";;", "&&", "||", "|&", ";&"].into_iter().any(|two| self.next_is(two));
                self.control(if double { 2 } else { 1 });
            }
            '<' | '>' => self.redirect(),
            _ => self.word_part(c),
        }
    }

    fn word_part(&mut self, c: char) {
        self.word.get_or_insert(self.at);
        match c {
            '\\' => self.take(Kind::Literal, 1 + self.following()),
            '\'' => self.single(),
            '"' => {
                self.take(Kind::Quote, 1);
                self.frames.push(Frame::Double);
            }
            '$' | '`' if self.expansion(c, Kind::Plain) => {}
            _ => self.take(Kind::Plain, c.len_utf8()),
        }
    }

    /// A separator of commands.
    fn control(&mut self, bytes: usize) {
        self.end_word();
        self.take(Kind::Control, bytes);
        self.command = true;
    }

    fn redirect(&mut self) {
        let signs = ["<<<", "<<-", "&>>", "<<", "<&", "<>", ">>", ">&", ">|", "&>"];
        let bytes = signs
            .iter()
            .find(|sign| self.next_is(sign))
            .map_or(1, |sign| sign.len());
        self.word = None;
        self.take(Kind::Redirect, bytes);
    }

    fn parenthesis(&mut self) {
        match self.frames.last() {
            Some(Frame::Commands {
                close: ')',
                cases: 0,
                substitution,
            }) => {
                let kind = if *substitution { Kind::Close } else { Kind::Control };
                self.close(kind);
            }
            _ => {
                self.take(Kind::Control, 1);
                self.command = true;
            }
        }
    }

    fn close(&mut self, kind: Kind) {
        self.take(kind, 1);
        self.frames.pop();
        // The word that a substitution is part of goes on.
        self.word = (kind == Kind::Close).then_some(self.at);
        self.command = false;
    }

    fn end_word(&mut self) {
        let Some(start) = self.word.take() else { return };
        let word = &self.text[start..self.at];
        if self.command {
            let cases = match self.frames.last_mut() {
                Some(Frame::Commands { cases, .. }) => cases,
                _ => &mut self.cases,
            };
            match word {
                "case" => *cases += 1,
                "esac" => *cases = cases.saturating_sub(1),
                _ => {}
            }
        }
        self.command &= matches!(
            word,
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "time"
        );
    }
}

/// Blanks are blanks only where an even number of quotes of each kind stands before them, and no quote is escaped.
fn windows(text: &str) -> Vec<Atom> {
    let whole = |kind| {
        vec![Atom {
            kind,
            range: 0..text.len(),
        }]
    };
    let mut before = None;
    for c in text.chars() {
        if matches!(c, '"' | '\'') && matches!(before, Some('`' | '\\' | '^' | '@')) {
            return whole(Kind::Literal);
        }
        before = Some(c);
    }
    let mut atoms: Vec<Atom> = Vec::new();
    let (mut single, mut double) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => double = !double,
            '\'' => single = !single,
            _ => {}
        }
        let free = !single && !double && !text[..at].ends_with(['`', '^']);
        let kind = match c {
            ' ' | '\t' if free => Kind::Blank,
            '&' | '|' | ';' if free => Kind::Control,
            _ => Kind::Literal,
        };
        match atoms.last_mut() {
            Some(last) if last.kind == kind => last.range.end = at + c.len_utf8(),
            _ => atoms.push(Atom {
                kind,
                range: at..at + c.len_utf8(),
            }),
        }
    }
    atoms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with blanks between words drawn as `_` and what separates commands in angles.
    fn drawn(text: &str) -> String {
        let mut all = String::new();
        for atom in atoms(text, Dialect::Posix) {
            let part = &text[atom.range];
            match atom.kind {
                Kind::Blank => all.push('_'),
                Kind::Control => all.push_str(&format!("<{}>", part.escape_debug())),
                _ => all.push_str(part),
            }
        }
        all
    }

    #[test]
    fn blanks_in_quotes_belong_to_words() {
        for (text, expected) in [
            ("a  b", "a_b"),
            ("a 'b  c' \"d  e\"", "a_'b  c'_\"d  e\""),
            (r"a\  b", r"a\ _b"),
            (r#""a\" b" c"#, r#""a\" b"_c"#),
            ("\"$(a 'b  c' \"d  e\")  f\" g", "\"$(a_'b  c'_\"d  e\")  f\"_g"),
            ("`a  b` c", "`a_b`_c"),
            ("${a:-b  c} d", "${a:-b  c}_d"),
            ("\"${a:-it's  b}\" c", "\"${a:-it's  b}\"_c"),
            ("$(( 1 + (2) )) a", "$(( 1 + (2) ))_a"),
            ("a&&b ||c; d|e", "a<&&>b_<||>c<;>_d<|>e"),
            ("a >&2 2>/x &>y", "a_>&2_2>/x_&>y"),
            ("(a; b) c", "<(>a<;>_b<)>_c"),
            (
                "\"$(case x in a) b \"c  d\" ;; esac)\" e",
                "\"$(case_x_in_a<)>_b_\"c  d\"_<;;>_esac)\"_e",
            ),
            ("\"$(echo case)\" 'a  b' c", "\"$(echo_case)\"_'a  b'_c"),
            ("a # it's  b", "a_# it's  b"),
            ("a#b  c", "a#b_c"),
            (r"$'it\'s  a' b", r"$'it\'s  a'_b"),
            ("a=(b  c) d", "a=<(>b_c<)>_d"),
            ("a\n  b", "a<\\n>_b"),
            ("a 'b  c", "a_'b  c"),
            ("é \\é \\", "é_\\é_\\"),
        ] {
            assert_eq!(drawn(text), expected, "{text}");
        }
    }

    #[test]
    fn atoms_make_up_the_text() {
        for text in ["a 'b", "$((", "${", "`a", "a)b", "\\", "$", "a<<-b", "\"\\"] {
            for dialect in [Dialect::Posix, Dialect::Windows] {
                let all: String = atoms(text, dialect)
                    .iter()
                    .map(|atom| &text[atom.range.clone()])
                    .collect();
                assert_eq!(all, text);
            }
        }
    }
}
