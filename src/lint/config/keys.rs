//! The keys of a configuration.

use super::node::{Node, Value};
use super::settings::{PerFile, Settings};
use super::{Complaint, Kind};
use crate::diagnostic::nearest;
use crate::lint::formats::Format;
use crate::lint::{LabelKind, Level, canonical, suggestion};
use globset::GlobBuilder;
use std::fmt::Display;

const HADOLINT: &[&str] = &[
    "disable-ignore-pragma",
    "failure-threshold",
    "format",
    "formats",
    "ignored",
    "label-schema",
    "no-color",
    "no-fail",
    "override",
    "strict-labels",
    "trustedRegistries",
    "verbose",
];

/// The same, spelt alike, and what only varve has.
const VARVE: &[&str] = &[
    "baseline",
    "disable-ignore-pragma",
    "failure-threshold",
    "format",
    "formats",
    "ignored",
    "label-schema",
    "no-color",
    "no-fail",
    "only",
    "override",
    "per-file-ignores",
    "preview",
    "select",
    "shellcheck",
    "strict-labels",
    "trusted-registries",
    "verbose",
];

/// Reads the keys that one kind of file has.
pub(super) struct Keys {
    known: &'static [&'static str],
    complaints: Vec<Complaint>,
}

impl Keys {
    pub(super) fn hadolint() -> Self {
        Self {
            known: HADOLINT,
            complaints: Vec::new(),
        }
    }

    pub(super) fn varve() -> Self {
        Self {
            known: VARVE,
            ..Self::hadolint()
        }
    }

    /// What `node`, the table with the keys, says.
    pub(super) fn settings(mut self, node: Node) -> (Settings, Vec<Complaint>) {
        let mut settings = Settings::default();
        match node.value {
            Value::Nothing => {}
            Value::Table(members) => {
                for (key, member) in members {
                    // Some people hang what they refer to by aliases on keys of their own.
                    if key.name.starts_with("x-") && self.known == HADOLINT {
                        continue;
                    }
                    match self.known.contains(&key.name.as_str()) {
                        true => self.key(&mut settings, &key.name, member),
                        false => {
                            let help = nearest(&key.name, self.known.iter().copied());
                            self.complain(
                                key.line,
                                &key.name,
                                "no such key",
                                Kind::Unknown,
                                help.map(did_you_mean),
                            );
                        }
                    }
                }
            }
            other => self.complaints.push(Complaint {
                line: node.line,
                key: None,
                message: format!("a configuration is a table, and this is {}", other.kind()),
                help: None,
                kind: Kind::Broken,
            }),
        }
        (settings, self.complaints)
    }

    fn key(&mut self, settings: &mut Settings, key: &str, node: Node) {
        match key {
            "ignored" => settings.ignored = self.codes(key, node),
            "select" => settings.select = self.codes(key, node),
            "only" => settings.only = self.codes(key, node),
            "override" => {
                for (level, codes) in self.table(key, node) {
                    let path = format!("{key}.{}", level.name);
                    match Level::from_word(&level.name) {
                        Some(level) => {
                            let codes = self.codes(&path, codes);
                            settings.levels.extend(codes.into_iter().map(|code| (level, code)));
                        }
                        None => {
                            let help = nearest(&level.name, LEVELS).map(did_you_mean);
                            self.complain(level.line, &path, "no such level", Kind::Unknown, help);
                        }
                    }
                }
            }
            "per-file-ignores" => {
                for (glob, codes) in self.table(key, node) {
                    let path = format!("{key}.{}", glob.name);
                    match GlobBuilder::new(&glob.name).literal_separator(true).build() {
                        Ok(pattern) => {
                            let codes = self.codes(&path, codes);
                            settings.per_file_ignores.push(PerFile {
                                glob: pattern.compile_matcher(),
                                codes,
                            });
                        }
                        Err(error) => self.broken(glob.line, &path, format!("not a pattern: {}", error.kind())),
                    }
                }
            }
            "trustedRegistries" | "trusted-registries" => {
                settings.trusted_registries = self.texts(key, node).into_iter().map(|(_, text)| text).collect();
            }
            "label-schema" => {
                for (label, kind) in self.table(key, node) {
                    let path = format!("{key}.{}", label.name);
                    let Some((line, word)) = self.text(&path, kind) else {
                        continue;
                    };
                    match LabelKind::from_word(&word) {
                        Some(kind) => {
                            settings.label_schema.insert(label.name, kind);
                        }
                        None => self.one_of(line, &path, &word, LABELS),
                    }
                }
            }
            "failure-threshold" => {
                let Some((line, word)) = self.text(key, node) else {
                    return;
                };
                match Level::threshold(&word) {
                    Some(level) => settings.failure_threshold = Some(level),
                    None => self.one_of(line, key, &word, THRESHOLDS),
                }
            }
            "format" => {
                let Some((line, word)) = self.text(key, node) else {
                    return;
                };
                settings.formats.extend(self.format(line, key, &word));
            }
            "formats" => {
                for (line, word) in self.texts(key, node) {
                    settings.formats.extend(self.format(line, key, &word));
                }
            }
            "baseline" => settings.baseline = self.text(key, node).map(|(_, text)| text),
            "shellcheck" => {
                // A file in a directory that somebody else wrote must not name a program to start.
                match self.text(key, node) {
                    Some((_, word)) if ["auto", "off"].contains(&word.as_str()) => settings.shellcheck = Some(word),
                    Some((line, word)) => self.one_of(line, key, &word, &["auto", "off"]),
                    None => {}
                }
            }
            "strict-labels" => settings.strict_labels = self.truth(key, node),
            "disable-ignore-pragma" => settings.disable_ignore_pragma = self.truth(key, node),
            "no-fail" => settings.no_fail = self.truth(key, node),
            "no-color" => settings.no_color = self.truth(key, node),
            "verbose" => settings.verbose = self.truth(key, node),
            "preview" => settings.preview = self.truth(key, node),
            _ => {}
        }
    }

