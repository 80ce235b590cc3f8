//! What one rule says about an image, many files of one layer in one finding.

use super::history::History;
use super::shown;
use crate::lint::finding::Finding;
use crate::lint::rule::{Findings, Rule};
use std::collections::BTreeMap;

/// Paths that are listed below a finding.
const LISTED: usize = 10;

/// Takes what one rule finds.
#[derive(Debug)]
pub(super) struct Told<'h> {
    history: &'h History,
    findings: Findings,
}

/// Files of one layer that a rule has the same to say about.
#[derive(Debug, Default)]
pub(super) struct Files {
    paths: BTreeMap<usize, Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// The first few.
    paths: Vec<String>,
    count: usize,
    bytes: u64,
}

impl<'h> Told<'h> {
    pub(super) fn new(history: &'h History, rule: &'static Rule) -> Self {
        Self {
            history,
            findings: Findings::new(rule),
        }
    }

    /// Adds a finding about a layer, counted from 0.
    pub(super) fn layer(&mut self, layer: usize, message: impl Into<String>) -> &mut Finding {
        let (line, span) = self.history.of_layer(layer);
        self.findings.add_at(line, span, message)
    }

    /// Adds a finding about what an instruction of the kind `keyword` set, or should have set.
    pub(super) fn config(&mut self, keyword: &str, message: impl Into<String>) -> &mut Finding {
        let (line, span) = self.history.of_instruction(keyword);
        self.findings.add_at(line, span, message)
    }

    /// Adds one finding a layer about `files`; `message` makes it of their number, `/first and 3 more`, and bytes.
    pub(super) fn files(&mut self, files: Files, message: impl Fn(&str, u64) -> String) {
        for (layer, group) in files.paths {
            let Some(first) = group.paths.first() else { continue };
            let names = match group.count {
                1 => format!("`{first}`"),
                count => format!("`{first}` and {} more", count - 1),
            };
            let finding = self.layer(layer, message(&names, group.bytes));
            if group.count > 1 {
                let listed: Vec<String> = group.paths[1..].iter().map(|path| format!("`{path}`")).collect();
                let left = group.count - group.paths.len();
                let more = if left > 0 {
                    format!(", and {left} more")
                } else {
                    String::new()
                };
                finding.help(format!("also {}{more}", listed.join(", ")));
            }
        }
    }

    pub(super) fn done(self) -> Vec<Finding> {
        self.findings.list
    }
}

impl Files {
    /// Adds a file of a layer.
    pub(super) fn add(&mut self, layer: usize, path: &[u8], bytes: u64) {
        let group = self.paths.entry(layer).or_default();
        group.count += 1;
        group.bytes = group.bytes.saturating_add(bytes);
        if group.paths.len() <= LISTED {
            group.paths.push(shown(path));
        }
    }

    /// Drops the layers with fewer bytes.
    pub(super) fn at_least(mut self, bytes: u64) -> Self {
        self.paths.retain(|_, group| group.bytes >= bytes);
        self
    }
}
