//! What a person learns about a file.

use super::{Client, URI, place, places};
use serde_json::{Value, json};

const FILE: &str = "\
# syntax=docker/dockerfile:1
# The release to build on.
ARG RELEASE=12
ARG OTHER
FROM debian:${RELEASE} AS tools
ARG OTHER=o
ENV NAME=$OTHER-x PATH=$PATH:/opt
RUN --mount=type=bind,from=tools,target=/t echo $NAME

FROM tools AS app
COPY --from=tools --chown=1 /a $NAME/
RUN <<EOF
echo $NAME
EOF
CMD [\"a\"]
";

fn at(line: u32, character: u32) -> Value {
    json!({ "line": line, "character": character })
}

#[test]
fn hovering_tells_what_is_there() {
    let (mut client, _) = Client::open(FILE);
    for (line, character, range, expected) in [
        (0, 3, "0:0-0:28", "`# syntax=`"),
        (2, 1, "2:0-2:3", "ARG NAME[=DEFAULT]"),
        (
            2,
            6,
            "2:4-2:11",
            "`RELEASE` = `12`\n\n`ARG`, line 3\n\nThe release to build on.",
        ),
        (3, 5, "3:4-3:9", "`OTHER` has no value unless"),
        (4, 15, "4:14-4:21", "`RELEASE` = `12`"),
        (4, 6, "4:5-4:22", "Image `debian:12`, in the store"),
        (4, 6, "4:5-4:22", "1. `ADD rootfs.tar / ` (1.5 MB)"),
        (4, 28, "4:26-4:31", "Stage `tools`, line 5"),
        (5, 5, "5:4-5:9", "`OTHER` = `o`"),
        (6, 6, "6:4-6:8", "`NAME` = `o-x`"),
        (6, 24, "6:24-6:28", "`PATH` = `/bin`\n\nfrom the base image"),
        (7, 7, "7:4-7:42", "`RUN --mount`"),
        (7, 14, "7:4-7:42", "`type` of `--mount`"),
        (7, 29, "7:27-7:32", "Stage `tools`"),
        (7, 49, "7:49-7:53", "`NAME` = `o-x`\n\n`ENV`, line 7"),
        (9, 6, "9:5-9:10", "Stage `tools`"),
        (10, 14, "10:12-10:17", "3 instructions"),
        (10, 20, "10:18-10:27", "`COPY --chown`"),
        (11, 6, "11:4-11:9", "Heredoc `EOF`: 1 line. The shell"),
        (12, 8, "12:6-12:10", "`NAME` = `o-x`"),
    ] {
        let told = client.about("hover", json!({ "position": at(line, character) }));
        let text = told["contents"]["value"].as_str().unwrap_or_default();
        assert!(text.contains(expected), "{line}:{character}: {told}");
        assert_eq!(place(&told["range"]), range, "{line}:{character}");
    }
    for (line, character) in [(1, 3), (8, 0), (13, 1), (14, 6), (99, 0)] {
        let told = client.about("hover", json!({ "position": at(line, character) }));
        assert_eq!(told, Value::Null, "{line}:{character}");
    }
    let (mut client, position) = Client::open("FROM debian:12\nWORKDIR a‸pp\n");
    let told = client.about("hover", json!({ "position": position })).to_string();
    assert!(
        told.contains("**DL3000** (relative-workdir)") && told.contains("Instead:"),
        "{told}"
    );
    let (mut client, position) = Client::open("ARG V=1\nFROM debian:12\nRUN echo $‸V\n");
    let told = client.about("hover", json!({ "position": position })).to_string();
    assert!(told.contains("`ARG V` brings in the one of line 1"), "{told}");
    let (mut client, position) = Client::open("FROM --platform=$BUILD‸PLATFORM debian:12\n");
    let told = client.about("hover", json!({ "position": position })).to_string();
    assert!(told.contains("`BUILDPLATFORM` = `linux/"), "{told}");
}

#[test]
fn names_lead_to_their_declarations() {
    let (mut client, _) = Client::open(FILE);
    for (line, character, expected) in [
        (4, 15, "2:4-2:11"),
        (6, 12, "5:4-5:9"),
        (7, 29, "4:26-4:31"),
        (7, 52, "6:4-6:8"),
        (9, 6, "4:26-4:31"),
        (9, 15, "9:14-9:17"),
        (10, 14, "4:26-4:31"),
        (10, 34, "6:4-6:8"),
        (12, 10, "6:4-6:8"),
    ] {
        let found = client.about("definition", json!({ "position": at(line, character) }));
        assert_eq!(place(&found["range"]), expected, "{line}:{character}");
        assert_eq!(found["uri"], URI);
    }
    let nothing = client.about("definition", json!({ "position": at(6, 26) }));
    assert_eq!(nothing, Value::Null, "`PATH` is from the image");
    let (mut client, position) = Client::open("ARG V=1\nFROM a:$V\nARG ‸V\nRUN echo $V\n");
    let found = client.about("definition", json!({ "position": position }));
    assert_eq!(place(&found["range"]), "0:4-0:5", "where its value is");
    let (mut client, position) = Client::open("FROM a:1\nFROM b:1\nCOPY --from=‸0 a b\n");
    let found = client.about("definition", json!({ "position": position }));
    assert_eq!(place(&found["range"]), "0:0-0:4", "a stage without a name");
}

#[test]
fn names_lead_to_their_uses() {
    let (mut client, _) = Client::open(FILE);
    let context = |declarations: bool| json!({ "includeDeclaration": declarations });
    let found = client.about("references", json!({ "position": at(4, 27), "context": context(true) }));
    assert_eq!(places(&found), ["4:26-4:31", "7:27-7:32", "9:5-9:10", "10:12-10:17"]);
    let found = client.about(
        "references",
        json!({ "position": at(7, 51), "context": context(false) }),
    );
    assert_eq!(places(&found), ["7:49-7:53", "10:32-10:36", "12:6-12:10"]);
    let found = client.about("references", json!({ "position": at(3, 5), "context": context(true) }));
    assert_eq!(
        places(&found),
        ["3:4-3:9", "5:4-5:9", "6:10-6:15"],
        "one `--build-arg` sets them all"
    );
    let marks = client.about("documentHighlight", json!({ "position": at(10, 33) }));
    let kinds: Vec<&Value> = marks
        .as_array()
        .expect("marks")
        .iter()
        .map(|mark| &mark["kind"])
        .collect();
    assert_eq!(kinds, [3, 2, 2, 2]);
}

#[test]
fn diagnostics_say_what_they_are() {
    let tags = json!({ "textDocument": { "publishDiagnostics": {
        "tagSupport": { "valueSet": [1, 2] }, "relatedInformation": true,
    } } });
    let (client, _) = Client::open_with(
        tags,
        "FROM debian:12 AS a\nMAINTAINER Ada\nCMD [\"x\"]\nCMD [\"y\"]\nFROM b:1 AS a\nUSER ada\nRUNN x\n",
    );
    let told = &client.sent.last().expect("diagnostics")["params"]["diagnostics"];
    let of = |code: &str| {
        let all = told.as_array().expect("a list");
        all.iter()
            .find(|it| it["code"] == code)
            .unwrap_or_else(|| panic!("no {code} in {told}"))
    };
    assert_eq!(of("DL4000")["tags"], json!([2]));
    assert_eq!(of("DL4000")["severity"], 1);
    assert_eq!(of("DL4000")["source"], "varve");
    assert!(
        of("DL4000")["codeDescription"]["href"]
            .as_str()
            .is_some_and(|it| it.starts_with("https://"))
    );
    let related = &of("DL4003")["relatedInformation"][0];
    assert_eq!(place(&related["location"]["range"]), "2:0-2:3");
    assert_eq!(
        of("DL4003").get("tags"),
        None,
        "it is the other one that is unnecessary"
    );
    let related = &of("DL3024")["relatedInformation"][0];
    assert_eq!(place(&related["location"]["range"]), "0:18-0:19");
    assert!(
        of("unknown-instruction")["message"]
            .as_str()
            .is_some_and(|it| it.contains("did you mean `RUN`?"))
    );
    assert!(!told.to_string().contains("DL1000"), "the parser said it");

    let (client, _) = Client::open("FROM a:1 AS b!\nFROM $X\n");
    let all = client.diagnostics();
    assert!(all.contains(&"0:12-0:14 bad-stage-name".to_owned()), "{all:?}");
    assert!(
        !all.iter().any(|it| it.contains("blank-base")),
        "a build may give `X` a value: {all:?}"
    );
}

#[test]
fn places_are_counted_as_agreed() {
    let text = "FROM debian:12\nLABEL a=\"é😀\" b=$X\nENV é=😀 X=1\nWORKDIR é😀\n";
    for (encoding, expected) in [("utf-8", "3:8-3:14"), ("utf-16", "3:8-3:11"), ("utf-32", "3:8-3:10")] {
        let offer = json!({ "general": { "positionEncodings": [encoding] } });
        let (client, _) = Client::open_with(offer, text);
        let wanted = format!("{expected} DL3000");
        assert!(
            client.diagnostics().contains(&wanted),
            "{encoding}: {:?}",
            client.diagnostics()
        );
    }
}

#[test]
fn the_outline_has_stages_and_what_is_in_them() {
    let nested = json!({ "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } } });
    let (mut client, _) = Client::open_with(nested, FILE);
    let all = client.about("documentSymbol", json!({}));
    let names: Vec<&str> = all
        .as_array()
        .expect("symbols")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, ["ARG RELEASE=12", "ARG OTHER", "tools", "app"]);
    assert_eq!(all[2]["detail"], "debian:${RELEASE}");
    assert_eq!(place(&all[2]["range"]), "4:0-7:53");
    assert_eq!(all[3]["children"][1]["name"], "RUN <<EOF");
    assert_eq!(place(&all[3]["children"][1]["range"]), "11:0-13:3");
    let (mut client, _) = Client::open(FILE);
    let flat = client.about("documentSymbol", json!({}));
    let last = flat.as_array().and_then(|all| all.last()).expect("symbols");
    assert_eq!(
        (&last["containerName"], &last["name"]),
        (&json!("app"), &json!("CMD [\"a\"]"))
    );
}

#[test]
fn what_belongs_together_folds() {
    let text = "# a\n# b\nFROM a\nRUN x \\\n  # c\n  y\n# d\nRUN <<A <<B \\\n z\n1\nA\n2\n3\nB\nFROM b\n";
    let (mut client, _) = Client::open(text);
    let folds = client.about("foldingRange", json!({}));
    let folds: Vec<String> = folds
        .as_array()
        .expect("folds")
        .iter()
        .map(|fold| format!("{}-{} {}", fold["startLine"], fold["endLine"], fold["kind"]))
        .collect();
    assert_eq!(
        folds,
        [
            "0-1 \"comment\"",
            "2-13 \"region\"",
            "3-5 null",
            "7-8 null",
            "8-10 null",
            "10-13 null"
        ]
    );
}

#[test]
fn tokens_are_told_in_order() {
    let (mut client, _) =
        Client::open("# é\nFROM debian AS 😀x\nfrom debian as b\nARG A\nCOPY --from=b $A /x\nMAINTAINER x\n");
    let tokens = client.about("semanticTokens/full", json!({}));
    let numbers: Vec<u64> = tokens["data"]
        .as_array()
        .expect("numbers")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let (mut line, mut character) = (0, 0);
    let mut all = Vec::new();
    for token in numbers.chunks(5) {
        character = if token[0] == 0 { character + token[1] } else { token[1] };
        line += token[0];
        all.push(format!("{line}:{character}+{} {} {}", token[2], token[3], token[4]));
    }
    assert_eq!(
        all,
        [
            "0:0+3 4 0",
            "1:0+4 0 0",
            "1:12+2 0 0",
            "1:15+3 2 1",
            "2:0+4 0 0",
            "2:12+2 0 0",
            "2:15+1 2 1",
            "3:0+3 0 0",
            "3:4+1 3 1",
            "4:0+4 0 0",
            "4:5+6 1 0",
            "4:12+1 2 0",
            "4:15+1 3 0",
            "5:0+10 0 2",
        ]
    );
}
