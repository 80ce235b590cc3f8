//! A tree as the official parser shows it.

use serde_json::{Value, json};

use super::tree::{Body, Dockerfile, Instruction, Keyword, Pair, Word};

/// The instructions as an array of `{cmd, flags, value, start_line, end_line, json}`, as the official parser has
/// them. An ONBUILD shows the values of its inner instruction.
pub fn ast_json(dockerfile: &Dockerfile) -> Value {
    dockerfile.instructions.iter().map(instruction).collect()
}

fn instruction(instruction: &Instruction) -> Value {
    let flags: Vec<String> = instruction
        .flags
        .iter()
        .map(|flag| match &flag.value {
            Some(value) => format!("--{}={value}", flag.name),
            None => format!("--{}", flag.name),
        })
        .collect();
    json!({
        "cmd": instruction.name.text,
        "flags": flags,
        "value": values(instruction.keyword, &instruction.body),
        "start_line": instruction.lines.0,
        "end_line": instruction.lines.1,
        "json": is_json(&instruction.body),
    })
}

fn values(keyword: Option<Keyword>, body: &Body) -> Vec<String> {
    let text = |word: &Word| word.text.clone();
    match body {
        Body::Words(words) | Body::Json(words) => words.iter().map(text).collect(),
        Body::Shell(word) if word.text.is_empty() => Vec::new(),
        Body::Shell(word) => vec![text(word)],
        Body::Pairs { pairs, .. } if keyword == Some(Keyword::Arg) => pairs.iter().map(assignment).collect(),
        Body::Pairs { pairs, .. } => pairs
            .iter()
            .flat_map(|pair| [Some(&pair.key), pair.value.as_ref()])
            .flatten()
            .map(text)
            .collect(),
        Body::Healthcheck { kind, command } => {
            let mut all = vec![text(kind)];
            all.extend(values(keyword, command));
            all
        }
        Body::Onbuild(inner) => values(inner.keyword, &inner.body),
        Body::Missing => Vec::new(),
    }
}

fn assignment(pair: &Pair) -> String {
    match &pair.value {
        Some(value) => format!("{}={}", pair.key.text, value.text),
        None => pair.key.text.clone(),
    }
}

fn is_json(body: &Body) -> bool {
    match body {
        Body::Json(_) => true,
        Body::Healthcheck { command, .. } => is_json(command),
        Body::Onbuild(inner) => is_json(&inner.body),
        _ => false,
    }
}
