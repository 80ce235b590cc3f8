//! What `SOURCE_DATE_EPOCH` may be.

use super::super::*;
use super::images;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::parse;
use std::collections::BTreeMap;

/// The epoch, who is asked for it, or what is wrong with it. `answer` is what was said before.
fn epoch(text: &str, given: Option<&str>, answer: Option<Option<i64>>) -> String {
    let parsed = parse(text);
    assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
    let contexts = BTreeMap::from([
        ("Docs".to_owned(), NamedContext::Directory),
        (
            "alpine:3".to_owned(),
            NamedContext::Image {
                reference: "alpine".to_owned(),
            },
        ),
    ]);
    let args: Vec<_> = given
        .map(|value| ("SOURCE_DATE_EPOCH".to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let answer = answer.map(EpochAnswer::new);
    let mut request = Request::new(&parsed.dockerfile, images::here(), &contexts);
    request.build_args = &args;
    request.epoch = answer.as_ref();
    let of_graph = |graph: Graph| {
        let steps: Vec<&str> = graph.steps.node_weights().map(|step| step.title.as_str()).collect();
        format!("{:?} {}", graph.source_date_epoch, steps.join(" / "))
    };
    match lower(&request, &BTreeMap::new()).map(|lowered| lowered.outcome) {
        Ok(Outcome::Ready(graph)) => of_graph(*graph),
        Ok(Outcome::NeedsEpoch(EpochSource::Context)) => "context".to_owned(),
        Ok(Outcome::NeedsEpoch(EpochSource::Named(name))) => format!("named {name}"),
        Ok(Outcome::NeedsEpoch(EpochSource::Remote { source, checksum })) => match source {
            Source::Url(url) => format!("url {url} {}", checksum.unwrap_or_default()),
            Source::Git { text, .. } => format!("git {text} {}", checksum.unwrap_or_default()),
            other => panic!("{other:?}"),
        },
        Ok(Outcome::NeedsImages(needs)) => panic!("{needs:?}"),
        Err(problems) => shown(&problems[0], text),
    }
}

/// The place and the message.
fn shown(problem: &Diagnostic, text: &str) -> String {
    let place = problem.span.map(|span| &text[span.start as usize..span.end as usize]);
    format!("{} @ {}", problem.message, place.unwrap_or("-"))
}

#[test]
fn values() {
    let plain = "FROM scratch";
    let table: &[(&str, Option<&str>, &str)] = &[
        (plain, None, "None FROM scratch"),
        (plain, Some("7"), "Some(7) FROM scratch"),
        (plain, Some("-7"), "Some(-7) FROM scratch"),
        (plain, Some(""), "None FROM scratch"),
        (plain, Some("context"), "context"),
        (plain, Some("docs"), "named Docs"),
        (plain, Some("Docs"), "named Docs"),
        (plain, Some("alpine:3"), "named alpine:3"),
        (plain, Some("7.5"), "invalid `SOURCE_DATE_EPOCH`: `7.5` @ -"),
        (plain, Some(" 7"), "invalid `SOURCE_DATE_EPOCH`: ` 7` @ -"),
        (plain, Some("CONTEXT"), "invalid `SOURCE_DATE_EPOCH`: `CONTEXT` @ -"),
        (
            plain,
            Some("99999999999999999999"),
            "invalid `SOURCE_DATE_EPOCH`: `99999999999999999999` @ -",
        ),
        ("ARG SOURCE_DATE_EPOCH=5\nFROM scratch", None, "Some(5) FROM scratch"),
        (
            "ARG SOURCE_DATE_EPOCH=5\nFROM scratch",
            Some("6"),
            "Some(6) FROM scratch",
        ),
        ("ARG SOURCE_DATE_EPOCH=5\nFROM scratch", Some(""), "None FROM scratch"),
        ("ARG SOURCE_DATE_EPOCH\nFROM scratch", None, "None FROM scratch"),
        (
            "ARG A=5 SOURCE_DATE_EPOCH=$A\nFROM scratch",
            None,
            "Some(5) FROM scratch",
        ),
        (
            "ARG SOURCE_DATE_EPOCH=nope\nFROM scratch",
            None,
            "invalid `SOURCE_DATE_EPOCH`: `nope` @ nope",
        ),
        // Of a stage it is an ARG as any other.
        ("FROM scratch\nARG SOURCE_DATE_EPOCH=context", None, "None FROM scratch"),
    ];
    for (text, given, want) in table {
        assert_eq!(epoch(text, *given, None), *want, "{text} {given:?}");
    }
}

#[test]
fn answers_take_the_place_of_names() {
    let text = "ARG SOURCE_DATE_EPOCH=context\nFROM scratch\nARG SOURCE_DATE_EPOCH\nWORKDIR /$SOURCE_DATE_EPOCH";
    assert_eq!(epoch(text, None, Some(Some(9))), "Some(9) FROM scratch / WORKDIR /9");
    assert_eq!(
        epoch(text, Some("docs"), Some(Some(8))),
        "Some(8) FROM scratch / WORKDIR /8"
    );
    assert_eq!(epoch(text, None, Some(None)), "None FROM scratch");
    // What was asked for another time means nothing to seconds.
    assert_eq!(
        epoch(text, Some("3"), Some(Some(8))),
        "Some(3) FROM scratch / WORKDIR /3"
    );
}

#[test]
fn stages() {
    let stage = |lines: &str| format!("ARG HOST=h\nFROM scratch AS src\n{lines}\nFROM scratch\n");
    let good = [
        ("ADD http://h/f /", "url http://h/f "),
        (
            "ARG V=1\nARG W=${V}2\nADD https://$HOST/$W.tar /x",
            "url https://h/12.tar ",
        ),
        ("ADD --checksum=sha256:00 http://h/f /", "url http://h/f sha256:00"),
        ("ADD https://h/r.git#v1 /", "git https://h/r.git#v1 "),
        ("ADD --keep-git-dir=false https://h/r /", "url https://h/r "),
        ("ADD --checksum=0123456 git@h:r /", "git git@h:r 0123456"),
    ];
    for (lines, want) in good {
        for name in ["src", "SRC"] {
            assert_eq!(epoch(&stage(lines), Some(name), None), want, "{lines}");
        }
    }
    let fetches = "its `ADD` fetches nothing";
    let bad = [
        ("ADD f /", fetches, "ADD f /"),
        ("ADD <<f /\nf", fetches, "ADD <<f /\nf"),
        (
            "ADD http://h/f http://h/g /",
            "its `ADD` has more than one source",
            "ADD http://h/f http://h/g /",
        ),
        (
            "ADD http://h/f /\nADD http://h/g /",
            "it has more than one `ADD`",
            "ADD http://h/g /",
        ),
        ("ADD http://h/f /\nENV a=b", "it has a `ENV`", "ENV a=b"),
        ("COPY f /", "it has a `COPY`", "COPY f /"),
        ("ARG A", "it has no `ADD`", "FROM scratch AS src"),
    ];
    for (lines, why, place) in bad {
        let want = format!("the stage `src` can't be `SOURCE_DATE_EPOCH`: {why} @ {place}");
        assert_eq!(epoch(&stage(lines), Some("src"), None), want, "{lines}");
    }
    let text = "FROM alpine AS src\nADD http://h/f /\nFROM scratch";
    assert!(epoch(text, Some("src"), None).contains("not `FROM scratch` @ FROM alpine AS src"));
}
