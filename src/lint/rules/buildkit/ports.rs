//! What EXPOSE comes to.

use crate::diagnostic::Span;
use crate::dockerfile::Keyword;
use crate::lint::Document;

/// Every port of an EXPOSE that a build would do, with variables replaced: its line, the word that names it, itself.
pub(super) fn of<'d>(document: &'d Document<'_>) -> impl Iterator<Item = (u32, Span, &'d str)> {
    let steps = document.scopes().steps.iter();
    steps
        .filter(|step| step.instruction.keyword == Some(Keyword::Expose))
        .flat_map(|step| step.words.iter().map(|(span, port)| (step.line, *span, port.as_str())))
}

/// The container's part of a port, behind address and port of the host.
pub(super) fn last(port: &str) -> &str {
    port.rsplit(':').next().unwrap_or(port)
}
