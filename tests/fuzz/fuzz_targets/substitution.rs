//! A word expands the same however it is asked for, within bounds; patterns do what trying everything does.
//!
//! The first line is the word, the second a pattern, the third a replacement, the rest is `name=value`.
#![no_main]

mod reference;

use libfuzzer_sys::fuzz_target;
use varve::resolve::{Environment, expand, expand_for_display, expand_heredoc, expand_words};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let word = lines.next().unwrap_or_default();
    let (pattern, by) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let environment: Environment = lines.filter_map(|line| line.split_once('=')).collect();
    for escape in ['\\', '`'] {
        let whole = expand(word, escape, &environment);
        let split = expand_words(word, escape, &environment);
        match (&whole, &split) {
            (Ok(whole), Ok(split)) => {
                assert!(whole.text.len() <= 2 << 20);
                assert_eq!(whole.uses, split.uses);
                let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                assert_eq!(bare(&whole.text), bare(&split.words.concat()));
            }
            (Err(whole), Err(split)) => assert_eq!(whole, split),
            _ => panic!("{whole:?} and {split:?}"),
        }
        let plain = |c: char| !c.is_whitespace() && !"$'\"\\`".contains(c);
        if word.chars().all(plain) {
            assert_eq!(whole.expect("nothing to expand").text, word);
        }
        expand_for_display(word, escape, &environment);
    }
    let _ = expand_heredoc(word, &environment);

    let value = environment.get("v").unwrap_or_default();
    let simple = |c: char| c.is_alphanumeric() || ".-_*?".contains(c);
    if pattern.len() > 12 || value.len() > 24 || !pattern.chars().all(simple) || !by.chars().all(char::is_alphanumeric)
    {
        return;
    }
    let environment: Environment = [("v", value)].into_iter().collect();
    for operator in ["#", "##", "%", "%%", "/", "//"] {
        let word = match operator {
            // What follows would be read as part of the operator.
            "#" | "%" if pattern.starts_with(operator) => continue,
            "/" if pattern.is_empty() => continue,
            "/" | "//" => format!("${{v{operator}{pattern}/{by}}}"),
            _ => format!("${{v{operator}{pattern}}}"),
        };
        let got = expand(&word, '\\', &environment).expect("a pattern and a value").text;
        assert_eq!(
            got,
            reference::modify(value, operator, pattern, by),
            "{word} of {value:?}"
        );
    }
});
