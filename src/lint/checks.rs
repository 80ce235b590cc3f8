//! `# check=…`: which of BuildKit's checks are looked at, and whether what they find fails the build.

use super::document::Document;
use super::finding::Finding;
use super::rule::{Family, Findings, Rule, State};
use super::rules::{find, rules};
use crate::diagnostic::{Diagnostic, Span};
use crate::dockerfile::Instruction;
use std::collections::BTreeSet;

/// What a build says about a file: what BuildKit's checks find, in the order of the file, with the file's own
/// `# check=` looked at.
///
/// # Errors
/// A malformed `# check=` at the top of the file, or in the build argument that replaces it.
pub fn check(document: &Document<'_>) -> Result<Checked, Diagnostic> {
    let checks = Checks::of(document)?;
    let mut found = Vec::new();
    for &rule in rules().iter().filter(|rule| rule.family == Family::BuildKit) {
        if !checks.may_allow(rule) {
            continue;
        }
        let mut findings = Findings::new(rule);
        (rule.check)(document, &mut findings);
        found.extend(
            findings
                .list
                .into_iter()
                .filter(|finding| checks.allows(rule, finding.line)),
        );
    }
    found.sort_by(|one, other| (one.line, one.span, &one.code).cmp(&(other.line, other.span, &other.code)));
    Ok(Checked {
        fails: checks.fails && !found.is_empty(),
        findings: found,
    })
}

/// What a build says about a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether the file asks that this fails the build: `error=true`.
    pub fails: bool,
}

/// What `# check=` says, at the top of the file and above single instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    fails: bool,
    top: Names,
    /// Of single instructions: first and last line.
    inline: Vec<((u32, u32), Names)>,
}

/// Names after `skip=` and `experimental=`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    skip: Set,
    experimental: Set,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Set {
    all: bool,
    names: BTreeSet<String>,
}

