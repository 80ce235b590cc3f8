//! What instructions leave in the image's config: HEALTHCHECK, SHELL, STOPSIGNAL and VOLUME.

use crate::support::Workbench;

/// Builds lines after `FROM scratch` and reads one value of the config.
#[track_caller]
fn check(bench: &Workbench, table: &[(&str, &str, &str)]) {
    for (lines, key, want) in table {
        let image = bench.image_of(&format!("FROM scratch\n{lines}\n"));
        assert_eq!(image.config["config"][*key].to_string(), *want, "{lines}");
    }
}

#[track_caller]
fn refused(table: &[(&str, &str)]) {
    for (lines, text) in table {
        let bench = Workbench::with(&format!("FROM scratch\n{lines}\n"));
        let line = format!("Dockerfile:{}", 1 + lines.lines().count());
        bench.try_build(&[]).fails(1).says([*text, &line]);
    }
}

#[test]
fn health_checks() {
    check(
        &Workbench::new(),
        &[
            (
                "HEALTHCHECK CMD a  $b",
                "Healthcheck",
                r#"{"Test":["CMD-SHELL","a  $b"]}"#,
            ),
            (
                r#"HEALTHCHECK CMD ["a","$b"]"#,
                "Healthcheck",
                r#"{"Test":["CMD","a","$b"]}"#,
            ),
            ("HEALTHCHECK none", "Healthcheck", r#"{"Test":["NONE"]}"#),
            (
                "HEALTHCHECK CMD a\nHEALTHCHECK NONE",
                "Healthcheck",
                r#"{"Test":["NONE"]}"#,
            ),
            (
                "HEALTHCHECK --interval=1m30s --timeout=1.5h --start-period=1ms --start-interval=2s --retries=4 cmd a",
                "Healthcheck",
                r#"{"Interval":90000000000,"Retries":4,"StartInterval":2000000000,"StartPeriod":1000000,"Test":["CMD-SHELL","a"],"Timeout":5400000000000}"#,
            ),
            (
                "HEALTHCHECK --interval=0 --retries=0 CMD a",
                "Healthcheck",
                r#"{"Test":["CMD-SHELL","a"]}"#,
            ),
            // The shell of later instructions is no part of it.
            (
                "SHELL [\"/x\"]\nHEALTHCHECK CMD a",
                "Healthcheck",
                r#"{"Test":["CMD-SHELL","a"]}"#,
            ),
            (
                "HEALTHCHECK CMD a \\\n  b",
                "Healthcheck",
                r#"{"Test":["CMD-SHELL","a   b"]}"#,
            ),
        ],
    );
    refused(&[
        ("HEALTHCHECK", "HEALTHCHECK"),
        ("HEALTHCHECK NONE x", "NONE"),
        ("HEALTHCHECK TRUE", "CMD"),
        ("HEALTHCHECK CMD", "CMD"),
        ("HEALTHCHECK --interval=1us CMD a", "1ms"),
        ("HEALTHCHECK --timeout=-1s CMD a", "1ms"),
        ("HEALTHCHECK --interval=5 CMD a", "5"),
        ("HEALTHCHECK --retries=-1 CMD a", "negative"),
        ("HEALTHCHECK --retries=many CMD a", "many"),
        ("HEALTHCHECK --retries=1 --retries=2 CMD a", "retries"),
        ("HEALTHCHECK --intreval=1s CMD a", "--interval"),
    ]);
}

#[test]
fn stop_signals() {
    check(
        &Workbench::new(),
        &[
            ("STOPSIGNAL SIGQUIT", "StopSignal", "\"SIGQUIT\""),
            ("STOPSIGNAL 9", "StopSignal", "\"9\""),
            ("ARG s=kill\nSTOPSIGNAL $s", "StopSignal", "\"kill\""),
            ("STOPSIGNAL SIGRTMIN+3", "StopSignal", "\"SIGRTMIN+3\""),
            ("STOPSIGNAL TERM\nSTOPSIGNAL INT", "StopSignal", "\"INT\""),
        ],
    );
    refused(&[
        ("STOPSIGNAL", "STOPSIGNAL"),
        ("STOPSIGNAL SIGNOTHING", "SIGNOTHING"),
        ("STOPSIGNAL 0", "0"),
        ("STOPSIGNAL $nothing", "signal"),
    ]);
}

#[test]
fn volumes() {
    check(
        &Workbench::new(),
        &[
            ("VOLUME /b /a", "Volumes", r#"{"/a":{},"/b":{}}"#),
            (r#"VOLUME ["/a b", "/c"]"#, "Volumes", r#"{"/a b":{},"/c":{}}"#),
            (
                "ENV d=/data\nVOLUME $d/x ${d}\nVOLUME $d",
                "Volumes",
                r#"{"/data":{},"/data/x":{}}"#,
            ),
            (r#"VOLUME ['/a']"#, "Volumes", r#"{"[/a]":{}}"#),
            ("VOLUME relative", "Volumes", r#"{"relative":{}}"#),
        ],
    );
    refused(&[
        ("VOLUME", "VOLUME"),
        ("VOLUME []", "VOLUME"),
        (r#"VOLUME ["/a",""]"#, "empty"),
        (r#"VOLUME ["  "]"#, "empty"),
        ("VOLUME $nothing", "empty"),
        (r#"VOLUME ["/a", 1]"#, "string"),
    ]);
    // What is written there later stays, unlike in older builders.
    let image = Workbench::new()
        .image_of("FROM busybox\nVOLUME /v\nRUN mkdir -p /v && echo kept > /v/f\nCOPY Dockerfile /v/\n");
    assert_eq!(image.read("v/f"), "kept\n");
    assert!(image.has("v/Dockerfile"));
}

#[test]
fn shells() {
    check(
        &Workbench::new(),
        &[
            (r#"SHELL ["/bin/x", "$y", "-c"]"#, "Shell", r#"["/bin/x","$y","-c"]"#),
            ("SHELL [\"/x\"]\nCMD a b", "Cmd", r#"["/x","a b"]"#),
            (
                "SHELL [\"/x\", \"-c\"]\nENTRYPOINT a b",
                "Entrypoint",
                r#"["/x","-c","a b"]"#,
            ),
            ("SHELL [\"/x\"]\nCMD [\"a\"]", "Cmd", r#"["a"]"#),
            ("CMD a\nSHELL [\"/x\"]", "Cmd", r#"["/bin/sh","-c","a"]"#),
        ],
    );
    refused(&[
        ("SHELL", "SHELL"),
        ("SHELL []", "SHELL"),
        ("SHELL /bin/sh -c", "JSON"),
        ("SHELL ['/bin/sh']", "JSON"),
    ]);
    // It is the shell of RUN, heredocs, and of stages and images that begin here.
    let bench = Workbench::with(
        "FROM busybox AS a\nSHELL [\"/bin/sh\", \"-euc\"]\nRUN echo $- > /1\nRUN <<EOF\necho $- > /2\nEOF\n\
         FROM a\nRUN echo $- > /3\nRUN [\"/bin/sh\", \"-c\", \"echo $- > /4\"]\n",
    );
    let image = bench.image(&[]);
    for path in ["1", "2", "3"] {
        assert!(
            image.read(path).contains('e') && image.read(path).contains('u'),
            "{path}"
        );
    }
    assert!(!image.read("4").contains('e'));
    assert_eq!(image.config["config"]["Shell"].to_string(), r#"["/bin/sh","-euc"]"#);
}

#[test]
fn they_are_inherited_and_triggered() {
    let bench = Workbench::with(
        "FROM scratch AS a\nVOLUME /a\nSTOPSIGNAL 3\nHEALTHCHECK --retries=2 CMD a\nONBUILD STOPSIGNAL 5\nONBUILD VOLUME /b\n\
         ONBUILD HEALTHCHECK CMD b\nFROM a\nVOLUME /c\n",
    );
    let config = bench.image(&[]).config["config"].clone();
    assert_eq!(config["Volumes"].to_string(), r#"{"/a":{},"/b":{},"/c":{}}"#);
    assert_eq!(config["StopSignal"].to_string(), "\"5\"");
    assert_eq!(config["Healthcheck"].to_string(), r#"{"Test":["CMD-SHELL","b"]}"#);
}
