//! Codes as people write them.

use super::rules::{every_rule, find};
use crate::diagnostic::nearest;

/// Codes of hadolint that it gave up, which old configurations still name.
const RETIRED: &[&str] = &["DL3005", "DL3017", "DL3031", "DL3039", "DL4002"];

/// The code that `word` means: a code or name of a rule in any case, or a code of ShellCheck.
///
/// Codes that hadolint gave up are codes as well; nothing has them.
pub fn canonical(word: &str) -> Option<String> {
    if let Some(rule) = find(word) {
        return Some(rule.code.to_owned());
    }
    let upper = word.to_ascii_uppercase();
    (is_shellcheck(&upper) || RETIRED.contains(&upper.as_str())).then_some(upper)
}

/// The code or name of a rule that `word` was probably meant to be.
pub fn suggestion(word: &str) -> Option<&'static str> {
    nearest(word, every_rule().flat_map(|rule| [rule.code, rule.name]))
}

/// `SC` and four digits, or five in times to come.
pub(super) fn is_shellcheck(code: &str) -> bool {
    code.strip_prefix("SC")
        .is_some_and(|digits| (4..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_in_any_case() {
        for (word, code) in [
            ("dl3000", Some("DL3000")),
            ("relative-workdir", Some("DL3000")),
            ("sc2086", Some("SC2086")),
            ("DL3005", Some("DL3005")),
            ("SC20861234", None),
            ("DL9999", None),
            ("", None),
        ] {
            assert_eq!(canonical(word).as_deref(), code, "{word}");
        }
        assert_eq!(suggestion("relative-wrokdir"), Some("relative-workdir"));
    }
}
