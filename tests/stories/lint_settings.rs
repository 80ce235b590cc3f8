//! What `varve lint` is told: files, variables, comments and known findings.

use crate::lint::{Desk, TWO, shorthand};
use crate::support::{Workbench, peer};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn hadolints_configuration_is_found_where_hadolint_finds_it() {
    let desk = Desk::with(TWO).and("sub/Dockerfile", TWO);
    let ignore = |code: &str| format!("ignored: [{code}]\n");
    let four = ["DL4000 Dockerfile:2"];
    let three = ["DL3000 Dockerfile:3"];
    // From the last place to the first, each before the ones written earlier.
    let home = |path: &str, text: &str| {
        let path = desk.0.path("home").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (at, path) in [
        ".hadolint.yml",
        ".hadolint.yaml",
        ".hadolint/config.yml",
        ".hadolint/config.yaml",
        ".hadolint/hadolint.yml",
        ".hadolint/hadolint.yaml",
        ".config/hadolint.yml",
        ".config/hadolint.yaml",
    ]
    .into_iter()
    .enumerate()
    {
        let (code, expected) = if at % 2 == 0 {
            ("DL3000", four)
        } else {
            ("DL4000", three)
        };
        home(path, &ignore(code));
        assert_eq!(desk.found(&["Dockerfile"]), expected, "{path}");
    }
    desk.write(".hadolint.yml", ignore("DL3000"));
    assert_eq!(desk.found(&["Dockerfile"]), four);
    desk.write(".hadolint.yaml", ignore("DL4000"));
    assert_eq!(desk.found(&["Dockerfile"]), three);
    // Of the working directory, not of the file's.
    desk.write("sub/.hadolint.yaml", ignore("DL3000"));
    assert_eq!(desk.found(&["sub/Dockerfile"]), ["DL3000 sub/Dockerfile:3"]);
    assert_eq!(desk.found(&["-c", "sub/.hadolint.yaml", "Dockerfile"]), four);
    desk.lint(&["-c", "nowhere.yaml"]).fails(2).says(["nowhere.yaml"]);
}

#[test]
fn the_environment_comes_first_and_the_command_line_last() {
    let desk = Desk::with(TWO);
    let found = |desk: &Desk, words: &[&str]| {
        let run = desk.lint(words);
        (run.code, run.stdout)
    };
    let bench = Workbench::bare()
        .variable("HADOLINT_IGNORE", "DL4000, SC2086")
        .variable("HADOLINT_OVERRIDE_STYLE", "DL3000")
        .variable("HADOLINT_FORMAT", "gnu");
    let desk_with = Desk(bench).and("Dockerfile", "FROM debian:12\nMAINTAINER Ada\nWORKDIR app\n");
    let only = ["--only", "DL3000,DL4000"];
    let line = "varve:Dockerfile:3: DL3000 style: the working directory `app` is relative\n".to_owned();
    assert_eq!(found(&desk_with, &only), (0, line.clone()));
    assert_eq!(
        found(&desk_with, &["--only", "DL3000,DL4000", "-t", "style"]),
        (1, line.clone())
    );
    // The file's level is the worse, and its format comes after the environment's.
    desk_with.write(
        ".hadolint.yaml",
        "override: {info: [DL3000]}\nfailure-threshold: error\n",
    );
    assert_eq!(found(&desk_with, &only), (0, line.replace("style", "info")));
    let (_, json) = found(&desk_with, &["--only", "DL3000,DL4000", "-f", "json"]);
    assert_eq!(shorthand(&json), ["DL3000 Dockerfile:3"]);
    assert_eq!(desk.found(&[]).len(), 2, "another desk is not told");
    for (name, value) in [
        ("HADOLINT_FORMAT", "loud"),
        ("HADOLINT_IGNORE", "DL30000"),
        ("HADOLINT_FAILURE_THRESHOLD", "some"),
        ("HADOLINT_REQUIRE_LABELS", "a:b"),
    ] {
        let desk = Desk(Workbench::bare().variable(name, value)).and("Dockerfile", "FROM a:1\n");
        desk.lint(&["--only", "DL3000"]).fails(2).says([name]);
        desk.hadolint(&["--ignore", "DL3000", "Dockerfile"]).succeeds();
    }
    let desk = Desk(Workbench::bare().variable("HADOLINT_NOFAIL", "Yes")).and("Dockerfile", TWO);
    desk.lint(&[]).succeeds();
}

#[test]
fn a_configuration_of_our_own_is_looked_for_upwards() {
    let desk = Desk::with(TWO)
        .and(
            "varve.toml",
            "[lint]\nignored = [\"DL4000\"]\n[lint.per-file-ignores]\n\"old/**\" = [\"DL3000\"]\n",
        )
        .and("a/b/Dockerfile", TWO)
        .and("old/c/Dockerfile", TWO)
        .and(
            "d/varve.toml",
            "[lint]\noverride = { style = [\"relative-workdir\", \"DL4000\"] }\n",
        )
        .and("d/e/Dockerfile", TWO)
        .and(".hadolint.yaml", "ignored: [DL3000]\n");
    assert_eq!(
        desk.found(&[]),
        [
            "DL3000 Dockerfile:3",
            "DL3000 a/b/Dockerfile:3",
            "DL4000 d/e/Dockerfile:2",
            "DL3000 d/e/Dockerfile:3",
        ],
        "the nearest one alone"
    );
    desk.lint(&["--only", "DL3000,DL4000", "d"]).succeeds();
    assert_eq!(
        desk.found(&["-c", ".hadolint.yaml", "Dockerfile"]),
        ["DL4000 Dockerfile:2"]
    );
    assert_eq!(desk.found(&["-c", "varve.toml", "old"]), [""; 0]);
    // Under the name of hadolint there is no such file.
    let run = desk.hadolint(&["-f", "json", "Dockerfile"]).fails(1);
    assert!(
        run.stdout.contains("DL4000") && !run.stdout.contains("DL3000"),
        "{}",
        run.stdout
    );
    desk.write(
        "varve.toml",
        "[lint]\nformat = \"gnu\"\npreview = true\nno-fail = true\n",
    );
    let run = desk.lint(&["--only", "DL3000", "Dockerfile"]).succeeds();
    assert!(run.stdout.starts_with("varve:Dockerfile:3: "), "{}", run.stdout);
    let run = desk.lint(&["-V", "--only", "DL3000", "Dockerfile"]).succeeds();
    run.says(["varve.toml"]);
}

#[test]
fn a_broken_configuration_is_an_error_with_its_place() {
    let desk = Desk::with(TWO);
    let table: &[(&str, &str, &[&str])] = &[
        (
            ".hadolint.yaml",
            "ignored: DL3000\n",
            &[".hadolint.yaml:1: `ignored`: a list"],
        ),
        (
            ".hadolint.yaml",
            "ignored:\n- DL3000\n- DL30000\n",
            &[":3: `ignored`: no rule `DL30000`", "`DL3000`?"],
        ),
        (".hadolint.yaml", "no-fail: maybe\n", &[":1: `no-fail`: true or false"]),
        (
            ".hadolint.yaml",
            "\nignore: [DL3000]\n",
            &[":2: `ignore`: no such key", "`ignored`?"],
        ),
        (".hadolint.yaml", "ignored: [DL3000\nx: y\n", &["not YAML"]),
        (
            ".hadolint.yaml",
            "override:\n  loud: [DL3000]\n",
            &[":2: `override.loud`"],
        ),
        (
            ".hadolint.yaml",
            "label-schema:\n  a: number\n",
            &[":2: `label-schema.a`: `number`"],
        ),
        (
            ".hadolint.yaml",
            "failure-threshold: high\n",
            &[":1: `failure-threshold`: `high`"],
        ),
        (".hadolint.yaml", "a: 1\na: 2\n", &[":2: `a`"]),
        (
            "varve.toml",
            "[lint]\nignored = \"DL3000\"\n",
            &["varve.toml:2: `ignored`"],
        ),
        (
            "varve.toml",
            "[lint]\nignored = [\n  \"DL3000\",\n  \"nothing\"\n]\n",
            &[":4: `ignored`"],
        ),
        ("varve.toml", "[lint\n", &["varve.toml:1: not TOML"]),
        ("varve.toml", "[lnt]\n", &["varve.toml:1: `lnt`"]),
    ];
    for (file, text, says) in table {
        desk.write(file, text);
        desk.lint(&["Dockerfile"]).fails(2).says(says.iter().copied());
        if *file == ".hadolint.yaml" {
            let run = desk.hadolint(&["Dockerfile"]).fails(1);
            assert!(run.stdout.contains("DL4000"), "{text}: {}", run.stdout);
            // What it does not know it passes over; what it can't read it does not read at all.
            let ignores = text.contains("- DL3000\n");
            assert_eq!(!run.stdout.contains("DL3000"), ignores, "{text}: {}", run.stdout);
        }
        fs::remove_file(desk.0.path("work").join(file)).unwrap();
    }
    // Both at once.
    desk.write(".hadolint.yaml", "ignored: [DL30000]\nformat: jsn\n");
    desk.lint(&[]).fails(2).says(["`ignored`", "`format`", "`json`?"]);
    let bomb: String = (1..40)
        .map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}]\n", at - 1))
        .collect();
    desk.write(".hadolint.yaml", format!("a0: &a0 [x, x]\n{bomb}"));
    desk.lint(&[]).fails(2).says(["aliases"]);
}

