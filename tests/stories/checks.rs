//! What BuildKit's checks say: instead of a build, and at its end.

use crate::support::Workbench;
use serde_json::Value;

const ODD: &str = "from scratch as Base\nCOPY a.txt /\nCMD a\nCMD b\n";

#[test]
fn a_file_is_looked_at_without_building_it() {
    let bench = Workbench::with(ODD);
    bench.file("a.txt", "a");
    let run = bench.try_build(&["--check"]).fails(1).prints([
        "Check complete, 5 warnings have been found!",
        "WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
        "Dockerfile:3\n--------------------\n   1 |     from scratch as Base\n   2 |     COPY a.txt /\n   3 | >>> CMD a\n",
    ]);
    assert_eq!(run.steps().len(), 0, "nothing is built");
    bench
        .try_build(&["--call=check,ignorestatus=true"])
        .succeeds()
        .prints(["5 warnings"]);
    bench.dockerfile("FROM scratch\nCMD [\"a\"]\n");
    bench
        .try_build(&["--check"])
        .succeeds()
        .prints(["Check complete, no warnings found."]);
    bench
        .try_build(&["--call=nonsense"])
        .fails(2)
        .says(["`--call nonsense`"]);
}

#[test]
fn programs_read_json() {
    let bench = Workbench::with("FROM scratch\nCMD a \\\n  b\nHEALTHCHECK --nonsense NONE\n");
    let run = bench.try_build(&["--call=check,format=json"]).fails(1);
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    let warning = &all["warnings"][0];
    assert_eq!(warning["ruleName"], "JSONArgsRecommended");
    assert_eq!(
        warning["url"],
        "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"
    );
    assert!(warning["description"].is_string() && warning["detail"].is_string());
    let range = &warning["location"]["ranges"][0];
    assert_eq!((&range["start"]["line"], &range["end"]["line"]), (&2.into(), &3.into()));
    assert_eq!(all["sources"][0]["filename"], "Dockerfile");
    assert_eq!(all["buildError"]["location"]["ranges"][0]["start"]["line"], 4);
}

#[test]
fn a_build_ends_with_what_was_found() {
    let bench = Workbench::with("FROM scratch AS unused\nCMD a\nFROM scratch\nENV a b\n");
    bench
        .build(&[])
        .says([" 1 warning found", " - LegacyKeyValueFormat: ", "(line 4)"]);
    bench.build(&["--quiet"]).never_says(["LegacyKeyValueFormat"]);
    bench.build(&["--progress=quiet"]).never_says(["LegacyKeyValueFormat"]);
    // Stages that are not needed are looked at when nothing is built.
    bench
        .try_build(&["--check"])
        .fails(1)
        .prints(["JSONArgsRecommended", "LegacyKeyValueFormat"]);
    bench.dockerfile("# check=skip=LegacyKeyValueFormat\nFROM scratch\nENV a b\n");
    bench.build(&[]).never_says(["LegacyKeyValueFormat", "warning"]);
    bench.dockerfile("FROM scratch\n# check=skip=LegacyKeyValueFormat it is old\nENV a b\nENV c d\n");
    bench.build(&[]).says([" 1 warning found", "(line 4)"]);
}

#[test]
fn warnings_can_fail_a_build() {
    let bench = Workbench::with("# check=error=true\nFROM scratch\nENV a b\n");
    bench
        .try_build(&["-t", "no"])
        .fails(1)
        .says(["(line 3)", "`LegacyKeyValueFormat`"]);
    bench.varve(["images"]).succeeds().never_says(["no"]);
    let argument = "BUILDKIT_DOCKERFILE_CHECK=skip=all";
    bench
        .build(&["--build-arg", argument])
        .never_says(["LegacyKeyValueFormat"]);
    bench
        .try_build(&["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=nonsense"])
        .fails(1)
        .says(["`nonsense`"]);
}

#[test]
fn base_images_and_the_ignore_file_are_known() {
    let bench = Workbench::with("FROM busybox\nENV MORE=$PATH:$HOSE\nCOPY a.txt /\n");
    bench.file("a.txt", "a");
    bench.file(".dockerignore", "*.txt\n");
    let run = bench
        .try_build(&["--check"])
        .fails(1)
        .prints(["`$HOSE` is not set here", "CopyIgnoredFile"]);
    assert!(!run.stdout.contains("`$PATH`"), "{}", run.stdout);
    // A base that is not at hand is not fetched, and costs only what depends on it.
    bench.dockerfile("FROM nowhere.invalid/base:1\nENV MORE=$PATH:$HOSE\nCOPY a.txt /\n");
    bench
        .try_build(&["--check"])
        .fails(1)
        .prints(["1 warning has", "CopyIgnoredFile"]);
}