    fn codes(&mut self, key: &str, node: Node) -> Vec<String> {
        let words = self.texts(key, node);
        let codes = words.into_iter().filter_map(|(line, word)| match canonical(&word) {
            Some(code) => Some(code),
            None => {
                let help = suggestion(&word).map(did_you_mean);
                self.complain(line, key, format!("no rule `{word}`"), Kind::Unknown, help);
                None
            }
        });
        codes.collect()
    }

    fn format(&mut self, line: u32, key: &str, word: &str) -> Option<Format> {
        let format = Format::from_word(word);
        if format.is_none() {
            self.one_of(line, key, word, &Format::WORDS);
        }
        format
    }

    fn text(&mut self, key: &str, node: Node) -> Option<(u32, String)> {
        match node.value {
            Value::Text(text) => Some((node.line, text)),
            other => self.wants(node.line, key, "text", &other),
        }
    }

    fn truth(&mut self, key: &str, node: Node) -> Option<bool> {
        match node.value {
            Value::Truth(truth) => Some(truth),
            other => self.wants(node.line, key, "true or false", &other),
        }
    }

    fn texts(&mut self, key: &str, node: Node) -> Vec<(u32, String)> {
        match node.value {
            // A key whose members were all commented out.
            Value::Nothing => Vec::new(),
            Value::List(members) => members
                .into_iter()
                .filter_map(|member| self.text(key, member))
                .collect(),
            other => self.wants(node.line, key, "a list", &other).unwrap_or_default(),
        }
    }

    fn table(&mut self, key: &str, node: Node) -> Vec<(super::node::Key, Node)> {
        match node.value {
            Value::Nothing => Vec::new(),
            Value::Table(members) => members,
            other => self.wants(node.line, key, "a table", &other).unwrap_or_default(),
        }
    }

    fn wants<T>(&mut self, line: u32, key: &str, wanted: &str, found: &Value) -> Option<T> {
        self.broken(
            line,
            key,
            format!("{wanted} should stand here, and it is {}", found.kind()),
        );
        None
    }

    fn one_of(&mut self, line: u32, key: &str, word: &str, known: &[&'static str]) {
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => did_you_mean(near),
            None => format!("one of {}", known.join(", ")),
        };
        self.complain(line, key, format!("`{word}` is unknown"), Kind::Broken, Some(help));
    }

    fn broken(&mut self, line: u32, key: &str, message: impl Into<String>) {
        self.complain(line, key, message, Kind::Broken, None);
    }

    fn complain(&mut self, line: u32, key: &str, message: impl Into<String>, kind: Kind, help: Option<String>) {
        self.complaints.push(Complaint {
            line,
            key: Some(key.to_owned()),
            message: message.into(),
            help,
            kind,
        });
    }
}

