//! Any text can be linted: no panic, right places, and fixes that can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve::diagnostic::{Source, Span};
use varve::dockerfile::parse;
use varve::lint::{Document, Finding, Options, Selection, apply, lint, shellcheck};

fuzz_target!(|text: &str| {
    let source = Source::new("Dockerfile", text);
    let parsed = parse(source.text());
    let options = Options::default();
    let document = Document::new(&source, &parsed, &options);
    let selection = Selection {
        preview: true,
        ..Selection::default()
    };
    let slice = |span: Span| text.get(span.start as usize..span.end as usize);
    for run in document.runs() {
        for command in run.commands() {
            assert!(slice(command.span).is_some(), "{command:?}");
            let words = command.name.iter().chain(&command.words);
            let redirects = command.redirects.iter().map(|redirect| &redirect.target);
            for word in words.chain(redirects) {
                assert!(slice(word.span).is_some(), "{word:?}");
            }
        }
    }
    let mut findings: Vec<Finding> = lint(&document, &selection);
    findings.extend(shellcheck::built_in(&document));
    for finding in &findings {
        assert!(slice(finding.span).is_some(), "{finding:?}");
        assert!(!finding.message.contains('\n') && finding.line > 0, "{finding:?}");
    }
    let fixed = apply(text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
    assert!(std::str::from_utf8(fixed.text.as_bytes()).is_ok());
});
