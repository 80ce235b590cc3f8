//! Runs the literate cases of the rules.
//!
//! A case begins with `=== fires at LINE:COLUMN, …: why`, `=== fires on LINE, …: why` (the lines that hadolint would
//! name) or `=== clean: why`; the Dockerfile follows up to the next `===`, or to `--- fixed` and what the rule's own
//! fixes make of it, applied until none is left. Blank lines at the end do not count.
//! Only the rule of the case is looked at.
//!
//! Lines `--- with KEY VALUE` right below the title set what the file does not say: `trusted-registry`, `label`
//! (`NAME:TYPE`), `strict-labels`, `build-arg` (`KEY=VALUE`), `target`, `build-context`, `ignore` (a line of the ignore
//! file), `context` (`PATH FILES BYTES` of what the context holds) and `base` (`IMAGE PLATFORM VARIABLE…`). A rule's example is looked at with what its first case sets.

use super::*;
use crate::context::Ignore;
use crate::diagnostic::Source;
use crate::dockerfile::parse;
use crate::oci::Platform;
use std::collections::BTreeSet;

/// What a case sets besides the file.
#[derive(Default)]
struct Setting {
    options: Options,
    ignore: String,
    bases: Bases,
    context: ContextFacts,
}

impl Setting {
    /// Takes the `--- with` lines off the front.
    fn read<'a>(rule: &Rule, mut body: &'a str) -> (Self, &'a str) {
        let mut setting = Self::default();
        while let Some(rest) = body.strip_prefix("--- with ") {
            let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
            setting.set(rule, line);
            body = rest;
        }
        (setting, body)
    }

    fn set(&mut self, rule: &Rule, line: &str) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let options = &mut self.options;
        let parts = |mark| {
            value
                .split_once(mark)
                .unwrap_or_else(|| panic!("{}: {line}", rule.code))
        };
        match key {
            "trusted-registry" => options.trusted_registries.push(value.to_owned()),
            "label" => {
                let (name, kind) = parts(':');
                let kind = LabelKind::from_word(kind).unwrap_or_else(|| panic!("{}: {line}", rule.code));
                options.label_schema.insert(name.to_owned(), kind);
            }
            "strict-labels" => options.strict_labels = true,
            "build-arg" => options
                .build_args
                .push((parts('=').0.to_owned(), parts('=').1.to_owned())),
            "target" => options.target = Some(value.to_owned()),
            "build-context" => options.named_contexts.push(value.to_owned()),
            "ignore" => {
                self.ignore.push_str(value);
                self.ignore.push('\n');
            }
            "context" => {
                let mut words = value.split(' ');
                let path = words.next().unwrap_or_default().to_owned();
                let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
                let (files, bytes, more) = (number(), number(), false);
                self.context.entries.push(ContextEntry {
                    path,
                    files,
                    bytes,
                    more,
                });
            }
            "base" => {
                let mut words = value.split(' ');
                let mut word = || words.next().unwrap_or_default();
                let (image, platform) = (word(), Platform::parse(word(), &Platform::host()));
                let facts = BaseFacts {
                    platform: platform.unwrap_or_else(|error| panic!("{}: {error}", rule.code)),
                    variables: words.map(str::to_owned).collect(),
                    has_shell: false,
                };
                self.bases.add(image, Platform::host(), facts);
            }
            _ => panic!("{}: {line}", rule.code),
        }
    }
}

/// What `rule` alone finds in `text`.
fn findings(rule: &'static Rule, setting: &Setting, text: &str) -> (Source, Vec<Finding>) {
    let source = Source::new("Dockerfile", text);
    let parsed = parse(source.text());
    let (ignore, problems) = Ignore::parse(&setting.ignore);
    assert_eq!(problems, [], "{}: the ignore file", rule.code);
    let surroundings = Surroundings {
        ignore: (!setting.ignore.is_empty()).then_some(&ignore),
        context: (!setting.context.entries.is_empty()).then_some(&setting.context),
        bases: Some(&setting.bases),
        platform: None,
        only_needed: false,
    };
    let document = Document::new(&source, &parsed, &setting.options).with_surroundings(surroundings);
    let mut findings = rule::Findings::new(rule);
    (rule.check)(&document, &mut findings);
    drop(document);
    (source, findings.list)
}

/// What the first case of a rule sets.
fn first_setting(rule: &Rule) -> Setting {
    let body = rule.cases.trim_start().split_once('\n').map_or("", |(_, body)| body);
    Setting::read(rule, body).0
}

