//! The port of ShellCheck that is part of varve.

use super::prelude::Unit;
use super::{Remark, findings as findings_of};
use crate::lint::document::Document;
use crate::lint::finding::{Finding, Level};
use crate::lint::shell::Dialect;
use shuck_linter::{
    AnalysisRequest, Diagnostic, LinterSettings, Rule, ShellCheckCodeMap, ShellCheckLevel, ShellDialect, rule_metadata,
};
use shuck_parser::parser::{Parser, ShellProfile};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Levels of nesting that are read.
const DEEPEST: usize = 60;

/// Steps of the parser that a script may take.
const FUEL: usize = 400_000;

/// Bytes of a script that is looked at, and commands in it: the port takes time with the square of them.
const LONGEST: usize = 64 * 1024;
const COMMANDS: usize = 1_500;

/// Codes that ShellCheck 0.11 reports only when asked for.
const OPTIONAL: &[u32] = &[
    2002, 2230, 2243, 2244, 2247, 2248, 2249, 2250, 2292, 2310, 2311, 2312, 2335,
];

/// What the port calls ShellCheck's codes; takes a while to make.
static MAP: LazyLock<ShellCheckCodeMap> = LazyLock::new(ShellCheckCodeMap::default);

/// Code and level of each rule of the port that ShellCheck has too.
static CODES: LazyLock<HashMap<Rule, (u32, Level)>> = LazyLock::new(|| {
    MAP.mappings()
        .filter(|(code, _)| !OPTIONAL.contains(code))
        .map(|(code, rule)| {
            // `|&`, which the port counts apart.
            let code = match code {
                3073 => 3029,
                _ => code,
            };
            let level = match rule_metadata(rule).and_then(|metadata| metadata.shellcheck_level) {
                Some(ShellCheckLevel::Error) => Level::Error,
                Some(ShellCheckLevel::Warning) | None => Level::Warning,
                Some(ShellCheckLevel::Info) => Level::Info,
                Some(ShellCheckLevel::Style) => Level::Style,
            };
            (rule, (code, level))
        })
        .collect()
});

/// Settings by shell. Files that a script sources are not looked for.
static SETTINGS: LazyLock<[LinterSettings; 4]> = LazyLock::new(|| {
    [
        ShellDialect::Sh,
        ShellDialect::Dash,
        ShellDialect::Bash,
        ShellDialect::Ksh,
    ]
    .map(|shell| {
        LinterSettings::for_rules(CODES.keys().copied())
            .with_shell(shell)
            .with_resolve_source_closure(false)
    })
});

/// What the port finds in `unit`.
pub(super) fn findings(document: &Document<'_>, unit: &Unit) -> Vec<Finding> {
    let Some(run) = document.runs().get(unit.run) else {
        return Vec::new();
    };
    if run.script.unread || unit.text.len() > LONGEST || run.commands().len() > COMMANDS {
        return Vec::new();
    }
    let settings = match run.shell.dialect {
        Dialect::Dash | Dialect::Ash => &SETTINGS[1],
        Dialect::Bash => &SETTINGS[2],
        Dialect::Ksh => &SETTINGS[3],
        _ => &SETTINGS[0],
    };
    // With the extensions of bash read as such, the port can say that another shell has them not.
    let profile = ShellProfile::native(settings.shell.parser_dialect());
    let parser = Parser::with_limits_and_profile(&unit.text, DEEPEST, FUEL, profile);
    let parsed = parser.parse();
    let request = AnalysisRequest::from_parse_result(&parsed, &unit.text, settings);
    // `# shellcheck disable=…` in a heredoc.
    let request = match unit.text.contains("shellcheck") {
        true => request.with_shellcheck_map(&MAP),
        false => request.without_suppressions(),
    };
    let remarks = request
        .lint()
        .into_iter()
        .filter_map(|diagnostic| remark(unit, &diagnostic))
        .collect();
    findings_of(document, unit, remarks)
}

fn remark(unit: &Unit, diagnostic: &Diagnostic) -> Option<Remark> {
    let (code, level) = *CODES.get(&diagnostic.rule)?;
    let range = diagnostic.span.start.offset()..diagnostic.span.end.offset();
    let text = unit.text.get(range.clone())?;
    // Of a brace that belongs to a group it says that it is a literal, at no place.
    if range.start < unit.prelude || (code == 1083 && range.is_empty()) {
        return None;
    }
    let edits = diagnostic.fix.iter().flat_map(|fix| fix.edits()).map(|edit| {
        let (start, end) = (usize::from(edit.range().start()), usize::from(edit.range().end()));
        (start..end, edit.content().to_owned())
    });
    let mut edits: Vec<(Range<usize>, String)> = edits.collect();
    if edits.is_empty() {
        edits = own_fix(code, text, &range);
    }
    Some(Remark {
        code: format!("SC{code}"),
        level,
        message: diagnostic.message.clone(),
        range,
        edits,
    })
}

/// Fixes that the port does not know: quotes, and `$(…)` for backticks in which nothing is escaped or commented.
fn own_fix(code: u32, text: &str, range: &Range<usize>) -> Vec<(Range<usize>, String)> {
    let inside = text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
    match (code, inside) {
        (2046 | 2086, _) => vec![
            (range.start..range.start, "\"".to_owned()),
            (range.end..range.end, "\"".to_owned()),
        ],
        (2006, Some(inside)) if !inside.contains(['`', '\\', '#']) => {
            let open = match inside.starts_with('(') {
                true => "$( ",
                false => "$(",
            };
            vec![
                (range.start..range.start + 1, open.to_owned()),
                (range.end - 1..range.end, ")".to_owned()),
            ]
        }
        _ => Vec::new(),
    }
}
