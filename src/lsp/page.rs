//! An open file as it is now, and what is known of it.

use super::host::Rules;
use super::place::{Buffer, Encoding, Place, Range};
use super::uri;
use crate::diagnostic::{Source, Span};
use crate::dockerfile::{Instruction, Parsed, parse};
use crate::lint::{Document, Finding, lint, not_text, silence, too_large};
use std::cell::OnceCell;
use std::path::PathBuf;

/// Bytes of a file that is looked at.
const LARGEST: usize = 4 << 20;

/// An open file as it is now.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) uri: String,
    /// Counted by the client.
    pub(super) version: i64,
    pub(super) encoding: Encoding,
    pub(super) buffer: Buffer,
    rules: Rules,
    facts: OnceCell<Facts>,
    findings: OnceCell<Vec<Finding>>,
}

#[derive(Debug)]
struct Facts {
    source: Source,
    parsed: Parsed,
    /// Why nobody looked at the file.
    refused: Option<Finding>,
}

impl Page {
    pub(super) fn new(uri: String, version: i64, text: String, encoding: Encoding, rules: Rules) -> Self {
        Self {
            uri,
            version,
            encoding,
            buffer: Buffer::new(text),
            rules,
            facts: OnceCell::new(),
            findings: OnceCell::new(),
        }
    }

    /// The file's path, unless it was never saved.
    pub(super) fn path(&self) -> Option<PathBuf> {
        uri::path(&self.uri)
    }

    /// Replaces a part of the text, or all of it.
    pub(super) fn change(&mut self, range: Option<Range>, new: &str) {
        match range {
            Some(range) => self.buffer.change(range, new, self.encoding),
            None => self.buffer = Buffer::new(new.to_owned()),
        }
        self.facts = OnceCell::new();
        self.findings = OnceCell::new();
    }

    /// Sets what holds for the file; says whether that is something else than before.
    pub(super) fn set_rules(&mut self, rules: Rules) -> bool {
        let differs = self.rules != rules;
        if differs {
            self.rules = rules;
            self.findings = OnceCell::new();
        }
        differs
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            let text = self.buffer.text();
            let refused = match text.len() > LARGEST {
                true => Some(too_large(text.as_bytes(), LARGEST)),
                false => not_text(text.as_bytes()),
            };
            let name = uri::name(&self.uri);
            let (text, refused) = match refused {
                Some((_, finding)) => (String::new(), Some(finding)),
                None => (text.to_owned(), None),
            };
            Facts {
                parsed: parse(&text),
                source: Source::new(name, text),
                refused,
            }
        })
    }

    /// The text as it was parsed: empty when nobody looks at it.
    pub(super) fn text(&self) -> &str {
        self.facts().source.text()
    }

    pub(super) fn parsed(&self) -> &Parsed {
        &self.facts().parsed
    }

    pub(super) fn escape(&self) -> char {
        self.parsed().dockerfile.escape
    }

    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.parsed().dockerfile.instructions
    }

    /// Why nobody looks at the file.
    pub(super) fn refused(&self) -> Option<&Finding> {
        self.facts().refused.as_ref()
    }

    pub(super) fn document(&self) -> Document<'_> {
        let facts = self.facts();
        Document::new(&facts.source, &facts.parsed, &self.rules.options)
    }

    /// What the rules find and comments do not silence.
    pub(super) fn findings(&self) -> &[Finding] {
        self.findings.get_or_init(|| match self.refused() {
            Some(finding) => vec![finding.clone()],
            None => self.look(&self.facts().source, self.parsed()),
        })
    }

    /// The same for another text.
    pub(super) fn look(&self, source: &Source, parsed: &Parsed) -> Vec<Finding> {
        let document = Document::new(source, parsed, &self.rules.options);
        let findings = lint(&document, &self.rules.selection);
        match self.rules.ignore_comments {
            true => findings,
            false => silence(&document, &self.rules.selection, findings),
        }
    }

    /// The index of the instruction on whose lines the byte at `offset` is.
    pub(super) fn instruction_at(&self, offset: u32) -> Option<usize> {
        let line = self.facts().source.position(offset).line;
        let instructions = self.instructions();
        let after = instructions.partition_point(|one| one.lines.0 <= line);
        let at = after.checked_sub(1)?;
        (instructions[at].lines.1 >= line).then_some(at)
    }

    pub(super) fn offset(&self, place: Place) -> u32 {
        self.buffer.offset(place, self.encoding)
    }

    pub(super) fn range(&self, span: Span) -> Range {
        self.buffer.range(span, self.encoding)
    }

    /// The text at `span`.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.text()
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}