#[test]
fn comments_silence_and_are_checked() {
    let desk = Desk::with(
        "# hadolint global ignore=DL4000 # old image\nFROM debian:12\nMAINTAINER Ada\n# hadolint ignore=DL3000\n\
         WORKDIR app\n# hadolint ignore=DL3000 not a reason\nWORKDIR app\n# varve ignore=relative-workdir\nWORKDIR /app\n",
    );
    assert_eq!(
        desk.found(&[]),
        ["VV002 Dockerfile:6", "DL3000 Dockerfile:7", "VV001 Dockerfile:8"]
    );
    let all = desk.found(&["--disable-ignore-pragma"]);
    let expected = [
        "DL4000 Dockerfile:3",
        "DL3000 Dockerfile:5",
        "VV002 Dockerfile:6",
        "DL3000 Dockerfile:7",
    ];
    assert_eq!(all, expected);
    let run = desk.hadolint(&["-f", "json", "Dockerfile"]).fails(1);
    let own: Vec<String> = shorthand(&run.stdout)
        .into_iter()
        .filter(|it| it.starts_with("VV"))
        .collect();
    assert_eq!(own, [""; 0], "{}", run.stdout);
}

#[test]
fn checks_of_builds_know_the_ignore_file_and_their_directive() {
    let text = "# check=skip=ConsistentInstructionCasing,MaintainerDeprecated\nFROM debian:12\nCOPY key.pem /\n\
                maintainer Ada\n";
    let desk = Desk::with(text)
        .and(".dockerignore", "*.pem\n")
        .and("other/Dockerfile", text);
    let found = |words: &[&str]| {
        let mut all = vec![
            "--only",
            "CopyIgnoredFile,ConsistentInstructionCasing,DL4000",
            "-f",
            "json",
        ];
        all.extend(words);
        shorthand(&desk.lint(&all).stdout)
    };
    assert_eq!(
        found(&["."]),
        ["CopyIgnoredFile Dockerfile:3"],
        "the other has no ignore file"
    );
    assert_eq!(
        found(&["--disable-ignore-pragma", "other"]).len(),
        2,
        "the directive silences the twin too"
    );
    desk.write("other/Dockerfile.dockerignore", "key*\n");
    assert_eq!(found(&["other"]), ["CopyIgnoredFile other/Dockerfile:3"]);
    desk.write("other/Dockerfile", "# check=skip=all;error=perhaps\nFROM debian:12\n");
    let run = desk.lint(&["-f", "json", "--only", "DL1000", "other"]).fails(1);
    assert_eq!(shorthand(&run.stdout), ["DL1000 other/Dockerfile:1"]);
    desk.hadolint(&["--ignore", "DL3006", "other/Dockerfile"]).succeeds();
}

