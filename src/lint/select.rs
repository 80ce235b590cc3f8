//! Which rules are looked at, and the way in.

use super::document::Document;
use super::finding::{Finding, Level};
use super::rule::{Family, Findings, Rule, State};
use super::rules::{rules, vv001};
use std::collections::{BTreeMap, BTreeSet};

/// Which rules are looked at, and how much they matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Families that are looked at; empty: all. Of two twins the one of the earlier family is looked at.
    pub families: Vec<Family>,
    /// Whether preview rules are looked at.
    pub preview: bool,
    /// Codes of rules that are looked at although they are off, preview, or the twin of one that is looked at.
    pub select: BTreeSet<String>,
    /// When there are any: codes of the rules that are looked at, and no others.
    pub only: BTreeSet<String>,
    /// By code: another level, which also turns a rule on, or `None` for never.
    pub levels: BTreeMap<String, Option<Level>>,
}

impl Selection {
    /// How much `rule` matters; `None` when it is not looked at.
    pub fn level(&self, rule: &Rule) -> Option<Level> {
        if !self.families.is_empty() && !self.families.contains(&rule.family) {
            return None;
        }
        if !self.only.is_empty() && !self.only.contains(rule.code) {
            return None;
        }
        let named = self.levels.get(rule.code).or_else(|| {
            rule.twin
                .and_then(|twin| self.levels.get(twin).filter(|level| level.is_none()))
        });
        match named {
            Some(level) => *level,
            None => match rule.state {
                _ if self.names(rule.code) => Some(rule.level),
                State::On => Some(rule.level),
                State::Preview => self.preview.then_some(rule.level),
                State::Off => None,
            },
        }
    }

    /// Gives findings that no rule of varve's makes (ShellCheck's) the level that was asked for, and leaves out those
    /// that never are.
    pub fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let levelled = findings.into_iter().filter_map(|finding| {
            let level = match self.levels.get(&*finding.code) {
                _ if !self.only.is_empty() && !self.only.contains(&*finding.code) => return None,
                Some(level) => (*level)?,
                None => finding.level,
            };
            Some(Finding { level, ..finding })
        });
        levelled.collect()
    }

    /// Whether findings of `rule` are wanted: it matters, and no twin speaks for it.
    pub fn wants(&self, rule: &Rule) -> Option<Level> {
        self.level(rule).filter(|_| self.is_asked(rule))
    }

    fn names(&self, code: &str) -> bool {
        self.select.contains(code) || self.only.contains(code)
    }

    fn is_asked(&self, rule: &Rule) -> bool {
        let twin_is_asked = self.families.is_empty() && rule.family != Family::Hadolint && rule.twin.is_some();
        !twin_is_asked || self.levels.contains_key(rule.code) || self.names(rule.code)
    }
}

/// Everything that the selected rules find, sorted by place. Comments that silence findings are not looked at here.
pub fn lint(document: &Document<'_>, selection: &Selection) -> Vec<Finding> {
    let mut all = Vec::new();
    for &rule in rules() {
        // This one looks at what the others found.
        if std::ptr::eq(rule, &raw const vv001::RULE) {
            continue;
        }
        let Some(level) = selection.wants(rule) else { continue };
        let mut findings = Findings::new(rule);
        (rule.check)(document, &mut findings);
        all.extend(findings.list.into_iter().map(|finding| Finding { level, ..finding }));
    }
    all.sort_by(|one, other| (one.span, &one.code).cmp(&(other.span, &other.code)));
    all
}
