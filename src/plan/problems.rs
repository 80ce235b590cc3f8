//! Problems of a file that come from different rooms, put together: which follow from others, and in which order.

use super::Request;
use super::lower::{check, lower_on};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Instruction, Keyword};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is wrong with a file that has errors: `known` are those of its text, and with them come what
/// lowering would say of the rest, as far as that does not follow from them. Needs no image.
pub fn problems(request: &Request<'_>, known: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let instructions = &request.dockerfile.instructions;
    let mut problems = Vec::new();
    for instruction in instructions {
        check(instruction, &mut problems);
    }
    let broken: BTreeSet<usize> = known.iter().filter_map(|it| owner(instructions, it)).collect();
    // When it is not sure where stages begin, nothing can be said of their names.
    let stages_are_known = known.iter().all(|it| it.span.is_some())
        && broken
            .iter()
            .all(|it| !matches!(instructions[*it].keyword, None | Some(Keyword::From)));
    if stages_are_known {
        // What is broken may have set the variables of all that follows.
        let sets = |it: &usize| {
            matches!(
                instructions[*it].keyword,
                Some(Keyword::Arg | Keyword::Env | Keyword::Onbuild)
            )
        };
        let values_are_known = !broken.iter().any(sets);
        let sure = |it: &Diagnostic| {
            values_are_known || owner(instructions, it).is_none_or(|owner| !uses_variables(&instructions[owner]))
        };
        let more = lower_on(request, &BTreeMap::new(), known.clone())
            .err()
            .unwrap_or_default();
        problems.extend(more.into_iter().filter(sure));
    }
    problems.retain(|it| owner(instructions, it).is_none_or(|owner| !broken.contains(&owner)));
    problems.extend(known);
    in_order(problems)
}

/// The instruction that a problem is about.
pub(super) fn owner(instructions: &[Instruction], problem: &Diagnostic) -> Option<usize> {
    let start = problem.span?.start;
    let next = instructions.partition_point(|it| it.span.start <= start);
    let last = next.checked_sub(1)?;
    (start <= instructions[last].span.end).then_some(last)
}

pub(super) fn uses_variables(instruction: &Instruction) -> bool {
    instruction.text.contains('$') || instruction.heredocs.iter().any(|it| it.body.contains('$'))
}

/// Each once, in the order of the file.
pub(super) fn in_order(mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    problems.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
    problems.dedup();
    problems
}
