//! What progress shows of a step.

use super::lower::Lowering;
use super::stage::StageState;
use crate::dockerfile::{Instruction, Keyword};
use crate::resolve::{Environment, expand_for_display};

impl Lowering<'_> {
    /// The platform of a stage for progress, as BuildKit writes it: `linux/amd64->arm64` for a compiler.
    pub(super) fn shown_platform(&self, index: usize, state: &StageState) -> Option<String> {
        if !self.request.shows_platform {
            return None;
        }
        let target = &self.request.target_platform;
        let own = self.binding.stages[index].platform.as_ref().unwrap_or(target);
        let knows_target = ["TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT"]
            .iter()
            .any(|name| state.scope.is_declared(name));
        let same = (&own.os, &own.architecture, &own.variant) == (&target.os, &target.architecture, &target.variant);
        if !knows_target || same {
            return Some(own.to_string());
        }
        let target = target.to_string();
        let system = format!("{}/", own.os);
        Some(format!("{own}->{}", target.strip_prefix(&system).unwrap_or(&target)))
    }

    /// The instruction for progress lines: known variables filled in, secret ones masked.
    pub(super) fn title(&self, state: &StageState, instruction: &Instruction, secrets: &[String]) -> String {
        let rest = instruction.text.get(instruction.name.text.len()..).unwrap_or_default();
        let escape = self.given.escape;
        let name = instruction.name.text.to_uppercase();
        let is_from = instruction.keyword == Some(Keyword::From);
        let rest = match (is_from, secrets) {
            (true, _) => expand_for_display(rest, escape, &self.binding.global),
            (false, []) => expand_for_display(rest, escape, &state.scope.environment),
            (false, secrets) => {
                let mut masked: Environment = state.scope.environment.clone();
                for secret in secrets {
                    masked.set(secret, "****");
                }
                expand_for_display(rest, escape, &masked)
            }
        };
        format!("{name}{rest}")
    }
}
