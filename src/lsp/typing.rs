//! What is being typed, as far as it goes.

use super::page::Page;
use crate::dockerfile::Keyword;

/// Where the cursor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typing<'a> {
    /// In a comment line; what stands between `#` and the cursor.
    Comment(&'a str),
    /// In the body of a heredoc of the instruction with this index.
    Heredoc(usize, &'a str),
    /// In an instruction, or where one can begin.
    Instruction(Words<'a>),
}

/// An instruction up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words<'a> {
    /// Its index, or that of the next one.
    pub(super) index: usize,
    /// Which it is; the inner one of ONBUILD. `None` while the keyword is being typed.
    pub(super) keyword: Option<Keyword>,
    /// Whether ONBUILD stands in front.
    pub(super) is_trigger: bool,
    /// Complete flags.
    pub(super) flags: Vec<String>,
    /// Complete words behind the flags.
    pub(super) words: Vec<String>,
    /// The word in front of the cursor, which may be empty.
    pub(super) current: &'a str,
}

/// What is being typed at `offset`.
pub(super) fn at(page: &Page, offset: u32) -> Option<Typing<'_>> {
    let text = page.text();
    let offset = offset as usize;
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = &before[line_start..];
    let instructions = page.instructions();
    let index = page.instruction_at(offset as u32).or_else(|| continued(page, before));
    let Some((index, instruction)) = index.and_then(|at| Some((at, instructions.get(at)?))) else {
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            return Some(Typing::Comment(comment));
        }
        let index = instructions.partition_point(|one| (one.span.start as usize) < offset);
        let words = Words {
            index,
            current: line.trim_start(),
            ..Words::default()
        };
        return Some(Typing::Instruction(words));
    };
    if let Some(first) = instruction.heredocs.first()
        && offset >= first.body_span.start as usize
    {
        return Some(Typing::Heredoc(index, last_word(line)));
    }
    let start = instruction.span.start as usize;
    if start > line_start && line.trim_start().starts_with('#') {
        return None;
    }
    let Some(typed) = text.get(start..offset) else {
        // In front of the keyword.
        let words = Words {
            index,
            current: line.trim_start(),
            ..Words::default()
        };
        return Some(Typing::Instruction(words));
    };
    let joined = join(typed, page.escape());
    let mut all: Vec<&str> = joined.split_whitespace().collect();
    let current = match joined.ends_with(char::is_whitespace) || all.is_empty() {
        true => &line[line.len()..],
        false => {
            all.pop();
            last_word(line)
        }
    };
    let mut words = Words {
        index,
        current,
        ..Words::default()
    };
    let mut all = all.into_iter().peekable();
    while words.keyword.is_none() {
        let Some(word) = all.next() else { break };
        match Keyword::parse(word) {
            Some(Keyword::Onbuild) if !words.is_trigger => words.is_trigger = true,
            // Nobody knows what may follow an unknown keyword.
            None => return None,
            keyword => words.keyword = keyword,
        }
    }
    while let Some(flag) = all.next_if(|word| word.starts_with("--")) {
        words.flags.push(flag.to_owned());
    }
    words.words = all.map(str::to_owned).collect();
    Some(Typing::Instruction(words))
}

/// The instruction that ends in a continuation right above an end of the file that holds nothing else.
fn continued(page: &Page, before: &str) -> Option<usize> {
    let at = page
        .instructions()
        .iter()
        .rposition(|one| (one.span.start as usize) < before.len())?;
    let rest = before.get(page.instructions()[at].span.start as usize..)?;
    let line_end = rest.rfind('\n')?;
    let above = rest[..line_end].trim_end();
    let is_open = above.ends_with(page.escape()) && rest[line_end..].trim().is_empty();
    (is_open && page.instructions()[at].heredocs.is_empty()).then_some(at)
}

fn last_word(line: &str) -> &str {
    let from = line
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    &line[from..]
}

/// Lines as one, without comment lines and continuations. The last line is not at its end.
fn join(typed: &str, escape: char) -> String {
    let mut joined = String::with_capacity(typed.len());
    for (number, line) in typed.split('\n').enumerate() {
        if number > 0 && line.trim_start().starts_with('#') {
            continue;
        }
        let trimmed = line.trim_end();
        match trimmed.strip_suffix(escape) {
            Some(rest) => joined.push_str(rest),
            None => joined.push_str(line),
        }
    }
    joined
}
