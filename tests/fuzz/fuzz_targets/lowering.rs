//! Any text is lowered to a plan that holds together, or to problems with places that can be drawn.
//!
//! What follows a zero byte is what images have as triggers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use varve::diagnostic::{Diagnostic, Severity, Source, render};
use varve::dockerfile::parse;
use varve::oci::{ImageConfig, Platform};
use varve::plan::{NamedContext, Outcome, Request, lower, problems};

fuzz_target!(|text: &str| {
    let (file, triggers) = text.split_once('\0').unwrap_or((text, ""));
    let parsed = parse(file);
    let contexts = BTreeMap::from([("ctx".to_owned(), NamedContext::Directory)]);
    let mut request = Request::new(&parsed.dockerfile, Platform::new("linux", "amd64", ""), &contexts);
    let broken: Vec<Diagnostic> = parsed
        .diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .cloned()
        .collect();
    if !broken.is_empty() {
        let told = problems(&request, broken.clone());
        assert!(broken.iter().all(|it| told.contains(it)), "an error is lost");
    }
    let args = [("V".to_owned(), "a b".to_owned()), ("E".to_owned(), String::new())];
    request.build_args = &args;
    let config = ImageConfig::from_bytes(
        b"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
    );
    let mut config = config.expect("a config");
    config.config.on_build = triggers
        .split('\0')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    let first = answer(&request, &config, file);
    assert_eq!(first, answer(&request, &config, file), "not the same plan twice");
});

/// Lowers until nothing is missing, and shows what came of it.
fn answer(request: &Request<'_>, config: &ImageConfig, file: &str) -> String {
    let mut images = BTreeMap::new();
    loop {
        let lowered = match lower(request, &images) {
            Ok(lowered) => lowered,
            Err(problems) => {
                assert!(!problems.is_empty(), "refused without a reason");
                let source = Source::new("Dockerfile", file);
                for problem in problems.iter().take(20) {
                    assert!(
                        problem
                            .span
                            .is_none_or(|span| file.get(span.start as usize..span.end as usize).is_some())
                    );
                    render(problem, &source, false);
                }
                return format!("{problems:?}");
            }
        };
        match lowered.outcome {
            Outcome::Ready(graph) => {
                for edge in graph.steps.edge_indices() {
                    let (from, to) = graph.steps.edge_endpoints(edge).expect("an edge has ends");
                    assert!(from < to, "a step stands before what it needs");
                }
                return format!("{graph:?}");
            }
            Outcome::NeedsImages(needs) => {
                assert!(!needs.is_empty(), "nothing is missing");
                for need in needs {
                    assert!(
                        images.insert(need.key.clone(), config.clone()).is_none(),
                        "asked for twice"
                    );
                }
            }
        }
    }
}