const LEVELS: [&str; 4] = ["error", "warning", "info", "style"];
const THRESHOLDS: &[&str] = &["error", "warning", "info", "style", "ignore", "none"];
const LABELS: &[&str] = &["text", "rfc3339", "semver", "url", "hash", "spdx", "email"];

fn did_you_mean(word: impl Display) -> String {
    format!("did you mean `{word}`?")
}

#[cfg(test)]
mod tests {
    use crate::lint::config::{Kind, hadolint_yaml, varve_toml};
    use crate::lint::{LabelKind, Level};
    use std::path::Path;

    #[test]
    fn every_key_of_hadolint() {
        let (settings, complaints) = hadolint_yaml(
            "ignored:\n  - dl3000 # why\n  - SC2086\noverride:\n  error: [relative-workdir]\n  style: [DL4000]\n\
             trustedRegistries:\n  - 'registry.example.org'\nlabel-schema:\n  author: text\n  version: semver\n\
             strict-labels: true\ndisable-ignore-pragma: false\nfailure-threshold: none\nformat: json\n\
             formats: [gnu]\nno-fail: true\nno-color: true\nverbose: true\nx-mine: [1]\n",
        );
        assert_eq!(complaints, []);
        assert_eq!(settings.ignored, ["DL3000", "SC2086"]);
        assert_eq!(
            settings.levels,
            [(Level::Error, "DL3000".into()), (Level::Style, "DL4000".into())]
        );
        assert_eq!(settings.trusted_registries, ["registry.example.org"]);
        assert_eq!(settings.label_schema["version"], LabelKind::Semver);
        assert_eq!(settings.failure_threshold, Some(Level::Style));
        assert_eq!(settings.formats.len(), 2);
        assert_eq!(
            (settings.strict_labels, settings.disable_ignore_pragma, settings.no_fail),
            (Some(true), Some(false), Some(true))
        );
        assert!(hadolint_yaml("").1.is_empty() && hadolint_yaml("ignored:\n# - DL3000\n").1.is_empty());
    }

    #[test]
    fn complaints_name_line_and_key() {
        let (settings, complaints) = hadolint_yaml(
            "ignored: DL3000\nignore: [DL3000]\noverride:\n  err: []\n  info: [DL3OOO, 5]\nno-fail: yes\n\
             failure-threshold: high\nformat: jsn\nlabel-schema:\n  a: number\n",
        );
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "1: `ignored`: a list should stand here, and it is text",
                "2: `ignore`: no such key",
                "4: `override.err`: no such level",
                "5: `override.info`: text should stand here, and it is a number",
                "5: `override.info`: no rule `DL3OOO`",
                "6: `no-fail`: true or false should stand here, and it is text",
                "7: `failure-threshold`: `high` is unknown",
                "8: `format`: `jsn` is unknown",
                "10: `label-schema.a`: `number` is unknown",
            ]
        );
        assert_eq!(complaints[1].help.as_deref(), Some("did you mean `ignored`?"));
        assert_eq!(complaints[1].kind, Kind::Unknown);
        assert!(settings.ignored.is_empty());
        let (_, complaints) = hadolint_yaml("- a\n");
        assert!(complaints[0].message.contains("a list"), "{complaints:?}");
    }

    #[test]
    fn the_table_of_varve() {
        let (settings, complaints) = varve_toml(
            "[lint]\npreview = true\nselect = [\"DL3000\"]\ntrusted-registries = [\"a\"]\n\
             [lint.per-file-ignores]\n\"old/**\" = [\"DL3000\"]\n[lint.override]\nerror = [\"SC2086\"]\n",
        );
        assert_eq!(complaints, []);
        let settings = settings.expect("it has the table");
        assert_eq!(
            settings.selection(Some(Path::new("old/a/Dockerfile"))).levels["DL3000"],
            None
        );
        assert!(
            !settings
                .selection(Some(Path::new("new/Dockerfile")))
                .levels
                .contains_key("DL3000")
        );
        let (settings, complaints) = varve_toml("[lnt]\na = 1\n");
        assert!(settings.is_none() && complaints[0].line == 1);
        let (_, complaints) = varve_toml("[lint]\nshellcheck = \"./a-program\"\n");
        assert_eq!(complaints[0].line, 2, "a configuration names no program");
        let (_, complaints) = varve_toml("[lint]\n[lint.per-file-ignores]\n\"a[\" = []\n[lint.label-schema]\nx = 1\n");
        assert_eq!(complaints.iter().map(|c| c.line).collect::<Vec<_>>(), [3, 5]);
    }
}
