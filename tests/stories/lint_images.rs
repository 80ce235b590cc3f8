//! `varve lint --image`, and what `varve lint` says of a build context.

use super::lint::{Desk, shorthand};
use crate::support::Workbench;

/// A file of 1.5 MB that is removed, a key, a program with the setuid bit, and a step without effect.
const LEAKY: &str = "FROM scratch
COPY big key.pem /tmp/
COPY --chmod=4755 tool /opt/tool
FROM busybox
COPY big /big
COPY id_rsa /root/.ssh/
RUN rm -r /big /root/.ssh
COPY --chmod=4755 tool /opt/tool
RUN true
VOLUME /proc
";

fn leaky() -> Workbench {
    let bench = Workbench::with(LEAKY);
    bench.file("big", vec![b'x'; 1_500_000]);
    bench.file("id_rsa", "secret");
    bench.file("tool", "#!/bin/sh\n");
    bench.file("key.pem", "");
    bench
}

fn found(bench: &Workbench, image: &str) -> Vec<String> {
    let run = bench.varve(["lint", "--image", image, "-f", "json"]).fails(1);
    let mut all = shorthand(&run.stdout);
    // What is wrong with the base image is its own affair.
    all.retain(|finding| !finding.ends_with(":1"));
    all
}

#[test]
fn an_image_of_the_store_is_looked_through() {
    let bench = leaky();
    bench.build(&["-t", "app:v1"]);
    let run = bench.varve(["lint", "--image", "app:v1"]).fails(1);
    run.prints(["1.5 MB of this layer can't be seen any more: `/big`", "COPY big /big"]);
    let run = bench.varve(["lint", "--image", "app:v1", "-f", "json"]);
    let codes = |run: &str| {
        let mut codes: Vec<String> = shorthand(run)
            .iter()
            .map(|finding| finding.split(' ').next().unwrap().to_owned())
            .collect();
        codes.sort();
        codes
    };
    for code in ["VV401", "VV402", "VV404", "VV407", "VV411"] {
        assert!(codes(&run.stdout).contains(&code.to_owned()), "{code}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("VV408"), "preview");
    bench
        .varve(["lint", "--image", "app:v1", "--only", "VV408", "--preview"])
        .fails(1);
    bench.varve(["lint", "--image", "app:v1", "--only", "VV410"]).succeeds();
    bench
        .varve([
            "lint",
            "--image",
            "app:v1",
            "--ignore",
            "VV401,VV402,VV404,VV407",
            "-t",
            "error",
        ])
        .succeeds();
}

#[test]
fn a_layout_says_the_same_as_the_store() {
    let bench = leaky();
    bench.build(&["-t", "app:v1"]);
    let layout = bench.path("layout");
    bench.build(&["--output", &format!("type=oci,tar=false,dest={}", layout.display())]);
    let store = found(&bench, "app:v1");
    let of_layout = found(&bench, layout.to_str().unwrap());
    let short = |all: &[String], name: &str| -> Vec<String> { all.iter().map(|it| it.replace(name, "")).collect() };
    assert!(!store.is_empty());
    assert_eq!(short(&store, "app:v1"), short(&of_layout, layout.to_str().unwrap()));
}

#[test]
fn images_that_can_not_be_looked_at() {
    let bench = Workbench::bare();
    bench
        .varve(["lint", "--image", "gone:v1"])
        .fails(2)
        .says(["there is no image `gone:v1` in the store"]);
    bench.varve(["lint", "--image", "oci-layout:/gone"]).fails(2);
    bench.varve(["lint", "--image", "a", "Dockerfile"]).fails(2);
}

#[test]
fn a_context_is_looked_at_beside_the_dockerfile() {
    let desk = Desk::with("FROM node:22\nCOPY . /app\n")
        .and("src/main.js", "x")
        .and("web/node_modules/a/b.js", "12345");
    let only = ["--only", "VV202,VV203", "-f", "json"];
    assert_eq!(shorthand(&desk.lint(&only).stdout), ["VV202 Dockerfile:2"]);
    desk.write(".dockerignore", "*.md\n");
    assert_eq!(shorthand(&desk.lint(&only).stdout), ["VV203 Dockerfile:2"]);
    desk.lint(&["--only", "VV203"])
        .prints(["`web/node_modules` becomes part of the image"]);
    desk.write(".dockerignore", "**/node_modules\n");
    assert_eq!(desk.lint(&only).stdout.trim(), "[]");
    let below = Desk::new()
        .and("docker/Dockerfile", "FROM node:22\nCOPY . /app\n")
        .and(".dockerignore", "x\n");
    assert_eq!(
        below.lint(&only).stdout.trim(),
        "[]",
        "the directory above is the context"
    );
}
