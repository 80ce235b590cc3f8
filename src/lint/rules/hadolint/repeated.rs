//! What the rules about instructions that count once have in common.

use crate::dockerfile::Keyword;
use crate::lint::rules::fixes;
use crate::lint::{Document, Findings};

/// Finds every `keyword` of a stage but the first.
pub(super) fn find(document: &Document<'_>, keyword: Keyword, findings: &mut Findings) {
    let name = keyword.name();
    for stage in document.stages() {
        let all = document.instructions_of(stage).iter();
        let all: Vec<_> = all.filter(|instruction| instruction.keyword == Some(keyword)).collect();
        for pair in all.windows(2) {
            let [earlier, instruction] = pair else { continue };
            let message = format!("the stage has a `{name}` already, and only the last one counts");
            let finding = findings.add(instruction, instruction.name.span, message);
            finding.fix = fixes::without(document, earlier, name);
        }
    }
}
