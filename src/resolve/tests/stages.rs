//! Stages: what names mean.

use super::super::*;
use crate::dockerfile::parse;
use crate::oci::Platform;

/// Binds `text`; the answer names each stage's base, or the messages.
fn shown(text: &str, args: &[(&str, &str)], target: Option<&str>, contexts: &[&str]) -> String {
    let parsed = parse(text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let args: Vec<(String, String)> = args.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let platform = Platform::new("linux", "amd64", "");
    let inputs = Inputs {
        build_args: &args,
        target,
        contexts,
        build_platform: &platform,
        target_platform: &platform,
    };
    let bound = match bind(&parsed.dockerfile, &inputs) {
        Ok(binding) if !binding.problems.is_empty() => Err(binding.problems),
        other => other,
    };
    match bound {
        Ok(binding) => {
            let bases: Vec<String> = binding
                .stages
                .iter()
                .map(|stage| {
                    let base = match &stage.base {
                        Origin::Stage(index) => format!("stage {index}"),
                        Origin::Scratch => "scratch".to_owned(),
                        Origin::Context(name) => format!("context {name}"),
                        Origin::Image(name) => name.clone(),
                    };
                    let platform = stage.platform.as_ref().map(|it| format!(" for {it}"));
                    format!("{}={base}{}", stage.label(), platform.unwrap_or_default())
                })
                .collect();
            format!("{} -> {}", bases.join(", "), binding.target)
        }
        Err(problems) => problems
            .iter()
            .map(|it| format!("{}: {} {:?}", it.code, it.message, it.help))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(shown(text, &[], None, &[]), want, "{text}");
}

#[track_caller]
fn check_error(text: &str, wanted: &[&str]) {
    let got = shown(text, &[], None, &[]);
    for want in wanted {
        assert!(got.contains(want), "{text}: {got}");
    }
}

#[test]
fn bases() {
    check("FROM a", "0=a -> 0");
    check("FROM a AS B\nFROM b", "b=a, 1=stage 0 -> 1");
    check("FROM later\nFROM x AS later", "0=later, later=x -> 1");
    check("FROM x AS a\nFROM y AS A\nFROM a", "a=x, a=y, 2=stage 1 -> 2");
    check("FROM scratch", "0=scratch -> 0");
    check("FROM x AS x\nFROM x", "x=x, 1=stage 0 -> 1");
    check(
        "ARG I=a\nARG T=$I-1\nFROM $I:${T}\nFROM ${NOPE:-z}",
        "0=a:a-1, 1=z -> 1",
    );
    check(
        "FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/arm64/v8 a",
        "0=a for linux/amd64, 1=a for linux/arm64 -> 1",
    );
    check("ARG A=b$TARGETARCH$TARGETSTAGE\nFROM $A", "0=bamd64default -> 0");
    check("ARG TARGETARCH\nFROM x$TARGETARCH", "0=xamd64 -> 0");
}

#[test]
fn build_args_win_over_defaults() {
    let text = "ARG A=${U:?never expanded}\nARG B=$A-b\nFROM $B";
    assert_eq!(shown(text, &[("A", "a")], None, &[]), "0=a-b -> 0");
    assert_eq!(shown("FROM a$TARGETOS", &[("TARGETOS", "x")], None, &[]), "0=ax -> 0");
}

#[test]
fn contexts_replace_stages_and_images() {
    let text = "FROM docker.io/library/busybox:latest\nFROM alpine AS tools\nRUN x\nFROM tools";
    assert_eq!(
        shown(text, &[], None, &["busybox", "Tools", "other"]),
        "0=context busybox, tools=context Tools, 2=stage 1 -> 2"
    );
    assert_eq!(
        shown(
            "FROM --platform=linux/arm64 a\nFROM a",
            &[],
            None,
            &["a", "a::linux/arm64"]
        ),
        "0=context a::linux/arm64 for linux/arm64, 1=context a -> 1"
    );
}

#[test]
fn targets_are_names() {
    let text = "FROM a AS build\nFROM b AS Test\nFROM c";
    assert!(shown(text, &[], Some("TEST"), &[]).ends_with("-> 1"));
    assert!(shown(text, &[], Some("biuld"), &[]).contains("did you mean `build`?"));
    assert!(shown(text, &[], Some("0"), &[]).contains("target stage `0` could not be found"));
}

#[test]
fn refusals() {
    check_error(
        "ENV a=1\nRUN x\nFROM a",
        &["`ENV` stands before", "`RUN` stands before"],
    );
    check_error("ARG a", &["no build stage"]);
    check_error(
        "ARG VERSION\nFROM $VERSION",
        &["(`$VERSION`) should not be blank", "`VERSION` has no value"],
    );
    check_error("ARG VERSION=1\nFROM $VERSON", &["did you mean `VERSION`?"]);
    check_error("FROM x AS 1a", &["`1a` is an invalid name"]);
    check_error("FROM x AS a/b", &["`a/b` is an invalid name"]);
    check_error(
        "FROM BusyBox/UPPER:tag",
        &["`BusyBox/UPPER:tag` is an invalid reference", "capital letters"],
    );
    check_error(
        "FROM --platform=a/b/c/d/e x",
        &["failed to parse platform", "a/b/c/d/e"],
    );
    check_error("FROM --platform=$NOPE x", &["empty platform value"]);
    check_error("ARG T\nFROM x:${T:?tag-is-needed}", &["tag-is-needed"]);
    check_error("FROM x\nCOPY --from=7 a b", &["invalid stage index 7"]);
    check_error("FROM x\nCOPY --from=-1 a b", &["invalid stage index -1"]);
    check_error(
        "FROM $A\nFROM x AS 2\nCOPY --from=9 a b",
        &["should not be blank", "`2` is an invalid name", "stage index 9"],
    );
}

#[test]
fn cycles_are_named_whole() {
    check_error(
        "FROM x AS a\nCOPY --from=c / /\nFROM x AS b\nRUN --mount=from=a,target=/m true\nFROM b AS c",
        &["circular dependency detected on stage `a`: `a` needs `c` needs `b` needs `a`"],
    );
    check_error("FROM x AS a\nCOPY --from=0 / /", &["`a` needs `a`"]);
    check_error(
        "FROM x AS a\nCOPY --from=A / /\nFROM x AS b\nCOPY --from=b / /",
        &["`a` needs `a`", "`b` needs `b`"],
    );
}

#[test]
fn many_stages_are_bound_quickly() {
    let mut text = "FROM x AS s0\n".to_owned();
    for stage in 1..5000 {
        text += &format!("FROM s{} AS s{stage}\nCOPY --from=s{} / /\n", stage - 1, stage / 2);
    }
    assert!(shown(&text, &[], None, &[]).ends_with("-> 4999"));
}