fn places(rule: &'static Rule, setting: &Setting, text: &str, exact: bool) -> BTreeSet<String> {
    let (source, findings) = findings(rule, setting, text);
    findings
        .iter()
        .map(|finding| {
            let place = source.position(finding.span.start);
            match exact {
                true => format!("{}:{}", place.line, place.column),
                false => finding.line.to_string(),
            }
        })
        .collect()
}

/// What the fixes of `rule` make of `text`. Each is proven, no safe one is refused, and once is enough.
fn fixed(rule: &'static Rule, setting: &Setting, text: &str) -> Result<String, String> {
    let again = |text: &str, safety| {
        let repaired = repair("Dockerfile", text, safety, |source, _| {
            findings(rule, setting, source.text()).1
        });
        match repaired.refused.as_slice() {
            [] => Ok(repaired.text),
            refused => Err(format!("refused: {refused:?}")),
        }
    };
    again(text, Safety::Safe)?;
    let all = again(text, Safety::Unsafe)?;
    match again(&all, Safety::Unsafe)? {
        twice if twice != all => Err(format!("twice: {twice}")),
        _ => Ok(all),
    }
}

/// What a case says and the rule doesn't do.
fn run(rule: &'static Rule, case: &str) -> Vec<String> {
    let (title, body) = case.split_once('\n').unwrap_or((case, ""));
    let (setting, body) = Setting::read(rule, body);
    let (text, after) = match body.split_once("--- fixed\n") {
        Some((text, after)) => (text, Some(after)),
        None => (body, None),
    };
    let text = format!("{}\n", text.trim_end());
    let (kind, _why) = title
        .split_once(": ")
        .unwrap_or_else(|| panic!("{}: a case says why: {title}", rule.code));
    let (exact, places_wanted) = if let Some(list) = kind.strip_prefix("fires at ") {
        (true, list)
    } else if let Some(list) = kind.strip_prefix("fires on ") {
        (false, list)
    } else {
        assert_eq!(kind, "clean", "{}: {title}", rule.code);
        (false, "")
    };
    let wanted: BTreeSet<String> = places_wanted
        .split(", ")
        .filter(|place| !place.is_empty())
        .map(str::to_owned)
        .collect();
    let mut problems = Vec::new();
    let found = places(rule, &setting, &text, exact);
    if found != wanted {
        problems.push(format!("{}: {title}: found at {found:?}\n{text}", rule.code));
    }
    if let Some(after) = after {
        match fixed(rule, &setting, &text) {
            Ok(fixed) if fixed.trim_end() == after.trim_end() => {}
            Ok(fixed) => problems.push(format!("{}: {title}: fixed to\n{fixed}", rule.code)),
            Err(problem) => problems.push(format!("{}: {title}: {problem}", rule.code)),
        }
    }
    problems
}

#[test]
fn rules_do_what_their_cases_say() {
    let mut problems = Vec::new();
    for &rule in rules() {
        let cases = rule.cases.trim_start();
        let cases = cases
            .strip_prefix("=== ")
            .unwrap_or_else(|| panic!("{}: no case", rule.code));
        problems.extend(cases.split("\n=== ").flat_map(|case| run(rule, case)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_rule_has_all_parts() {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for &rule in rules() {
        let code = rule.code;
        let mut want = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{code}: {what}"));
            }
        };
        want(seen.insert(code), "is there twice");
        want(seen.insert(rule.name), "its name is there twice");
        let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        want(rule.name.bytes().all(kebab), "its name is in kebab case");
        for text in [rule.docs.what, rule.docs.why] {
            want(text.ends_with('.') && text.len() > 20, "says what and why in sentences");
        }
        want(!rule.docs.references.is_empty(), "references");
        want(
            rule.cases.contains("=== fires") && rule.cases.contains("=== clean"),
            "a case that fires, and a clean one",
        );
        want(
            (rule.fixable != Fixable::No) == rule.cases.contains("--- fixed"),
            "a case shows its fix",
        );
        let setting = first_setting(rule);
        let example = findings(rule, &setting, rule.docs.example).1;
        want(!example.is_empty(), "the example fires");
        let instead = findings(rule, &setting, rule.docs.instead).1;
        want(instead.is_empty(), "what to write instead is clean");
        for finding in example {
            let message = &finding.message;
            let begins = message.chars().next().is_some_and(|first| !first.is_uppercase());
            want(
                begins && !message.ends_with('.'),
                "a message is lower case, without a full stop",
            );
        }
        if let Some(twin) = rule.twin {
            want(
                find(twin).is_none_or(|twin| twin.family != rule.family),
                "a twin is of another family",
            );
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
