//! Problems come together, and only those that are sure.

use super::super::*;
use super::images;
use super::lower::check_errors;
use crate::dockerfile::parse;
use std::collections::BTreeMap;

#[test]
fn errors_come_together() {
    check_errors(
        "FROM busybox\nSTOPSIGNAL SIGTREM\nEXPOSE 70000\nENV A=\"${A:?set A}\"\nRUN --mount=type=bnd,target=/x true\n\
         COPY --chmod=9 a b\nCOPY http://x/y z\nVOLUME $NOPE",
        &[
            "invalid signal: `SIGTREM` [\"did you mean `TERM`?\"]",
            "invalid containerPort: `70000`",
            "set A",
            "unsupported mount type `bnd` [\"did you mean `bind`?\"]",
            "invalid chmod parameter: `9`",
            "can't be a URL for COPY",
            "VOLUME specified can not be an empty string",
        ],
    );
    check_errors(
        "FROM busybox\nRUN --network=wifi x\nHEALTHCHECK --interval=1ns CMD x\nFROM scratch AS 1",
        &[
            "invalid network mode `wifi`",
            "cannot be less than 1ms",
            "`1` is an invalid name",
        ],
    );
    check_errors(
        "FROM busybox AS a\nCOPY --from=b / /\nFROM a AS b\nRUN x\nFROM a",
        &["circular dependency"],
    );
    check_errors(
        "FROM busybox AS a\nCOPY --from=b / /\nFROM busybox AS b\nFROM a",
        &["cannot copy from stage `b`, it needs to be defined before the current stage `a`"],
    );
    check_errors(
        "FROM busybox\nCOPY --from=$A / /",
        &["doesn't support variable expansion"],
    );
    check_errors(
        "FROM busybox\nADD --checksum=sha256:1 a b",
        &["checksum requires HTTP(S) or Git sources"],
    );
    check_errors(
        "FROM busybox\nADD --checksum=sha256:1 http://a b",
        &["invalid checksum"],
    );
    check_errors(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/x/.. true",
        &["invalid mount target"],
    );
    check_errors("FROM busybox\nENV $X=1", &["can not be blank"]);
    check_errors("FROM busybox\nRUN --device=gpu x", &["no devices"]);
}

#[test]
fn problems_of_an_unknown_base_wait_for_it() {
    // Nothing is known of the image, so nothing is said of what may come from it; the rest is told at once.
    let text = "FROM nobody-knows\nRUN --network=wifi x\nEXPOSE $PORT/foo 70000\nSTOPSIGNAL NOPE\nVOLUME $DATA\n\
        RUN --mount=target=/ --mount=type=tmpfs x\nCOPY --from=$X a b";
    let parsed = parse(text);
    let contexts = BTreeMap::new();
    let problems = lower(
        &Request::new(&parsed.dockerfile, images::here(), &contexts),
        &BTreeMap::new(),
    )
    .unwrap_err();
    let codes: Vec<_> = problems.iter().map(|it| it.code).collect();
    assert_eq!(
        codes,
        [
            "bad-network",
            "bad-signal",
            "bad-mount",
            "bad-mount",
            "no-variables-here"
        ],
        "{problems:#?}"
    );
    let good = parse("FROM nobody-knows\nEXPOSE 70000\n");
    let asked = lower(
        &Request::new(&good.dockerfile, images::here(), &contexts),
        &BTreeMap::new(),
    )
    .unwrap();
    assert!(
        matches!(asked.outcome, Outcome::NeedsImages(_)),
        "what only lowering finds waits for the image"
    );
}
