//! `varve lint`: what it looks at, what it is told, and how it answers.

use crate::support::{Run, Running, VARVE, Workbench};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

/// `DL4000` on line 2 and `DL3000` on line 3.
pub(crate) const TWO: &str = "FROM debian:12\nMAINTAINER Ada\nWORKDIR app\n";

/// A directory with files, in which linters are started.
pub(crate) struct Desk(pub(crate) Workbench);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(Workbench::bare())
    }

    pub(crate) fn with(dockerfile: &str) -> Self {
        Self::new().and("Dockerfile", dockerfile)
    }

    pub(crate) fn and(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path("work").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path("work").join(path)).unwrap()
    }

    pub(crate) fn lint(&self, words: &[&str]) -> Run {
        self.0.varve(["lint"].iter().chain(words))
    }

    /// `CODE FILE:LINE` of every finding, with only these rules.
    pub(crate) fn found(&self, words: &[&str]) -> Vec<String> {
        let mut all = vec!["--only", "DL3000,DL4000,VV001,VV002", "-f", "json"];
        all.extend(words);
        shorthand(&self.lint(&all).stdout)
    }

    /// The same program under the name of hadolint.
    pub(crate) fn hadolint(&self, words: &[&str]) -> Run {
        let link = self.0.path("hadolint");
        if !link.exists() {
            symlink(VARVE, &link).unwrap();
        }
        let mut command = self.0.command(link);
        command.args(words);
        Running::start(command).end()
    }
}

pub(crate) fn shorthand(json: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let list = list.as_array().unwrap();
    let short = list.iter().map(|finding| {
        let word = |key: &str| finding[key].as_str().unwrap();
        format!("{} {}:{}", word("code"), word("file"), finding["line"])
    });
    short.collect()
}

#[test]
fn a_person_sees_the_place_and_what_may_help() {
    let desk = Desk::with(TWO);
    let run = desk.lint(&["--only", "DL3000,DL4000"]).fails(1);
    let expected = "\
error[DL4000]: `MAINTAINER` is deprecated; use a label
 --> Dockerfile:2:1
  |
2 | MAINTAINER Ada
  | ^^^^^^^^^^^^^^
";
    assert!(run.stdout.starts_with(expected), "{}", run.stdout);
    assert!(run.stdout.contains(" --> Dockerfile:3:9\n"), "{}", run.stdout);
    run.says(["2 errors in 1 of 1 file"]);
    desk.write("Dockerfile", "FROM debian:12\nWORKDIR /app\n");
    let run = desk.lint(&["--only", "DL3000"]).succeeds();
    assert_eq!(run.stdout, "");
    run.says(["nothing found in 1 file"]);
}

#[test]
fn files_directories_patterns_and_standard_input() {
    let desk = Desk::with(TWO)
        .and("b/Dockerfile", "FROM b\nWORKDIR x\n")
        .and("b/web.Dockerfile", "FROM b\nWORKDIR x\n")
        .and("b/notes.txt", "WORKDIR x\n")
        .and("b/.dev/Containerfile", "FROM b\nWORKDIR x\n")
        .and(".git/dockerfile", "FROM b\nWORKDIR x\n")
        .and("old/Dockerfile", "FROM b\nWORKDIR x\n")
        .and(".gitignore", "old\n");
    assert_eq!(
        desk.found(&["Dockerfile"]),
        ["DL4000 Dockerfile:2", "DL3000 Dockerfile:3"]
    );
    let all = [
        "DL4000 Dockerfile:2",
        "DL3000 Dockerfile:3",
        "DL3000 b/.dev/Containerfile:2",
        "DL3000 b/Dockerfile:2",
        "DL3000 b/web.Dockerfile:2",
    ];
    assert_eq!(desk.found(&[]), all, "the working directory");
    assert_eq!(desk.found(&["."]), all);
    assert_eq!(desk.found(&[".", "./b", "Dockerfile"]), all, "each once");
    assert_eq!(
        desk.found(&["b/Dockerfile", "b"])[0],
        "DL3000 b/Dockerfile:2",
        "in the order of the arguments"
    );
    assert_eq!(desk.found(&["b/*.Dockerfile"]), ["DL3000 b/web.Dockerfile:2"]);
    assert_eq!(
        desk.found(&["**/*ockerfile"]).len(),
        4,
        "four files that git does not ignore"
    );
    assert_eq!(
        desk.found(&["b/notes.txt"]),
        ["DL3000 b/notes.txt:1"],
        "whatever its name"
    );
    desk.lint(&["b/*.nothing"])
        .fails(2)
        .says(["no file matches `b/*.nothing`"]);
    desk.lint(&["[a"]).fails(2).says(["is not a pattern"]);
    desk.lint(&["b/.dev/none"]).fails(2).says(["cannot read `b/.dev/none`"]);
    fs::create_dir(desk.0.path("work/empty")).unwrap();
    desk.lint(&["empty"]).fails(2).says(["no Dockerfile in `empty`"]);
    // One that can't be read does not hide what is in the others.
    let run = desk
        .lint(&["-f", "json", "--only", "DL3000", "nowhere", "Dockerfile"])
        .fails(2);
    assert_eq!(shorthand(&run.stdout), ["DL3000 Dockerfile:3"]);

    let mut command = desk.0.varve_command(["lint", "-f", "json", "--only", "DL3000", "-"]);
    command.stdin(Stdio::piped());
    let run = Running::start(command).feed(TWO.into()).end().fails(1);
    assert_eq!(shorthand(&run.stdout), ["DL3000 -:3"]);
}

