//! Fixes what can be fixed, until nothing is left to do.

use super::apply::Merged;
use super::proof::{self, Refusal, Side};
use super::{Edit, Fix, Safety};
use crate::diagnostic::Source;
use crate::dockerfile::{Parsed, parse};
use crate::lint::finding::Finding;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Rounds after which a text is left as it is. Three were enough for every file seen.
const ROUNDS: usize = 50;

/// A text with fixes made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The new text.
    pub text: String,
    /// The fixes that were made, in the order in which that happened.
    pub made: Vec<Made>,
    /// The fixes that could not be proven to do no harm.
    pub refused: Vec<Refused>,
}

/// A fix that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The code of the rule.
    pub code: Cow<'static, str>,
    /// What was done.
    pub title: String,
}

/// A fix that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code of the rule.
    pub code: Cow<'static, str>,
    /// What was to be done.
    pub title: String,
    /// Line of the finding in the new text, counted from 1.
    pub line: u32,
    /// Why it was not.
    pub why: Refusal,
}

/// Makes the fixes that `find` offers for `text`, again and again until there is none left.
///
/// With [`Safety::Safe`] only safe fixes are made, and each only if it is proven to be; with [`Safety::Unsafe`] those
/// first, then the others, of which is proven that no other instruction changes. Repairing the result again changes
/// nothing. `name` is what `find` sees as the name of the file.
pub fn repair(
    name: &str,
    text: &str,
    safety: Safety,
    mut find: impl FnMut(&Source, &Parsed) -> Vec<Finding>,
) -> Repair {
    let mut made = Vec::new();
    let mut refused = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut now = Source::new(name, text);
    for _ in 0..ROUNDS {
        let parsed = parse(now.text());
        let findings = find(&now, &parsed);
        refused.clear();
        let round = Round {
            text: now.text(),
            parsed: &parsed,
            findings: &findings,
        };
        let mut step = round.step(Safety::Safe, &BTreeSet::new(), &mut refused);
        if step.is_none() && safety == Safety::Unsafe {
            // What could not be proven to be safe is no worse than what never was.
            refused.retain(|(_, why)| *why != Refusal::Unproven);
            let known: BTreeSet<usize> = refused.iter().map(|(at, _)| *at).collect();
            step = round.step(Safety::Unsafe, &known, &mut refused);
        }
        let Some((new, done)) = step else {
            return Repair {
                text: now.text().to_owned(),
                made,
                refused: report(&findings, &refused),
            };
        };
        made.extend(done.into_iter().map(|at| {
            Made {
                code: findings[at].code.clone(),
                title: findings[at]
                    .fix
                    .as_ref()
                    .map(|fix| fix.title.clone())
                    .unwrap_or_default(),
            }
        }));
        // Two rules that undo each other's work would go on forever; the least of their texts is as good as any.
        if let Some(first) = seen.iter().position(|earlier| *earlier == new) {
            let least = seen[first..].iter().min().cloned().unwrap_or(new);
            return Repair {
                text: least,
                made,
                refused: Vec::new(),
            };
        }
        seen.push(new.clone());
        now = Source::new(name, new);
    }
    // No end in sight: a text that is still changing is worth less than the one that was given.
    Repair {
        text: text.to_owned(),
        made: Vec::new(),
        refused: Vec::new(),
    }
}

fn report(findings: &[Finding], refused: &[(usize, Refusal)]) -> Vec<Refused> {
    let mut refused = refused.to_vec();
    refused.sort_unstable_by_key(|(at, _)| *at);
    let one = |&(at, why): &(usize, Refusal)| Refused {
        code: findings[at].code.clone(),
        title: findings[at]
            .fix
            .as_ref()
            .map(|fix| fix.title.clone())
            .unwrap_or_default(),
        line: findings[at].line,
        why,
    };
    refused.iter().map(one).collect()
}

/// A text with what was found in it.
struct Round<'a> {
    text: &'a str,
    parsed: &'a Parsed,
    findings: &'a [Finding],
}

impl Round<'_> {
    /// Makes what can be proven of the fixes that are as safe as wanted; the new text and the findings whose fixes
    /// are in it. `None` when nothing changes.
    fn step(
        &self,
        safety: Safety,
        without: &BTreeSet<usize>,
        refused: &mut Vec<(usize, Refusal)>,
    ) -> Option<(String, Vec<usize>)> {
        let wanted = |fix: &&Fix| (fix.safety == Safety::Safe || safety == Safety::Unsafe) && self.changes(fix);
        let offered = self.findings.iter().enumerate();
        let (mut owners, mut fixes): (Vec<usize>, Vec<&Fix>) = offered
            .filter(|(at, _)| !without.contains(at))
            .filter_map(|(at, finding)| Some((at, finding.fix.as_ref().filter(wanted)?)))
            .unzip();
        let old = Side {
            text: self.text,
            parsed: self.parsed,
        };
        for _ in 0..ROUNDS {
            let merged = Merged::new(self.text, &fixes);
            if merged.taken.is_empty() {
                return None;
            }
            let text = merged.splice(self.text);
            let parsed = parse(&text);
            let new = Side {
                text: &text,
                parsed: &parsed,
            };
            let bad = proof::refused(old, new, &fixes, &merged, safety);
            if bad.is_empty() {
                let done = merged.taken.iter().map(|&at| owners[at]).collect();
                return (text != self.text).then_some((text, done));
            }
            refused.extend(bad.iter().map(|(&at, &why)| (owners[at], why)));
            let keep = |at: &usize| !bad.contains_key(at);
            owners = (0..owners.len()).filter(keep).map(|at| owners[at]).collect();
            fixes = (0..fixes.len()).filter(keep).map(|at| fixes[at]).collect();
        }
        None
    }

    fn changes(&self, fix: &Fix) -> bool {
        let differs = |edit: &Edit| {
            let place = edit.span.start as usize..edit.span.end as usize;
            self.text.get(place) != Some(edit.text.as_str())
        };
        fix.edits.iter().any(differs)
    }
}
