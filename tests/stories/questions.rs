//! `--call`: what a build takes, without doing it.

use crate::support::Workbench;
use serde_json::{Value, json};

const TEXT: &str = "# syntax=docker/dockerfile:1
# BASE is what all is built on
ARG BASE=busy${KIND}
# KIND of box
ARG KIND=box UNUSED=1
ARG REPLACED=global
ARG BASE=busy${KIND}

# compile makes the program
# and more
FROM $BASE AS Compile
# LEVEL of optimisation
# LEVEL is not this
ARG LEVEL=2 TARGETARCH
ARG BARE
ARG REPLACED
RUN --mount=type=secret,id=token,required --mount=type=ssh,required=true \\
    --mount=type=cache,target=/c \\
    exit 1
RUN --mount=type=secret,id=token --mount=type=secret,target=/run/other --mount=type=ssh,id=deploy true

FROM scratch AS other
ARG NOT_NEEDED

# something else
FROM --platform=$BUILDPLATFORM compile
ARG LEVEL=3
COPY --from=compile /x /x
";

#[test]
fn an_outline_lists_what_a_target_takes() {
    let bench = Workbench::with(TEXT);
    let run = bench.build(&[
        "-q",
        "--call=outline",
        "--target=compile",
        "--build-arg",
        "REPLACED=given",
    ]);
    assert_eq!(
        run.stdout,
        "TARGET:      compile\n\
         DESCRIPTION: makes the program\n\
         \n\
         BUILD ARG   VALUE     DESCRIPTION\n\
         KIND        box       of box\n\
         BASE        busybox\n\
         LEVEL       2         of optimisation\n\
         BARE\n\
         REPLACED    given\n\
         \n\
         SECRET   REQUIRED\n\
         token    true\n\
         other\n\
         \n\
         SSH       REQUIRED\n\
         default   true\n\
         deploy\n"
    );
    let run = bench.build(&["-q", "--call=outline,format=json"]);
    let outline: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(
        outline.get("name").is_none() && outline.get("description").is_none(),
        "{outline:#}"
    );
    let arg = |name: &str| {
        let args = outline["args"].as_array().unwrap();
        args.iter().find(|arg| arg["name"] == name).cloned()
    };
    let lines = |first: u32, last: u32| json!({"ranges": [{"start": {"line": first}, "end": {"line": last}}]});
    let level = arg("LEVEL").unwrap();
    assert_eq!(
        level,
        json!({"name": "LEVEL", "value": "3", "location": lines(27, 27)}),
        "the target's own"
    );
    assert_eq!(arg("REPLACED").unwrap()["value"], "global");
    for name in ["UNUSED", "NOT_NEEDED", "TARGETARCH", "BUILDPLATFORM"] {
        assert_eq!(arg(name), None, "{name}");
    }
    assert_eq!(
        outline["secrets"][0],
        json!({"name": "token", "required": true, "location": lines(17, 19)})
    );
    assert_eq!(outline["secrets"][1]["name"], "other");
    assert_eq!(outline["ssh"][1], json!({"name": "deploy", "location": lines(20, 20)}));
    assert_eq!(outline["sources"].as_array().unwrap().len(), 1);
}

#[test]
fn targets_are_listed_by_the_text_alone() {
    let bench = Workbench::with(TEXT);
    let run = bench.build(&["--call", "targets"]);
    assert_eq!(
        run.stdout,
        "TARGET    DESCRIPTION\ncompile   makes the program\nother\n(default)\n"
    );
    bench.dockerfile("# a is first\nFROM registry.invalid/nowhere AS a\nFROM a AS b\n");
    let run = bench.build(&["--call=targets,format=json"]);
    let list: Value = serde_json::from_str(&run.stdout).unwrap();
    let lines = |line: u32| json!({"ranges": [{"start": {"line": line}, "end": {"line": line}}]});
    assert_eq!(
        list["targets"],
        json!([
            {"name": "a", "description": "is first", "base": "registry.invalid/nowhere", "location": lines(2)},
            {"name": "b", "default": true, "base": "a", "location": lines(3)},
        ])
    );
}

#[test]
fn questions_that_have_no_answer() {
    let bench = Workbench::with("FROM busybox\nRUNN x\n");
    assert!(
        bench
            .build(&["--call=subrequests.describe"])
            .stdout
            .contains("outline ")
    );
    bench
        .try_build(&["--call=outlin"])
        .fails(2)
        .says(["did you mean `outline`?"]);
    for question in ["outline", "targets"] {
        bench
            .try_build(&["--call", question])
            .fails(1)
            .says(["did you mean `RUN`?"]);
    }
    bench.dockerfile("FROM busybox\n");
    bench
        .try_build(&["--call=outline", "--target=nope"])
        .fails(1)
        .says(["nope"]);
}