#[test]
fn many_files_come_out_in_order() {
    let desk = Desk::new();
    for number in 0..200 {
        let blanks = "\n".repeat(number % 7);
        desk.write(
            &format!("{number:03}/Dockerfile"),
            format!("FROM b\n{blanks}WORKDIR x\n"),
        );
    }
    let expected: Vec<String> = (0..200)
        .map(|number| format!("DL3000 {number:03}/Dockerfile:{}", number % 7 + 2))
        .collect();
    assert_eq!(desk.found(&[]), expected);
}

#[test]
fn files_that_are_no_dockerfiles() {
    let desk = Desk::new()
        .and("latin", b"FROM debian:12\n# caf\xe9\nWORKDIR app\n")
        .and("elf", b"\x7fELF\x02\x01\x01\0\0\0\0\xff\xff")
        .and("zero", b"FROM debian\0:12\n")
        .and("wide", b"\xff\xfeF\0R\0O\0M\0 \0a\0\n\0")
        .and("empty", b"");
    for (file, line, says) in [
        ("latin", 2, "not UTF-8 text"),
        ("elf", 1, "no text"),
        ("zero", 1, "zero byte"),
        ("wide", 1, "UTF-16"),
    ] {
        let run = desk.lint(&["-f", "json", file]).fails(1);
        assert_eq!(shorthand(&run.stdout), [format!("DL1000 {file}:{line}")]);
        assert!(run.stdout.contains(says), "{}", run.stdout);
        for format in ["full", "tty", "checkstyle", "sarif", "junit", "github"] {
            let run = desk.lint(&["-f", format, file]).fails(1).never_says(["panicked"]);
            assert!(run.stdout.contains(says), "{format}: {}", run.stdout);
        }
    }
    assert_eq!(desk.found(&["empty"]), [""; 0]);
    // 100 MB that are not there, and 100 MB that are.
    let large = fs::File::create(desk.0.path("work/large")).unwrap();
    large.set_len(100 << 20).unwrap();
    desk.write("text", "RUN cd x\n".repeat(100 << 17));
    for file in ["large", "text"] {
        let run = desk.lint(&["-f", "tty", file]).fails(1);
        assert!(run.stdout.contains("larger than 4 MiB"), "{}", run.stdout);
    }
    desk.hadolint(&["/"]).fails(1).says(["cannot read `/`"]);
}

#[test]
fn a_file_at_the_limit_is_looked_at_within_bounds() {
    let desk = Desk::new().and("many", format!("FROM b\n{}", "WORKDIR x\n".repeat(100_000)));
    let run = desk.lint(&["--only", "DL3000", "-f", "tty", "many"]).fails(1);
    assert_eq!(run.stdout.lines().count(), 100_000);
    let line = format!("FROM b\nWORKDIR {}\n", "x".repeat(1 << 20));
    desk.write("long", line);
    let run = desk.lint(&["--only", "DL3000", "long"]).fails(1);
    assert!(run.stdout.contains("--> long:2:9"), "{:.200}", run.stdout);
}

#[test]
fn every_format_is_written_where_it_should_be() {
    let desk = Desk::with(TWO).and("clean/Dockerfile", "FROM debian:12\nWORKDIR /app\n");
    for format in ["json", "gitlab_codeclimate", "sonarqube", "sarif"] {
        let run = desk.lint(&["--only", "DL3000", "-f", format]).fails(1);
        serde_json::from_str::<Value>(&run.stdout).unwrap();
        let run = desk.lint(&["--only", "DL3000", "-f", format, "clean"]).succeeds();
        serde_json::from_str::<Value>(&run.stdout).unwrap();
    }
    desk.lint(&[
        "--only", "DL3000", "-f", "json", "-o", "one", "-f", "gnu", "-o", "-", "-f", "tty",
    ])
    .fails(1)
    .never_says(["found"]);
    assert_eq!(shorthand(&desk.read("one")), ["DL3000 Dockerfile:3"]);
    let run = desk
        .lint(&["--only", "DL3000", "-f", "json", "-o", "two", "-f", "gnu"])
        .fails(1);
    assert_eq!(
        run.stdout,
        "varve:Dockerfile:3: DL3000 error: the working directory `app` is relative\n"
    );
    let run = desk.lint(&[
        "--only",
        "DL3000",
        "-f",
        "checkstyle",
        "--file-path-in-report",
        "in/image",
    ]);
    assert_eq!(
        run.stdout.matches("<file name=\"in/image\"").count(),
        2,
        "{}",
        run.stdout
    );
    desk.lint(&["-f", "jsn"]).fails(2).says(["jsn", "gitlab_codeclimate"]);
    desk.lint(&["-o", "no/such/directory"])
        .fails(2)
        .says(["no/such/directory"]);
}

