//! Fixing and formatting from the command line: files are changed whole or not at all, and keep what they are.

use crate::support::{Running, Workbench, peer};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

const UNEVEN: &str = "from debian:12\n# who\nMAINTAINER Ada <ada@example.org>\nADD x  /y\nCMD exec a | b\n";
const FIXED: &str = "from debian:12\n# who\nLABEL org.opencontainers.image.authors=\"Ada <ada@example.org>\"\nCOPY x  /y\nCMD exec a | b\n";

/// `varve` in the context's directory.
fn varve(bench: &Workbench, words: &[&str]) -> crate::support::Run {
    let mut command = bench.varve_command(words);
    command.current_dir(bench.context());
    Running::start(command).end()
}

fn fed(bench: &Workbench, words: &[&str], text: &str) -> crate::support::Run {
    let mut command = bench.varve_command(words);
    command.current_dir(bench.context()).stdin(Stdio::piped());
    Running::start(command).feed(text.as_bytes().to_vec()).end()
}

#[test]
fn fixes_are_made_in_place() {
    let bench = Workbench::with(UNEVEN);
    let only = ["--only", "DL3020,DL4000,DL3025"];
    let run = varve(&bench, &[&["lint", "--fix"], &only[..]].concat()).fails(1);
    let run = run.says(["2 fixes made in 1 file"]);
    // What can't be fixed is still told.
    assert!(run.stdout.contains("DL3025"), "{}", run.stdout);
    assert!(!run.stdout.contains("DL3020"), "{}", run.stdout);
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), FIXED);
    let again = varve(&bench, &[&["lint", "--fix"], &only[..]].concat());
    again.fails(1).never_says(["made"]);
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), FIXED);
    assert_eq!(fs::read_dir(bench.context()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_difference_is_shown_and_nothing_is_written() {
    let bench = Workbench::with(UNEVEN);
    let run = varve(&bench, &["lint", "--diff", "--only", "DL3020"]).fails(1);
    assert_eq!(
        run.stdout,
        "--- Dockerfile\n+++ Dockerfile\n@@ -1,5 +1,5 @@\n from debian:12\n # who\n MAINTAINER Ada <ada@example.org>\n-ADD x  /y\n+COPY x  /y\n CMD exec a | b\n"
    );
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), UNEVEN);
    varve(&bench, &["lint", "--diff", "--only", "DL3002"]).succeeds();
    if peer("patch") {
        fs::write(bench.path("work/difference"), &run.stdout).unwrap();
        let status = Command::new("patch")
            .args(["-s", "-p0", "-i"])
            .arg(bench.path("work/difference"))
            .current_dir(bench.context())
            .status()
            .unwrap();
        assert!(status.success());
        varve(&bench, &["lint", "--diff", "--only", "DL3020"]).succeeds();
    }
}

#[test]
fn files_keep_what_they_are() {
    let bench = Workbench::bare();
    let file = bench.file("real/Dockerfile", UNEVEN.replace('\n', "\r\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/Dockerfile", bench.path("context/Dockerfile")).unwrap();
    varve(&bench, &["lint", "--fix", "--only", "DL3020,DL4000", "Dockerfile"]).succeeds();
    assert_eq!(fs::read_to_string(&file).unwrap(), FIXED.replace('\n', "\r\n"));
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    assert!(
        fs::symlink_metadata(bench.path("context/Dockerfile"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn a_read_only_file_is_an_error_and_the_others_are_fixed() {
    let bench = Workbench::bare();
    let locked = bench.file("a/Dockerfile", UNEVEN);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o444)).unwrap();
    let other = bench.file("b/Dockerfile", UNEVEN);
    for (words, says) in [
        (
            &["lint", "--fix", "--only", "DL3020,DL4000", "."] as &[&str],
            "cannot fix `a/Dockerfile`",
        ),
        (&["fmt", "."], "cannot format `a/Dockerfile`"),
    ] {
        varve(&bench, words).fails(2).says([says, "read-only"]);
        assert_eq!(fs::read_to_string(&locked).unwrap(), UNEVEN);
        assert_ne!(fs::read_to_string(&other).unwrap(), UNEVEN);
    }
}

#[test]
fn standard_input_is_printed_fixed() {
    let bench = Workbench::bare();
    let run = fed(&bench, &["lint", "--fix", "--only", "DL3020,DL4000", "-"], UNEVEN).succeeds();
    assert_eq!(run.stdout, FIXED);
    let run = fed(&bench, &["lint", "--fix", "--only", "DL3025", "-"], UNEVEN).fails(1);
    assert_eq!(run.stdout, UNEVEN);
    run.says(["DL3025"]);
    fed(&bench, &["lint", "--unsafe", "-"], UNEVEN).fails(2).says(["--fix"]);
}

#[test]
fn what_a_comment_or_a_baseline_keeps_is_not_fixed() {
    let kept = "FROM debian:12\n# hadolint ignore=DL3020\nADD x /y\n";
    let bench = Workbench::with(kept);
    varve(&bench, &["lint", "--fix", "--only", "DL3020"]).succeeds();
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), kept);
    let known = "FROM debian:12\nADD x /y\n";
    bench.dockerfile(known);
    varve(&bench, &["lint", "--only", "DL3020", "--write-baseline", "known.json"]).succeeds();
    varve(
        &bench,
        &["lint", "--fix", "--only", "DL3020", "--baseline", "known.json"],
    )
    .succeeds();
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), known);
    let more = format!("{known}ADD z /z\n");
    bench.dockerfile(&more);
    varve(
        &bench,
        &["lint", "--fix", "--only", "DL3020", "--baseline", "known.json"],
    )
    .succeeds();
    let text = fs::read_to_string(bench.path("context/Dockerfile")).unwrap();
    assert_eq!(text, "FROM debian:12\nADD x /y\nCOPY z /z\n");
}

#[test]
fn files_are_formatted() {
    let bench = Workbench::with(UNEVEN);
    let even = UNEVEN.replace("from", "FROM").replace("  ", " ");
    bench.file("other/Dockerfile", &even);
    let run = varve(&bench, &["fmt", "--check"])
        .fails(1)
        .says(["1 file would change"]);
    assert_eq!(run.stdout, "Dockerfile\n");
    let run = varve(&bench, &["fmt", "--diff", "Dockerfile"]).fails(1);
    assert!(
        run.stdout.contains("\n-from debian:12\n+FROM debian:12\n"),
        "{}",
        run.stdout
    );
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), UNEVEN);
    let run = fed(&bench, &["fmt", "-"], UNEVEN).succeeds();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (even.as_str(), ""));
    assert_eq!(fed(&bench, &["fmt", "-"], &even).succeeds().stdout, even);
    varve(&bench, &["fmt"]).succeeds().says(["1 file changed"]);
    assert_eq!(fs::read_to_string(bench.path("context/Dockerfile")).unwrap(), even);
    let run = varve(&bench, &["fmt", "--check", "."]).succeeds();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn what_is_broken_is_not_formatted() {
    let bench = Workbench::with("FROM a\nFOO\n");
    varve(&bench, &["fmt"])
        .fails(1)
        .says(["unknown instruction `FOO`", "Dockerfile:2:1"]);
    bench.dockerfile("FROM a\nRUN \0\n");
    varve(&bench, &["fmt"]).fails(2).says(["cannot format `Dockerfile`"]);
    varve(&bench, &["fmt", "nowhere"]).fails(2).says(["nowhere"]);
}
