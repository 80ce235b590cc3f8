//! The rules, one file each, by family.

mod buildkit;
mod fixes;
mod hadolint;
mod varve;

pub(super) use varve::unused_ignore;

use super::rule::Rule;
use std::sync::LazyLock;

static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| [hadolint::RULES, buildkit::RULES, varve::RULES].concat());

/// All rules: hadolint's, BuildKit's, varve's own; each family by code.
pub fn rules() -> &'static [&'static Rule] {
    &RULES
}

/// The rule with this code or name, ignoring case.
pub fn find(code: &str) -> Option<&'static Rule> {
    rules()
        .iter()
        .copied()
        .find(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name.eq_ignore_ascii_case(code))
}
