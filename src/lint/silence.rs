//! Takes out what comments silence, and finds comments that silence nothing.

use super::checks::Checks;
use super::codes::is_shellcheck;
use super::document::Document;
use super::finding::{Finding, Level};
use super::pragmas::{Pragma, Scope, pragmas};
use super::rule::{Family, Findings};
use super::rules::{find, rules, vv001};
use super::select::Selection;
use crate::diagnostic::Diagnostic;
use std::borrow::Cow;
use std::collections::HashMap;

/// What is left of `findings` (of [`lint`](super::lint), and ShellCheck's) after the comments of the document, sorted
/// by place.
///
/// A comment that names a rule silences its twin too. `# check=` is looked at where BuildKit's checks are. A file that
/// does not parse can't be silenced. What the comments silence in vain becomes findings of its own, as far as
/// `selection` wants them.
pub fn silence(document: &Document<'_>, selection: &Selection, mut findings: Vec<Finding>) -> Vec<Finding> {
    if selection.families.is_empty() || selection.families.contains(&Family::BuildKit) {
        match Checks::of(document) {
            Ok(checks) => findings.retain(|finding| !checks.silences(finding)),
            Err(diagnostic) => findings.push(malformed(document, diagnostic)),
        }
    }
    let (pragmas, _) = pragmas(document);
    let mut uses = Uses::new(&pragmas);
    findings.retain(|finding| !uses.silence(finding));
    if let Some(level) = selection.wants(&vv001::RULE) {
        let mut unused = Findings::new(&vv001::RULE);
        uses.unused(document, selection, &mut unused);
        findings.extend(unused.list.into_iter().filter_map(|finding| {
            let finding = Finding { level, ..finding };
            (!uses.silence(&finding)).then_some(finding)
        }));
    }
    findings.sort_by(|one, other| (one.span, &one.code).cmp(&(other.span, &other.code)));
    findings
}

/// A `# check=` that no builder takes, as what it is: a file that can't be built.
fn malformed(document: &Document<'_>, diagnostic: Diagnostic) -> Finding {
    let span = diagnostic.span.unwrap_or_default();
    Finding {
        code: Cow::Borrowed("DL1000"),
        level: Level::Error,
        message: diagnostic.message,
        span,
        line: document.source.position(span.start).line,
        help: diagnostic.help,
        fix: None,
    }
}

/// Which codes of which comments silenced something.
pub(super) struct Uses<'d, 'a> {
    pragmas: &'d [Pragma<'a>],
    /// The lines of the comments about stages, and the last lines that they are about.
    stages: Vec<(u32, u32)>,
    /// By place and code, whether it was of use.
    used: HashMap<Place, HashMap<&'d str, bool>>,
    /// By code of a finding: the codes that silence it.
    silencers: HashMap<String, Vec<&'static str>>,
}

/// The lines that a comment is about. Numbers are the comment's own line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    After(u32),
    Stage(u32),
    File,
}

impl From<&Pragma<'_>> for Place {
    fn from(pragma: &Pragma<'_>) -> Self {
        match pragma.scope {
            Scope::NextLine => Self::After(pragma.line),
            Scope::Stage(_) => Self::Stage(pragma.line),
            Scope::File => Self::File,
        }
    }
}

impl<'d, 'a> Uses<'d, 'a> {
    pub(super) fn new(pragmas: &'d [Pragma<'a>]) -> Self {
        let mut used: HashMap<Place, HashMap<&str, bool>> = HashMap::new();
        for pragma in pragmas {
            let codes = pragma.codes.iter().map(|(code, _)| (code.as_str(), false));
            used.entry(pragma.into()).or_default().extend(codes);
        }
        let stages = pragmas.iter().filter_map(|pragma| match pragma.scope {
            Scope::Stage(last) => Some((pragma.line, last)),
            _ => None,
        });
        Self {
            pragmas,
            stages: stages.collect(),
            used,
            silencers: HashMap::new(),
        }
    }

    /// Whether a comment silences `finding`; all that do are remembered.
    pub(super) fn silence(&mut self, finding: &Finding) -> bool {
        if finding.code == "DL1000" {
            return false;
        }
        let line = finding.line;
        // They don't overlap.
        let stage = self.stages.partition_point(|(comment, _)| comment + 1 < line);
        let stage = stage.checked_sub(1).and_then(|at| self.stages.get(at));
        let places = [
            Some(Place::After(line.wrapping_sub(1))),
            stage
                .filter(|(_, last)| line <= *last)
                .map(|(comment, _)| Place::Stage(*comment)),
            Some(Place::File),
        ];
        if !self.silencers.contains_key(finding.code.as_ref()) {
            self.silencers.insert(finding.code.to_string(), twins(&finding.code));
        }
        let twins = &self.silencers[finding.code.as_ref()];
        let mut silenced = false;
        for place in places.into_iter().flatten() {
            let Some(used) = self.used.get_mut(&place) else {
                continue;
            };
            for code in twins.iter().copied().chain([finding.code.as_ref()]) {
                if let Some(used) = used.get_mut(code) {
                    *used = true;
                    silenced = true;
                }
            }
        }
        silenced
    }

    /// Adds what silenced nothing, as far as `selection` looks for it.
    pub(super) fn unused(&self, document: &Document<'_>, selection: &Selection, findings: &mut Findings) {
        for pragma in self.pragmas {
            let place = Place::from(pragma);
            let is_idle = |code: &str| !self.used[&place][code] && is_looked_at(code, selection);
            let idle: Vec<usize> = (0..pragma.codes.len())
                .filter(|&at| is_idle(&pragma.codes[at].0))
                .collect();
            if !idle.is_empty() {
                vv001::add(document, pragma, &idle, findings);
            }
        }
    }
}

