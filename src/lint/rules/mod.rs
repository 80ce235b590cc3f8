//! The rules, one file each, by family.

mod buildkit;
mod fixes;
mod hadolint;
mod varve;

pub(super) use varve::vv001;

use super::image::image_rules;
use super::rule::Rule;
use std::sync::LazyLock;

static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| [hadolint::RULES, buildkit::RULES, varve::RULES].concat());

/// All rules: hadolint's, BuildKit's, varve's own; each family by code.
pub fn rules() -> &'static [&'static Rule] {
    &RULES
}

/// All rules, those about images among them, which stand in another list.
pub fn every_rule() -> impl Iterator<Item = &'static Rule> {
    rules()
        .iter()
        .copied()
        .chain(image_rules().iter().map(|rule| &rule.rule))
}

/// The rule with this code or name, ignoring case; one about images too.
pub fn find(code: &str) -> Option<&'static Rule> {
    every_rule().find(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name.eq_ignore_ascii_case(code))
}
