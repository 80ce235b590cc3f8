//! `varve images`.

use crate::support::Workbench;
use serde_json::Value;

#[test]
fn names_ids_and_sizes() {
    let bench = Workbench::with("FROM busybox\nRUN echo 1 > /f\n");
    let run = bench.varve(["images"]).succeeds();
    assert_eq!(
        run.stdout.split_whitespace().collect::<Vec<_>>(),
        ["NAME", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    );
    let id = bench
        .build(&["-q", "-t", "one", "-t", "example.org:5000/team/two:v2"])
        .stdout;
    let run = bench.varve(["images", "--no-trunc"]).succeeds();
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let mut names: Vec<_> = rows.iter().map(|row| (row[0], row[1], row[2])).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            ("example.org:5000/team/two", "v2", id.trim()),
            ("one", "latest", id.trim())
        ]
    );
    let short = bench.varve(["images", "-q"]).succeeds().stdout;
    assert_eq!(short, format!("{}\n", &id.trim()["sha256:".len()..][..12]));
    for line in bench.varve(["images", "--format=json"]).succeeds().stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(row["size"].as_u64().unwrap() > 1_000_000);
    }
}

#[test]
fn a_name_moves() {
    let bench = Workbench::with("FROM busybox\nRUN echo 1 > /f\n");
    let first = bench.build(&["-q", "-t", "app"]).stdout;
    bench.dockerfile("FROM busybox\nRUN echo 2 > /f\n");
    let second = bench.build(&["-q", "-t", "app"]).stdout;
    assert_ne!(first, second);
    let run = bench.varve(["images", "--no-trunc"]).succeeds();
    let named: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("app ")).collect();
    assert!(named.len() == 1 && named[0].contains(second.trim()), "{}", run.stdout);
    assert_eq!(bench.varve(["run", "app", "cat", "/f"]).succeeds().stdout, "2\n");
    let id = &first.trim()["sha256:".len()..][..12];
    assert_eq!(bench.varve(["run", id, "cat", "/f"]).succeeds().stdout, "1\n");
}

#[test]
fn nobody_reads_the_list() {
    let bench = Workbench::with("FROM busybox\n");
    bench.build(&["-t", "app"]);
    let mut command = bench.command("bash");
    command.args(["-c", "\"$@\" | true; exit 0", "bash", crate::support::VARVE, "images"]);
    let run = crate::support::Running::start(command).end().succeeds();
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}
