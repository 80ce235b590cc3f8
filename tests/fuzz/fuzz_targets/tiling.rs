//! What holds of every tree: spans lie in the text, and between instructions there is nothing to read.

use varve::diagnostic::{Source, Span};
use varve::dockerfile::{Body, Dockerfile, Instruction, Parsed, Word};

/// Panics where the tree of `text` has a wrong place.
pub(crate) fn check(text: &str, parsed: &Parsed) {
    for diagnostic in &parsed.diagnostics {
        if let Some(span) = diagnostic.span {
            slice(text, span);
        }
    }
    let tree = &parsed.dockerfile;
    let source = Source::new("Dockerfile", text);
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut line = 0;
    for directive in &tree.directives {
        check_gap(tree, slice(text, Span::new(at, directive.span.start)));
        at = directive.span.end;
    }
    for instruction in &tree.instructions {
        check_gap(tree, slice(text, Span::new(at, instruction.span.start)));
        at = instruction.span.end;
        assert!(
            line < instruction.lines.0,
            "{instruction:?} begins on a line that is taken"
        );
        assert!(instruction.lines.0 <= source.position(instruction.span.start).line);
        let last = instruction.span.end.max(1) - 1;
        assert!(source.position(last).line <= instruction.lines.1);
        line = instruction.lines.1;
        check_instruction(text, instruction);
    }
    check_gap(tree, slice(text, Span::new(at, text.len() as u32)));
}

/// Between instructions stand blanks, comments and escape characters without a line to continue.
fn check_gap(tree: &Dockerfile, gap: &str) {
    for line in gap.split('\n') {
        let line = line.trim();
        let escape = line.strip_prefix(tree.escape).is_some_and(|rest| rest.is_empty());
        assert!(line.is_empty() || line.starts_with('#') || escape, "lost: {line:?}");
    }
}

fn check_instruction(text: &str, instruction: &Instruction) {
    slice(text, instruction.span);
    let inside = |span: Span| {
        slice(text, span);
        assert!(
            instruction.span.start <= span.start && span.end <= instruction.span.end,
            "{span:?}"
        );
    };
    check_word(text, &instruction.name);
    inside(instruction.name.span);
    for flag in &instruction.flags {
        inside(flag.span);
    }
    let mut last = instruction
        .flags
        .last()
        .map_or(instruction.name.span.end, |flag| flag.span.end);
    for word in words(&instruction.body) {
        inside(word.span);
        assert!(last <= word.span.start, "{word:?} stands before its predecessor");
        last = word.span.end;
        if !matches!(instruction.body, Body::Json(_)) && !is_json(&instruction.body) {
            check_word(text, word);
        }
    }
    for heredoc in &instruction.heredocs {
        inside(heredoc.span);
        inside(heredoc.body_span);
        assert_eq!(slice(text, heredoc.body_span), heredoc.raw_body);
        assert!(heredoc.body.len() <= heredoc.raw_body.len());
    }
    if let Body::Onbuild(inner) = &instruction.body {
        inside(inner.span);
        check_instruction(text, inner);
    }
}

fn is_json(body: &Body) -> bool {
    matches!(body, Body::Healthcheck { command, .. } if matches!(**command, Body::Json(_)))
}

fn words(body: &Body) -> Vec<&Word> {
    match body {
        Body::Words(words) | Body::Json(words) => words.iter().collect(),
        Body::Shell(word) => vec![word],
        Body::Pairs { pairs, .. } => pairs
            .iter()
            .flat_map(|pair| [Some(&pair.key), pair.value.as_ref()])
            .flatten()
            .collect(),
        Body::Healthcheck { kind, command } => {
            let mut all = vec![kind];
            all.extend(words(command));
            all
        }
        Body::Onbuild(_) | Body::Missing => Vec::new(),
    }
}

/// A word on one line reads as it is written.
fn check_word(text: &str, word: &Word) {
    let written = slice(text, word.span);
    if !written.contains('\n') {
        assert_eq!(written, word.text);
    }
}

fn slice(text: &str, span: Span) -> &str {
    assert!(span.start <= span.end, "{span:?} is turned round");
    text.get(span.start as usize..span.end as usize)
        .unwrap_or_else(|| panic!("{span:?} is no place in {text:?}"))
}