#[test]
fn known_findings_are_left_out_until_their_line_changes() {
    let desk = Desk::with("FROM debian:12\nWORKDIR app\nWORKDIR app\n").and("sub/Dockerfile", TWO);
    let only = ["--only", "DL3000,DL4000"];
    desk.lint(&["--only", "DL3000,DL4000", "--write-baseline", "known.json"])
        .succeeds()
        .says(["4 findings listed"]);
    assert_eq!(desk.found(&["--baseline", "known.json"]), [""; 0]);
    // Lines above come and go; it is still the same.
    desk.write(
        "Dockerfile",
        "# new\n\nFROM debian:12\nWORKDIR app\nWORKDIR app\nWORKDIR app\nWORKDIR web\n",
    );
    assert_eq!(
        desk.found(&["--baseline", "known.json"]),
        ["DL3000 Dockerfile:6", "DL3000 Dockerfile:7"],
        "a third, and another"
    );
    desk.write("sub/Dockerfile", "FROM debian:12\n");
    let words: Vec<&str> = only.iter().chain(&["--baseline", "known.json"]).copied().collect();
    desk.lint(&words).fails(1).says(["2 findings in the baseline"]);
    desk.write("varve.toml", "[lint]\nbaseline = \"known.json\"\n");
    assert_eq!(desk.found(&[]).len(), 2);
    desk.write("known.json", "{\"version\": 1,\n\"findings\": [{}]}");
    desk.lint(&only).fails(2).says(["known.json", "line 2"]);
    desk.write("known.json", "{\"version\": 2, \"findings\": []}");
    desk.lint(&only).fails(2).says(["version 2"]);
    desk.lint(&["--baseline", "nowhere.json"])
        .fails(2)
        .says(["nowhere.json"]);
}

