//! What is refused, and why.

use super::*;
use crate::lint::{Finding, Level};
use std::borrow::Cow;

const TEXT: &str =
    "# escape=\\\n# about\nFROM debian:12\nRUN apt-get install x \\\n  # why\n  y\nCMD run\nCMD [\"last\"]\n";

/// A finding with a fix that puts `new` in the place of the first `old`.
fn finding(text: &str, old: &str, new: &str, safety: Safety) -> Option<Finding> {
    let start = text.find(old)? as u32;
    let fix = Fix {
        title: format!("write {new:?}"),
        safety,
        edits: vec![Edit::replace(Span::new(start, start + old.len() as u32), new)],
    };
    Some(Finding {
        code: Cow::Borrowed("X"),
        level: Level::Info,
        message: String::new(),
        span: Span::new(start, start),
        line: 1,
        help: Vec::new(),
        fix: Some(fix),
    })
}

/// What becomes of `text` when each pair of texts is a fix.
fn mended(text: &str, safety: Safety, pairs: &[(&str, &str)]) -> Repair {
    repair("Dockerfile", text, safety, |source, _| {
        let all = pairs.iter();
        all.filter_map(|(old, new)| finding(source.text(), old, new, Safety::Safe))
            .collect()
    })
}

#[test]
fn what_is_not_proven_is_refused() {
    for (old, new, why) in [
        // The line below would be part of the instruction.
        ("  y\n", "  y \\\n", Refusal::Elsewhere),
        ("  y\n", "  y <<E\n", Refusal::Elsewhere),
        ("debian:12", "", Refusal::Broken),
        ("CMD run", "CMMD run", Refusal::Broken),
        ("debian:12", "debian:13", Refusal::Unproven),
        ("install x", "install z", Refusal::Unproven),
        ("install x", "install w && rm y", Refusal::Unproven),
        ("CMD run", "CMD [\"walk\"]", Refusal::Unproven),
        ("CMD [\"last\"]\n", "", Refusal::Unproven),
        ("FROM debian:12\n", "USER root\nFROM debian:12 \n", Refusal::Unproven),
        (" \\\n  # why\n  y", " y", Refusal::Comment),
        ("# escape=\\", "# escape=`", Refusal::Directive),
        ("# escape=\\", "# syntax=x", Refusal::Directive),
    ] {
        let text = TEXT;
        let repair = mended(text, Safety::Safe, &[(old, new)]);
        assert_eq!(repair.text, text, "{old:?} to {new:?}");
        let whys: Vec<Refusal> = repair.refused.iter().map(|refused| refused.why).collect();
        assert_eq!(whys, [why], "{old:?} to {new:?}");
        // What is no more than unproven wants a look.
        let looked_at = mended(text, Safety::Unsafe, &[(old, new)]);
        assert_eq!(looked_at.text != text, why == Refusal::Unproven, "{old:?} to {new:?}");
    }
}

#[test]
fn what_is_proven_is_made_beside_what_is_not() {
    let pairs = [
        ("debian:12", "debian:13"),
        ("install x", "install -y x"),
        ("CMD run", "CMD [\"run\"]"),
        ("[\"last\"]", "[ \"last\" ]"),
    ];
    let repair = mended(TEXT, Safety::Safe, &pairs);
    let expected = TEXT
        .replace("install x", "install -y x")
        .replace("CMD run", "CMD [\"run\"]");
    assert_eq!(repair.text, expected.replace("[\"last\"]", "[ \"last\" ]"));
    assert_eq!((repair.made.len(), repair.refused.len()), (3, 1));
    assert_eq!(repair.refused[0].title, "write \"debian:13\"");
    // Nothing is lost with a CMD that another one follows.
    let repair = mended(TEXT, Safety::Safe, &[("CMD run\n", "")]);
    assert_eq!(repair.text, TEXT.replace("CMD run\n", ""));
}

#[test]
fn fixes_that_undo_each_other_come_to_an_end() {
    let pairs = [("install x", "install  x"), ("install  x", "install x")];
    let one = mended(TEXT, Safety::Safe, &pairs).text;
    assert_eq!(mended(&one, Safety::Safe, &pairs).text, one);
    let other = mended(&TEXT.replace("install x", "install  x"), Safety::Safe, &pairs).text;
    assert_eq!(one, other);
    // One that never ends leaves the text as it was.
    let growing = [("install", "install -y")];
    assert_eq!(mended(TEXT, Safety::Safe, &growing).text, TEXT);
}
