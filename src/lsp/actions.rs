//! What can be done about findings: fixes, all safe fixes at once, and comments that silence.

use super::diagnostics;
use super::edits;
use super::page::Page;
use super::place::Range;
use super::server::Client;
use super::uri;
use crate::diagnostic::Span;
use crate::lint::{Document, Finding, Pragma, Safety, Scope, pragmas, repair};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kinds of actions there are.
pub(super) const KINDS: [&str; 2] = [FIX, FIX_ALL];

const FIX: &str = "quickfix";
const FIX_ALL: &str = "source.fixAll.varve";

/// What a client wants to know.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    range: Range,
    #[serde(default)]
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
struct Context {
    /// Kinds that are wanted, with all below them; absent for all.
    only: Option<Vec<String>>,
}

impl Asked {
    fn wants(&self, kind: &str) -> bool {
        let covers = |wanted: &String| {
            let rest = kind.strip_prefix(wanted.as_str());
            wanted.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.context.only.as_ref().is_none_or(|only| only.iter().any(covers))
    }
}

/// The actions for a part of the file.
pub(super) fn all(page: &Page, asked: &Asked, client: &Client) -> Value {
    if !client.literal_actions || page.refused().is_some() {
        return json!([]);
    }
    let mut actions = Vec::new();
    if asked.wants(FIX) {
        let wanted = page.buffer.span(asked.range, page.encoding);
        let touches = |span: Span| span.start <= wanted.end && wanted.start <= span.end;
        let touched: Vec<&Finding> = page.findings().iter().filter(|finding| touches(finding.span)).collect();
        let document = page.document();
        let (pragmas, _) = pragmas(&document);
        let desk = Desk {
            page,
            client,
            document: &document,
            pragmas: &pragmas,
        };
        actions.extend(touched.iter().filter_map(|finding| desk.fix(finding)));
        actions.extend(touched.iter().filter_map(|finding| desk.ignore(finding)));
    }
    if asked.wants(FIX_ALL) {
        actions.extend(fix_all(page, client));
    }
    actions.into()
}

/// What it takes to do something about a finding.
struct Desk<'a> {
    page: &'a Page,
    client: &'a Client,
    document: &'a Document<'a>,
    pragmas: &'a [Pragma<'a>],
}

impl Desk<'_> {
    fn fix(&self, finding: &Finding) -> Option<Value> {
        let fix = finding.fix.as_ref()?;
        let is_safe = fix.safety == Safety::Safe;
        let title = match is_safe {
            true => fix.title.clone(),
            false => format!("{} (to be looked at)", fix.title),
        };
        let mut action = self.action(finding, title, edits::changes(self.page, &fix.edits));
        action["isPreferred"] = is_safe.into();
        Some(action)
    }

    /// Puts a comment above, or one more code into the comment that is there.
    fn ignore(&self, finding: &Finding) -> Option<Value> {
        let page = self.page;
        let code = finding.code.as_ref();
        // A file that builders refuse can't be silenced.
        if code == "DL1000" {
            return None;
        }
        let start = line_start(page.text(), finding.line)?;
        // Comments inside of an instruction silence nothing, and one above a directive would take its effect.
        let inside = page.instruction_at(start).map(|at| page.instructions()[at].lines.0);
        let directives = &page.parsed().dockerfile.directives;
        if inside.is_some_and(|first| first != finding.line) || directives.iter().any(|it| start <= it.span.start) {
            return None;
        }
        let is_hadolints = code.starts_with("DL") || code.starts_with("SC");
        let is_above = |pragma: &&Pragma<'_>| pragma.line + 1 == finding.line && pragma.scope == Scope::NextLine;
        let change = match self.pragmas.iter().find(is_above) {
            Some(pragma) => {
                // hadolint would take the whole comment for nothing.
                if pragma.hadolint && !is_hadolints {
                    return None;
                }
                let end = pragma.codes.last()?.1.end;
                edits::change(page, Span::new(end, end), &format!(",{code}"))
            }
            None => {
                let line = self.document.source.line(finding.line);
                let indent = &line[..line.len() - line.trim_start().len()];
                let program = if is_hadolints { "hadolint" } else { "varve" };
                let line_end = if page.text().contains("\r\n") { "\r\n" } else { "\n" };
                let comment = format!("{indent}# {program} ignore={code}{line_end}");
                edits::change(page, Span::new(start, start), &comment)
            }
        };
        Some(self.action(finding, format!("ignore {code} here"), vec![change]))
    }

    fn action(&self, finding: &Finding, title: String, changes: Vec<Value>) -> Value {
        json!({
            "title": title,
            "kind": FIX,
            "diagnostics": [diagnostics::of_finding(self.page, self.document, finding, self.client)],
            "edit": edits::of_workspace(self.page, changes, self.client),
        })
    }
}

/// Where a line begins that is counted from 1, as the parser counts: it knows no line end but `\n`.
fn line_start(text: &str, line: u32) -> Option<u32> {
    match line {
        0 => None,
        1 => Some(if text.starts_with('\u{feff}') { 3 } else { 0 }),
        _ => {
            let (at, _) = text.match_indices('\n').nth(line as usize - 2)?;
            u32::try_from(at + 1).ok()
        }
    }
}

/// All that is safe, again and again until nothing is left.
fn fix_all(page: &Page, client: &Client) -> Option<Value> {
    let is_safe = |finding: &Finding| finding.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Safe);
    if !page.findings().iter().any(is_safe) {
        return None;
    }
    let name = uri::name(&page.uri);
    let repair = repair(&name, page.text(), Safety::Safe, |source, parsed| {
        page.look(source, parsed)
    });
    let changes = edits::difference(page, &repair.text);
    if changes.is_empty() {
        return None;
    }
    Some(json!({
        "title": "fix all that is safe to fix",
        "kind": FIX_ALL,
        "edit": edits::of_workspace(page, changes, client),
    }))
}
