//! Any text gives a tree: no panic, right places, nothing lost, and every diagnostic can be drawn.
#![no_main]

mod tiling;

use libfuzzer_sys::fuzz_target;
use varve::diagnostic::{Source, render};
use varve::dockerfile::{ast_json, parse, parse_instruction};

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    tiling::check(text, &parsed);
    ast_json(&parsed.dockerfile);
    let source = Source::new("Dockerfile", text);
    for diagnostic in parsed.diagnostics.iter().take(20) {
        let drawn = render(diagnostic, &source, false);
        assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'), "{drawn:?}");
    }
    parse_instruction(text, '`');
});
