//! Runs the literate cases of the rules about images.
//!
//! A case begins with `=== fires on LINE, …: why` (lines of the history) or `=== clean: why`; one line each follows for
//!
//! - `layer INSTRUCTION`: the lines below it, up to the next one, are its files
//! - `config INSTRUCTION`: an entry of the history without a layer; USER, VOLUME and HEALTHCHECK are set in the config
//! - `f MODE PATH SIZE [NAME]`: a file; those with the same NAME have the same content
//! - `d MODE PATH`, `o MODE PATH` (opaque), `l PATH TARGET`, `h PATH TARGET` (a hard link), `w PATH` (a removal)
//! - `content PATH TEXT`: what a file holds; `|` is the end of a line

use super::*;
use crate::digest::{Fields, FileDigest};
use crate::layer::{Listing, Time};
use crate::lint::rules::find;
use crate::oci::History;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn digest(name: &str) -> FileDigest {
    Fields::new("test").bytes(name.as_bytes()).file_digest()
}

fn entry(words: &[&str]) -> Entry {
    let at = |index: usize| words.get(index).copied().unwrap_or_default();
    let (mode, path, kind) = match at(0) {
        "f" => {
            let size = at(3).parse().unwrap_or_default();
            let name = if at(4).is_empty() { at(2) } else { at(4) };
            (
                at(1),
                at(2),
                Kind::File {
                    size,
                    digest: digest(name),
                },
            )
        }
        "d" => (at(1), at(2), Kind::Directory { opaque: false }),
        "o" => (at(1), at(2), Kind::Directory { opaque: true }),
        "l" => (
            "777",
            at(1),
            Kind::Symlink {
                target: at(2).as_bytes().into(),
            },
        ),
        "h" => (
            "0",
            at(1),
            Kind::HardLink {
                target: at(2).trim_start_matches('/').as_bytes().into(),
            },
        ),
        "w" => ("0", at(1), Kind::Whiteout),
        other => panic!("{other}"),
    };
    Entry {
        path: path.trim_start_matches('/').as_bytes().into(),
        kind,
        mode: u16::from_str_radix(mode, 8).unwrap(),
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Vec::new(),
    }
}

/// The lines on which `rule` fires.
fn lines(rule: &'static ImageRule, body: &str) -> BTreeSet<String> {
    let mut config = ImageConfig::default();
    let mut layers: Vec<Vec<Entry>> = Vec::new();
    let mut contents: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "layer" | "config" => {
                config.history.push(History {
                    created_by: rest.to_owned(),
                    empty_layer: kind == "config",
                    ..History::default()
                });
                match rest.split_once(' ') {
                    _ if kind == "layer" => layers.push(Vec::new()),
                    Some(("USER", user)) => config.config.user = user.to_owned(),
                    Some(("VOLUME", path)) => {
                        config.config.volumes.insert(path.to_owned(), Default::default());
                    }
                    Some(("HEALTHCHECK", test)) => {
                        let test = test.split(' ').map(str::to_owned).collect();
                        config.config.healthcheck = Some(crate::oci::Healthcheck {
                            test,
                            ..Default::default()
                        });
                    }
                    _ => {}
                }
            }
            "content" => {
                let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
                contents.insert(
                    path.trim_start_matches('/').into(),
                    text.replace('|', "\n").into_bytes(),
                );
            }
            _ => layers
                .last_mut()
                .unwrap()
                .push(entry(&line.split(' ').collect::<Vec<_>>())),
        }
    }
    let listings = layers
        .into_iter()
        .map(|entries| Arc::new(Listing::from_entries(entries).unwrap()));
    let view = View::new(listings.collect());
    let image = Image {
        config: &config,
        view: &view,
        read: &|path| contents.get(path).cloned(),
    };
    let selection = Selection {
        only: [rule.rule.code.to_owned()].into(),
        select: [rule.rule.code.to_owned()].into(),
        ..Selection::default()
    };
    let linted = lint_image("app", &image, &selection);
    for finding in &linted.findings {
        let message = &finding.message;
        assert!(
            !message.ends_with('.') && !message.starts_with(char::is_uppercase),
            "{message}"
        );
        assert_eq!(linted.source.position(finding.span.start).line, finding.line);
    }
    linted.findings.iter().map(|finding| finding.line.to_string()).collect()
}

#[test]
fn rules_do_what_their_cases_say() {
    let mut problems = Vec::new();
    for rule in image_rules() {
        let code = rule.rule.code;
        let cases = rule.rule.cases.trim_start().strip_prefix("=== ").unwrap();
        for case in cases.split("\n=== ") {
            let (title, body) = case.split_once('\n').unwrap();
            let (kind, _why) = title.split_once(": ").unwrap();
            let wanted: BTreeSet<String> = match kind.strip_prefix("fires on ") {
                Some(list) => list.split(", ").map(str::to_owned).collect(),
                None => BTreeSet::new(),
            };
            assert!(kind == "clean" || !wanted.is_empty(), "{code}: {title}");
            let found = lines(rule, body);
            if found != wanted {
                problems.push(format!("{code}: {title}: found on {found:?}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_rule_has_all_parts() {
    let mut seen = BTreeSet::new();
    for rule in image_rules() {
        let rule = &rule.rule;
        assert!(
            rule.code.starts_with("VV4") && seen.insert(rule.code) && seen.insert(rule.name),
            "{}",
            rule.code
        );
        assert!(
            rule.cases.contains("=== fires") && rule.cases.contains("=== clean"),
            "{}",
            rule.code
        );
        assert!(
            rule.docs.what.ends_with('.') && rule.docs.why.ends_with('.'),
            "{}",
            rule.code
        );
        assert!(
            !rule.docs.references.is_empty() && !rule.docs.example.is_empty(),
            "{}",
            rule.code
        );
        assert!(std::ptr::eq(find(rule.code).unwrap(), rule) && std::ptr::eq(find(rule.name).unwrap(), rule));
    }
}

#[test]
fn a_history_that_does_not_fit_costs_the_names_of_layers_only() {
    let config = ImageConfig::default();
    let listing = Listing::from_entries(vec![entry(&["f", "4755", "/opt/x", "5"])]).unwrap();
    let view = View::new(vec![Arc::new(listing)]);
    let image = Image {
        config: &config,
        view: &view,
        read: &|_| None,
    };
    let linted = lint_image("app", &image, &Selection::default());
    assert!(linted.source.text().starts_with("layer 1 of 1\n"));
    assert!(
        linted
            .findings
            .iter()
            .any(|finding| finding.code == "VV402" && finding.line == 1)
    );
    let nothing = View::new(Vec::new());
    let image = Image {
        config: &config,
        view: &nothing,
        read: &|_| None,
    };
    assert_eq!(lint_image("app", &image, &Selection::default()).findings, []);
}
