//! Second pass: one logical line becomes an instruction in the form that its keyword takes.

use super::json::{self, Array};
use super::lines::Logical;
use super::rules;
use super::tree::{Body, Flag, Instruction, Keyword, Pair, Word};
use super::words::{self, FlagWord};
use crate::diagnostic::{Diagnostic, Span};

/// Reads one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) line: &'a Logical<'a>,
    pub(super) escape: char,
}

impl<'a> Reader<'a> {
    /// The instruction, without its heredocs.
    pub(super) fn instruction(self, diagnostics: &mut Vec<Diagnostic>) -> Instruction {
        let mut instruction = self.nested(self.line.text.trim(), false, diagnostics);
        instruction.doc.clone_from(&self.line.doc);
        instruction
    }

    fn nested(self, text: &'a str, inside_onbuild: bool, diagnostics: &mut Vec<Diagnostic>) -> Instruction {
        let (name, arguments) = words::cut_word(text);
        let keyword = Keyword::parse(name);
        let (flags, rest) = match keyword {
            Some(_) => words::flag_words(arguments),
            None => (Vec::new(), arguments),
        };
        let body = match keyword {
            Some(Keyword::Onbuild) if inside_onbuild => Body::Missing,
            Some(keyword) => self.body(keyword, rest, diagnostics),
            None => Body::Missing,
        };
        Instruction {
            span: self.line.span(text),
            lines: self.line.lines,
            name: self.word(name),
            keyword,
            flags: flags.into_iter().map(|flag| self.flag(flag)).collect(),
            body,
            heredocs: Vec::new(),
            text: text.to_owned(),
            rest: rest.to_owned(),
            doc: None,
        }
    }

    fn body(self, keyword: Keyword, rest: &'a str, diagnostics: &mut Vec<Diagnostic>) -> Body {
        match keyword {
            Keyword::Run | Keyword::Cmd | Keyword::Entrypoint => self.command(rest, diagnostics),
            _ if rest.is_empty() => Body::Missing,
            Keyword::Shell => self.command(rest, diagnostics),
            Keyword::Add | Keyword::Copy | Keyword::Volume => {
                self.json(rest, diagnostics).unwrap_or_else(|| self.words(rest))
            }
            Keyword::From | Keyword::Expose => self.words(rest),
            Keyword::User | Keyword::Workdir | Keyword::Stopsignal | Keyword::Maintainer => {
                Body::Words(vec![self.word(rest)])
            }
            Keyword::Env | Keyword::Label => self.settings(rest),
            Keyword::Arg => {
                let words = words::quoted_words(rest, self.escape);
                self.pairs(words)
            }
            Keyword::Healthcheck => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (kind, command) = rest.split_at(end);
                let command = command.trim_start();
                let command = match command.is_empty() {
                    true => Body::Missing,
                    false => self.command(command, diagnostics),
                };
                Body::Healthcheck {
                    kind: self.word(kind),
                    command: Box::new(command),
                }
            }
            Keyword::Onbuild => Body::Onbuild(Box::new(self.nested(rest, true, diagnostics))),
        }
    }

    /// A JSON array, or else the text for a shell.
    fn command(self, text: &'a str, diagnostics: &mut Vec<Diagnostic>) -> Body {
        self.json(text, diagnostics)
            .unwrap_or_else(|| Body::Shell(self.word(text)))
    }

    /// A JSON array of strings; `None` when the text isn't JSON, which is no error.
    fn json(self, text: &'a str, diagnostics: &mut Vec<Diagnostic>) -> Option<Body> {
        match json::array(text) {
            Array::Strings(strings) => Some(Body::Json(
                strings
                    .into_iter()
                    .map(|(raw, text)| Word {
                        text,
                        span: self.line.span(raw),
                    })
                    .collect(),
            )),
            Array::Mixed(member) => {
                diagnostics.push(rules::not_a_string(self.line.span(member)));
                Some(Body::Missing)
            }
            Array::No => None,
        }
    }

    fn words(self, text: &'a str) -> Body {
        Body::Words(words::plain_words(text).map(|word| self.word(word)).collect())
    }

    /// ENV and LABEL: the first word decides between `key=value …` and `key rest of line`.
    fn settings(self, rest: &'a str) -> Body {
        let words = words::quoted_words(rest, self.escape);
        if words.first().is_some_and(|word| word.contains('=')) {
            return self.pairs(words);
        }
        let (key, value) = words::cut_word(rest);
        let pair = Pair {
            key: self.word(key),
            value: (!value.is_empty()).then(|| self.word(value)),
        };
        Body::Pairs {
            pairs: vec![pair],
            legacy: true,
        }
    }

    fn pairs(self, words: Vec<&'a str>) -> Body {
        if words.is_empty() {
            return Body::Missing;
        }
        let pairs = words.into_iter().map(|word| match word.split_once('=') {
            Some((key, value)) => Pair {
                key: self.word(key),
                value: Some(self.word(value)),
            },
            None => Pair {
                key: self.word(word),
                value: None,
            },
        });
        Body::Pairs {
            pairs: pairs.collect(),
            legacy: false,
        }
    }

    fn flag(self, flag: FlagWord<'a>) -> Flag {
        let text = flag.text.strip_prefix("--").unwrap_or(&flag.text);
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Flag {
            name: name.to_owned(),
            value,
            span: self.span(flag.raw),
        }
    }

    fn word(self, text: &'a str) -> Word {
        Word {
            text: text.to_owned(),
            span: self.span(text),
        }
    }

    fn span(self, text: &'a str) -> Span {
        self.line.span(text)
    }
}