/// The codes of other rules that say the same as the one with this code.
fn twins(code: &str) -> Vec<&'static str> {
    let own = find(code).and_then(|rule| rule.twin);
    let others = rules()
        .iter()
        .filter(|rule| rule.twin == Some(code))
        .map(|rule| rule.code);
    own.into_iter().chain(others).collect()
}

/// Whether a missing finding means that there is none. What ShellCheck finds depends on who does its work.
fn is_looked_at(code: &str, selection: &Selection) -> bool {
    match find(code) {
        Some(rule) => rule.code != vv001::RULE.code && selection.level(rule).is_some(),
        None => !is_shellcheck(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dockerfile::parse;
    use crate::lint::{Options, lint};

    fn left(text: &str) -> Vec<String> {
        let source = Source::new("Dockerfile", text);
        let parsed = parse(source.text());
        let options = Options::default();
        let document = Document::new(&source, &parsed, &options);
        let mut selection = Selection::default();
        for code in ["DL3000", "DL4000", "VV001"] {
            selection.only.insert(code.to_owned());
        }
        silence(&document, &selection, lint(&document, &selection))
            .iter()
            .map(|finding| format!("{}:{}", finding.line, finding.code))
            .collect()
    }

    #[test]
    fn comments_silence_the_next_line_the_stage_or_the_file() {
        let body = "WORKDIR a\n";
        assert_eq!(left(&format!("FROM b\n{body}")), ["2:DL3000"]);
        assert_eq!(
            left(&format!("FROM b\n# hadolint ignore=DL3000\n{body}{body}")),
            ["4:DL3000"]
        );
        assert_eq!(
            left(&format!("FROM b\n# hadolint ignore=DL3000\n\n{body}")),
            ["2:VV001", "4:DL3000"]
        );
        assert_eq!(
            left(&format!(
                "# hadolint stage ignore=DL3000\nFROM b\n{body}{body}FROM c\n{body}"
            )),
            ["6:DL3000"]
        );
        assert_eq!(
            left(&format!(
                "FROM b\n# hadolint stage ignore=DL3000\n{body}{body}FROM c\n{body}"
            )),
            ["3:DL3000", "6:DL3000"],
            "what hadolint makes of one that is not above a FROM"
        );
        assert_eq!(
            left("# hadolint stage ignore=DL4000\n# hadolint stage ignore=DL3000\nFROM c\nWORKDIR a\nMAINTAINER x\n"),
            ["1:VV001", "5:DL4000"],
            "the later of two"
        );
        assert!(left(&format!("FROM b\n{body}# hadolint global ignore=DL3000 # so be it\n")).is_empty());
        assert!(left(&format!("FROM b\n# varve ignore=WorkdirRelativePath\n{body}")).len() <= 2);
    }

    #[test]
    fn each_unused_code_is_told_once_a_comment() {
        assert_eq!(
            left("# hadolint global ignore=DL4000,DL3000\nFROM b\nWORKDIR a\n"),
            ["1:VV001"]
        );
        assert!(
            left("# varve ignore=SC2086,void-ignore\nFROM b\n").is_empty(),
            "not looked at"
        );
        assert!(
            left("# varve global ignore=VV001\n# hadolint ignore=DL3000\nFROM b\n").is_empty(),
            "silenced in its turn"
        );
    }
}
