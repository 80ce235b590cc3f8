//! The bundled example, from its Dockerfile to a running image.

use crate::support::{VARVE, Workbench, busybox};
use std::os::unix::fs::symlink;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/example/app");
const BASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/example/base");

#[test]
fn the_example_builds_runs_and_is_reused() {
    let bench = Workbench::bare();
    let host = format!("--build-context=host={}", busybox().display());
    bench.varve(["build", "-t", "busybox", &host, BASE]).succeeds();

    let first = bench.varve(["build", "-t", "example:v1", EXAMPLE]).succeeds();
    assert!(
        first.reused().is_empty() && first.built().len() >= 9,
        "{:#?}",
        first.steps()
    );
    let first_id = bench
        .varve(["build", "-q", "-t", "example:v1", EXAMPLE])
        .succeeds()
        .stdout;
    let again = bench
        .varve(["build", "-t", "example:v1", EXAMPLE])
        .succeeds()
        .all_reused();
    assert!(
        again.stderr.contains(first_id.trim()),
        "the same image: {}",
        again.stderr
    );
    assert!(again.stderr.contains("0 steps built"), "{}", again.stderr);

    let run = bench.varve(["run", "example:v1"]).succeeds();
    let expected = "varve example 1.0\n<h1>Layers of an image</h1>\nEach step leaves what it changed.\n\
        <h1>Layers of a lake</h1>\nA varve is the sediment of one year.\n";
    assert_eq!(run.stdout, expected);
    assert_eq!(run.stderr, "");

    // Another version runs what names the version, and nothing else.
    let other = bench
        .varve(["build", "-t", "example:v2", "--build-arg", "VERSION=2.0", EXAMPLE])
        .succeeds();
    assert!(
        other
            .reused()
            .iter()
            .any(|title| title.starts_with("COPY --from=pages")),
        "{:#?}",
        other.steps()
    );
    let run = bench.varve(["run", "--rm", "example:v2"]).succeeds();
    assert!(run.stdout.starts_with("varve example 2.0\n"), "{}", run.stdout);

    let images = bench.varve(["images"]).succeeds().stdout;
    for name in ["busybox", "example"] {
        assert!(images.lines().any(|line| line.starts_with(name)), "{images}");
    }
}

#[test]
fn a_link_named_build_builds() {
    let bench = Workbench::with("FROM busybox\nRUN echo done > /done\n");
    let link = bench.path("build");
    symlink(VARVE, &link).unwrap();
    let base = format!(
        "--build-context=busybox=oci-layout://{}",
        crate::support::base().display()
    );
    let mut command = bench.command(&link);
    command.args(["-t", "app:v1", &base, "."]).current_dir(bench.context());
    crate::support::Running::start(command)
        .end()
        .succeeds()
        .says(["app:v1"]);
    assert_eq!(
        bench.varve(["run", "app:v1", "cat", "/done"]).succeeds().stdout,
        "done\n"
    );
}

#[test]
fn help_and_version_are_no_failures() {
    let bench = Workbench::bare();
    assert!(bench.varve(["--help"]).succeeds().stdout.contains("build"));
    assert!(
        bench
            .varve(["build", "--help"])
            .succeeds()
            .stdout
            .contains("--build-context")
    );
    assert!(bench.varve(["version"]).succeeds().stdout.starts_with("varve "));
    assert!(!bench.store().exists(), "asking for help makes no store");
}
