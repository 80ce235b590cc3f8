//! Fixes that rules of several families offer.

use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Word};
use crate::lint::{Document, Edit, Fix, exec_form, words};

/// A MAINTAINER as the label that says the same; `None` where quotes, variables or continuations make it unsure.
pub(super) fn as_label(document: &Document<'_>, maintainer: &Instruction) -> Option<Fix> {
    let Body::Words(words) = &maintainer.body else {
        return None;
    };
    let [name] = words.as_slice() else { return None };
    if name.text.contains(['$', '\\', '`', '\n']) || document.text(name.span) != name.text {
        return None;
    }
    let inner = name.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = inner.filter(|inner| !inner.contains('"')).unwrap_or(&name.text);
    let label = format!(
        "LABEL org.opencontainers.image.authors=\"{}\"",
        name.replace('"', "\\\"")
    );
    let edits = vec![Edit::replace(maintainer.span, label)];
    Some(Fix::safe("write it as a label", edits))
}

/// A shell form as a JSON array. It is safe when no ENTRYPOINT or CMD gets other words by it, which `alone` tells.
pub(super) fn as_array(document: &Document<'_>, command: &Word, alone: bool) -> Option<Fix> {
    if document.text(command.span) != command.text {
        return None;
    }
    let title = "write it as a JSON array";
    let edits = vec![Edit::replace(command.span, exec_form(&command.text)?)];
    Some(match alone {
        true => Fix::safe(title, edits),
        false => Fix::unsafe_(title, edits),
    })
}

/// Takes away the lines of an instruction that has no effect; `None` where comments stand in it.
pub(super) fn without(document: &Document<'_>, instruction: &Instruction, name: &str) -> Option<Fix> {
    let mut lines = document.text(instruction.span).lines().skip(1);
    if lines.any(|line| line.trim_start().starts_with('#')) {
        return None;
    }
    let edit = Edit::delete_lines(document.source.text(), instruction.span);
    Some(Fix::safe(format!("remove the `{name}` that is replaced"), vec![edit]))
}

/// Takes `--platform` away: unsafe, unless it says what holds without it.
pub(super) fn without_platform(document: &Document<'_>, flag: Span, says_nothing: bool) -> Option<Fix> {
    let edits = vec![words::without(document, flag)?];
    Some(match says_nothing {
        true => Fix::safe("remove `--platform`", edits),
        false => Fix::unsafe_("remove `--platform`", edits),
    })
}

/// Makes a relative path begin at the root, which is where it ends up when nothing sets another directory.
pub(super) fn at_root(document: &Document<'_>, path: &Word) -> Option<Fix> {
    let text = path.text.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    // A decoded member of a JSON array stands between quotes.
    let written = document.text(path.span);
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let (start, inner) = match inner {
        Some(inner) => (path.span.start + 1, inner),
        None => (path.span.start, written),
    };
    let text = text.trim_matches('"');
    if text != inner || text.is_empty() || !text.chars().all(plain) || text.split('/').any(|part| part == "..") {
        return None;
    }
    let edit = match (inner, inner.strip_prefix("./")) {
        ("." | "./", _) => Edit::replace(Span::new(start, start + inner.len() as u32), "/"),
        (_, Some(_)) => Edit::delete(Span::new(start, start + 1)),
        _ => Edit::insert(start, "/"),
    };
    Some(Fix::unsafe_("begin at the root", vec![edit]))
}