impl Set {
    fn read(text: &str) -> Self {
        let text = text.trim();
        if text == "all" {
            return Self {
                all: true,
                names: BTreeSet::new(),
            };
        }
        Self {
            all: false,
            names: text.split(',').map(|name| name.trim().to_owned()).collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

/// Why a `check=` makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A part that is not known.
    #[error("`{0}` is no option of `check`: want `skip=`, `error=` or `experimental=`")]
    Option(String),
    /// Neither true nor false.
    #[error("`error` is either `true` or `false`, not `{0}`")]
    Bool(String),
}

/// The build argument that replaces the file's own `# check=`.
const ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";

impl Checks {
    /// What the file says, or the build argument in its stead.
    ///
    /// # Errors
    /// What is malformed at the top; above single instructions it is passed over.
    pub fn of(document: &Document<'_>) -> Result<Self, Diagnostic> {
        let given = document.options.build_args.iter().rev();
        let given = given.into_iter().find(|(name, _)| name == ARGUMENT);
        let directives = &document.parsed.dockerfile.directives;
        let directive = directives.iter().find(|directive| directive.key == "check");
        let (text, span): (&str, Option<Span>) = match (given, directive) {
            (Some((_, value)), _) => (value, None),
            (None, Some(directive)) => (&directive.value, Some(directive.span)),
            (None, None) => ("", None),
        };
        let (fails, top) = read(text).map_err(|error| {
            let message = match span {
                Some(_) => error.to_string(),
                None => format!("`{ARGUMENT}`: {error}"),
            };
            Diagnostic::error("bad-check", span, message)
                .help("such as `# check=skip=JSONArgsRecommended,StageNameCasing;error=true`")
        })?;
        let inline = document
            .instructions()
            .iter()
            .filter_map(|instruction| Some((instruction.lines, inline(instruction)?)));
        Ok(Self {
            fails,
            top,
            inline: inline.collect(),
        })
    }

    /// Whether a finding is silenced: by the name of its rule or of the rule's twin.
    pub fn silences(&self, finding: &Finding) -> bool {
        let Some(rule) = find(&finding.code) else { return false };
        let twin = rule.twin.and_then(find);
        let meant = match rule.family {
            Family::BuildKit => Some(rule),
            _ => twin.filter(|twin| twin.family == Family::BuildKit),
        };
        meant.is_some_and(|check| !is_experimental(check) && self.skips(check, finding.line))
    }

    /// Whether findings of a check of BuildKit's on that line are shown.
    fn allows(&self, rule: &Rule, line: u32) -> bool {
        match is_experimental(rule) {
            true => self.at(line).any(|names| names.experimental.has(rule.code)),
            false => !self.skips(rule, line),
        }
    }

    /// Whether there may be a line where they are.
    fn may_allow(&self, rule: &Rule) -> bool {
        let everywhere = self.inline.iter().map(|(_, names)| names).chain([&self.top]);
        match is_experimental(rule) {
            true => everywhere.into_iter().any(|names| names.experimental.has(rule.code)),
            false => !self.top.skip.has(rule.code),
        }
    }

    fn skips(&self, rule: &Rule, line: u32) -> bool {
        self.at(line).any(|names| names.skip.has(rule.code))
    }

    /// What is said about a line.
    fn at(&self, line: u32) -> impl Iterator<Item = &Names> {
        let next = self.inline.partition_point(|((_, last), _)| *last < line);
        let own = self.inline.get(next).filter(|((first, _), _)| *first <= line);
        own.map(|(_, names)| names).into_iter().chain([&self.top])
    }
}

fn is_experimental(rule: &Rule) -> bool {
    rule.state == State::Off
}

/// `skip=A,B;error=true;experimental=all`.
fn read(text: &str) -> Result<(bool, Names), CheckError> {
    let (mut fails, mut names) = (false, Names::default());
    if text.trim().is_empty() {
        return Ok((fails, names));
    }
    for part in text.splitn(3, ';') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim() {
            "skip" if part.contains('=') => names.skip = Set::read(value),
            "experimental" if part.contains('=') => names.experimental = Set::read(value),
            "error" if part.contains('=') => {
                fails = match value.trim() {
                    "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                    "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                    other => return Err(CheckError::Bool(other.to_owned())),
                }
            }
            other => return Err(CheckError::Option(other.to_owned())),
        }
    }
    Ok((fails, names))
}

/// What comments right above an instruction say about it.
fn inline(instruction: &Instruction) -> Option<Names> {
    let doc = instruction.doc.as_deref()?;
    let mut all: Option<Names> = None;
    for comment in doc.lines() {
        let Some((key, value)) = comment.split_once('=') else {
            continue;
        };
        if !key.trim().eq_ignore_ascii_case("check") {
            continue;
        }
        let options = value.split_whitespace().next().unwrap_or_default();
        let has_error = options.split(';').any(|part| part.trim_start().starts_with("error"));
        if let (Ok((_, names)), false) = (read(options), has_error) {
            let all = all.get_or_insert_default();
            for (set, more) in [(&mut all.skip, names.skip), (&mut all.experimental, names.experimental)] {
                set.all |= more.all;
                set.names.extend(more.names);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dockerfile::parse;
    use crate::lint::Options;

    fn found(text: &str, argument: Option<&str>) -> Result<(Vec<String>, bool), String> {
        let source = Source::new("Dockerfile", text);
        let parsed = parse(source.text());
        let mut options = Options::default();
        options
            .build_args
            .extend(argument.map(|value| (ARGUMENT.to_owned(), value.to_owned())));
        let document = Document::new(&source, &parsed, &options);
        let checked = check(&document).map_err(|diagnostic| diagnostic.message)?;
        let findings = checked.findings.iter();
        let findings = findings.map(|finding| format!("{}:{}", finding.code, finding.line));
        Ok((findings.collect(), checked.fails))
    }

    #[test]
    fn checks_are_chosen_by_the_file() {
        let body = "# about\nFROM alpine as Base\nCMD a\nCMD b\n";
        let all = [
            "FromAsCasing",
            "StageNameCasing",
            "JSONArgsRecommended",
            "MultipleInstructionsDisallowed",
            "JSONArgsRecommended",
        ];
        for (directive, argument, missing, fails) in [
            ("", None, &[] as &[&str], false),
            ("# check=skip=all\n", None, &all, false),
            ("# check=skip=all;error=true\n", None, &all, false),
            ("# check=error=true\n", None, &[], true),
            (
                "# check = skip= FromAsCasing , StageNameCasing ; error = 1\n",
                None,
                &all[..2],
                true,
            ),
            ("# check=skip=fromascasing\n", None, &[], false),
            ("# check=skip=all\n", Some("skip=FromAsCasing"), &all[..1], false),
            ("# check=skip=all\n", Some(""), &[], false),
        ] {
            let (found, failed) = found(&format!("{directive}{body}"), argument).unwrap();
            let codes: Vec<&str> = found.iter().map(|it| it.split(':').next().unwrap()).collect();
            let mut wanted: Vec<&str> = all.into_iter().filter(|code| !missing.contains(code)).collect();
            wanted.sort_unstable();
            let mut codes = codes;
            codes.sort_unstable();
            assert_eq!((codes, failed), (wanted, fails), "{directive} {argument:?}");
        }
    }

    #[test]
    fn experimental_checks_have_to_be_asked_for() {
        let text = |directive: &str| format!("{directive}# builds\nFROM alpine AS base\n");
        let description = vec!["InvalidDefinitionDescription:3".to_owned()];
        assert_eq!(found(&text("# a comment\n"), None).unwrap().0, Vec::<String>::new());
        for directive in [
            "# check=experimental=all\n",
            "# check=experimental=InvalidDefinitionDescription\n",
            "# check=skip=all;experimental=InvalidDefinitionDescription\n",
        ] {
            assert_eq!(found(&text(directive), None).unwrap().0, description, "{directive}");
        }
        assert_eq!(
            found(
                "FROM alpine\n# check=experimental=all\n# builds\nFROM alpine AS base\n",
                None
            )
            .unwrap()
            .0,
            ["InvalidDefinitionDescription:4"]
        );
    }

    #[test]
    fn comments_silence_the_instruction_below() {
        let text = "FROM alpine\n# check=skip=JSONArgsRecommended for now\nENTRYPOINT a\nCMD b\n\
                    # check=skip=all;error=true\nFROM alpine as b\n# check=skip=all\n#\nCMD c\n# check=nonsense\nCMD d\n";
        let found = found(text, None).unwrap().0;
        assert_eq!(
            found,
            [
                "JSONArgsRecommended:4",
                "FromAsCasing:6",
                "MultipleInstructionsDisallowed:9",
                "JSONArgsRecommended:9",
                "JSONArgsRecommended:11"
            ]
        );
    }

    #[test]
    fn nonsense_is_an_error() {
        for (text, part) in [
            ("# check=skip\nFROM a\n", "`skip`"),
            ("# check=other=1\nFROM a\n", "`other`"),
            ("# check=error=maybe\nFROM a\n", "`maybe`"),
            ("# check=skip=a;error=true;experimental=b;more\nFROM a\n", ""),
        ] {
            match found(text, None) {
                Err(message) => assert!(message.contains(part), "{message}"),
                Ok(_) => assert_eq!(part, "", "{text}"),
            }
        }
        assert!(found("FROM a\n", Some("x")).unwrap_err().contains(ARGUMENT));
    }

    #[test]
    fn twins_are_silenced_too() {
        let source = Source::new("Dockerfile", "# check=skip=JSONArgsRecommended\nFROM a:1\nCMD b\n");
        let parsed = parse(source.text());
        let options = Options::default();
        let document = Document::new(&source, &parsed, &options);
        let checks = Checks::of(&document).unwrap();
        let findings = crate::lint::lint(&document, &Default::default());
        let silenced = findings.iter().find(|finding| finding.code == "DL3025").unwrap();
        assert!(checks.silences(silenced));
    }
}