#[test]
fn exit_codes_follow_the_threshold() {
    let desk = Desk::with(TWO);
    let only = ["--only", "DL3000"];
    let table: &[(&[&str], i32)] = &[
        (&[], 1),
        (&["--info", "DL3000"], 1),
        (&["--style", "DL3000"], 0),
        (&["--style", "DL3000", "-t", "style"], 1),
        (&["--style", "DL3000", "-t", "ignore"], 1),
        (&["--style", "DL3000", "-t", "none"], 1),
        (&["--warning", "DL3000", "-t", "error"], 0),
        (&["--warning", "DL3000", "-t", "warning"], 1),
        (
            &["-t", "error", "--warning", "DL3000", "--error", "relative-workdir"],
            1,
        ),
        (&["--no-fail"], 0),
        (&["-f", "codeclimate"], 0),
        (&["-f", "codacy"], 0),
        (&["-f", "codacy", "-f", "json"], 1),
        (&["--ignore", "DL3000"], 0),
        (&["-t", "high"], 2),
        (&["--ignore", "DL9999"], 2),
        (&["--require-label", "a:b"], 2),
        (&["--nonsense"], 2),
    ];
    for (words, code) in table {
        let words: Vec<&str> = only.iter().chain(*words).copied().collect();
        let run = desk.lint(&words);
        assert_eq!(run.code, *code, "{words:?}: {}", run.stderr);
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let desk = Desk::new();
    let run = desk.lint(&["--list-rules"]).succeeds();
    assert!(
        run.stdout
            .lines()
            .any(|line| line.starts_with("DL4000 ") && line.ends_with(" maintainer"))
    );
    for word in ["DL4000", "dl4000", "maintainer"] {
        let run = desk.lint(&["--explain", word]).succeeds();
        assert!(
            run.stdout.contains("DL4000") && run.stdout.contains("```dockerfile"),
            "{}",
            run.stdout
        );
    }
    desk.lint(&["--explain", "DL400"])
        .fails(2)
        .says(["no rule `DL400`", "DL4000"]);
    let run = desk.lint(&["--explain", "SC2086"]).succeeds();
    assert!(run.stdout.contains("SC2086"));
}

#[test]
fn the_link_named_hadolint_takes_its_command_line() {
    let desk = Desk::with(TWO).and("Other", "FROM debian:12\nWORKDIR x\n");
    let run = desk.hadolint(&["--version"]).succeeds();
    assert!(run.stdout.contains("2.15.1"), "{}", run.stdout);
    desk.hadolint(&[]).fails(1);
    desk.hadolint(&["--nope", "Dockerfile"]).fails(1).says(["--nope"]);
    desk.hadolint(&["-t", "high", "Dockerfile"]).fails(1);
    desk.hadolint(&["nowhere"]).fails(1).says(["nowhere"]);
    desk.hadolint(&["-c", "nowhere", "Dockerfile"]).fails(1);
    desk.hadolint(&["--ignore", "DL99", "Dockerfile"])
        .fails(1)
        .never_says(["DL99"]);
    let run = desk.hadolint(&["--no-color", "Dockerfile", "Other"]).fails(1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines.contains(&"Dockerfile:2 DL4000 error: `MAINTAINER` is deprecated; use a label")
            && lines
                .last()
                .is_some_and(|line| line.starts_with("Other:2 DL3000 error: ")),
        "{lines:?}"
    );
    assert_eq!(run.stderr, "");
    // What does not parse is all that is said about a file.
    desk.write("Dockerfile", "FROM debian:12\nWORKDIR app\nRUNN x\n");
    let text = desk.hadolint(&["-f", "json", "Dockerfile", "Other"]).fails(1).stdout;
    let found: BTreeSet<String> = shorthand(&text).into_iter().collect();
    assert!(found.contains("DL3000 Other:2"), "{found:?}");
}

#[test]
fn a_reader_that_went_away_is_no_news() {
    let desk = Desk::new().and("many", format!("FROM b\n{}", "WORKDIR x\n".repeat(20_000)));
    let mut command = desk.0.command("/bin/sh");
    command.arg("-c").arg(format!("{VARVE} lint -f tty many | head -n 1"));
    let run = Running::start(command).end().succeeds();
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""));
}