#[test]
fn an_installed_shellcheck_is_started_once_for_all_files() {
    if !peer("shellcheck") {
        return;
    }
    let text =
        "FROM debian:12\nARG known\nRUN echo $known && \\\n  ls $unknown\n# hadolint ignore=SC2046\nRUN ls $(pwd)\n";
    let bench = Workbench::bare();
    // Temporary files go where the test can see them.
    let temporary = bench.text("home");
    let desk = Desk(bench.variable("TMPDIR", &temporary))
        .and("Dockerfile", text)
        .and("sub/Dockerfile", "FROM debian:12\nRUN x=`pwd`\n");
    let counts = desk.0.text("work/starts");
    desk.write("sc", format!("#!/bin/sh\necho >> {counts}\nexec shellcheck \"$@\"\n"));
    fs::set_permissions(desk.0.path("work/sc"), fs::Permissions::from_mode(0o755)).unwrap();
    let only = ["--only", "SC2086,SC2046,SC2006", "-f", "json"];
    let words = |more: &[&'static str]| only.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let run = desk.lint(&words(&["--shellcheck", "./sc"])).fails(1);
    assert_eq!(
        shorthand(&run.stdout),
        ["SC2086 Dockerfile:4", "SC2006 sub/Dockerfile:2"]
    );
    assert!(
        run.stdout.contains("\"start\":{\"column\":6,\"line\":4,"),
        "{}",
        run.stdout
    );
    assert_eq!(desk.read("starts").lines().count(), 1);
    assert_eq!(
        shorthand(&desk.lint(&words(&["--shellcheck", "off"])).succeeds().stdout),
        [""; 0]
    );
    desk.lint(&words(&["--shellcheck", "./none"]))
        .fails(2)
        .says(["cannot start", "none"]);
    desk.write("sc", "#!/bin/sh\necho no such option >&2\n");
    desk.lint(&words(&["--shellcheck", "./sc"]))
        .fails(2)
        .says(["no such option"]);
    assert_eq!(
        fs::read_dir(desk.0.path("home")).unwrap().count(),
        0,
        "nothing is left behind"
    );
}
