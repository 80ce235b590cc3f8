//! What a person is helped to write.

use super::{CURSOR, Client, URI, edited};
use serde_json::{Value, json};

fn labels(text: &str) -> Vec<String> {
    let (mut client, position) = Client::open(text);
    let told = client.about("completion", json!({ "position": position }));
    let items = told["items"].as_array().expect("items").iter();
    items
        .map(|item| item["label"].as_str().expect("a label").to_owned())
        .collect()
}

/// `text` after the item of that label was taken.
fn taken(text: &str, label: &str) -> String {
    let (mut client, position) = Client::open(text);
    let told = client.about("completion", json!({ "position": position }));
    let items = told["items"].as_array().expect("items");
    let item = items.iter().find(|item| item["label"] == label);
    let edit = &item.unwrap_or_else(|| panic!("no {label} in {told}"))["textEdit"];
    edited(&text.replace(CURSOR, ""), &json!([edit]))
}

#[test]
fn what_is_offered_fits_the_place() {
    for (text, first, also, never) in [
        ("‸", "FROM", "ARG", "RUN"),
        ("ARG A\nF‸", "FROM", "ARG", "COPY"),
        ("FROM a\n‸", "ADD", "HEALTHCHECK", "--from"),
        ("FROM a\nr‸", "add", "run", "RUN"),
        ("FROM a\nONBUILD ‸", "ADD", "RUN", "FROM"),
        ("FROM a\nONBUILD RUN --‸", "--mount", "--network", "--from"),
        ("FROM a\nCOPY --‸", "--from", "--chown", "--checksum"),
        ("FROM a\nCOPY --link --from=b --‸ x y", "--chown", "--exclude", "--link"),
        ("FROM a AS b\nFROM c AS d\nCOPY --from=‸", "b", "b", "d"),
        ("FROM a AS b\nFROM ‸", "b", "scratch", "a"),
        ("FROM a AS b\nFROM b ‸", "AS", "AS", "b"),
        ("FROM --platform=‸", "$BUILDPLATFORM", "linux/arm64", "b"),
        ("FROM a AS b\nFROM c\nRUN --mount=‸", "type", "target", "sharing"),
        ("FROM a AS b\nFROM c\nRUN --mount=type=cache,‸", "id", "sharing", "type"),
        (
            "FROM a AS b\nFROM c\nRUN --mount=type=secret,id=x,‸",
            "source",
            "env",
            "sharing",
        ),
        ("FROM a AS b\nFROM c\nRUN --mount=type=‸", "bind", "ssh", "target"),
        ("FROM a AS b\nFROM c\nRUN --mount=type=bind,from=‸", "b", "b", "c"),
        ("FROM a\nRUN --network=‸", "default", "none", "sandbox"),
        ("FROM a\nCOPY --link=‸", "true", "false", "b"),
        ("ARG G=1\nFROM a:$‸", "BUILDARCH", "G", "PATH"),
        (
            "ARG G=1\nFROM debian:12\nENV E=1 \\\n  F=$‸\nENV H=2",
            "PATH",
            "PATH",
            "G",
        ),
        (
            "ARG G=1\nFROM debian:12\nENV E=1\nRUN x \\\n # c\n y ${‸",
            "E",
            "PATH",
            "G",
        ),
        ("FROM a\nARG A\nRUN <<X\necho $‸\nX\n", "A", "A", "B"),
        ("ARG G=1\nFROM a\nARG ‸", "G", "TARGETARCH", "A"),
        ("FROM a\nCOPY ‸ /x", "main.c", "src/", "a b"),
        ("FROM a\nCOPY [\"src/‸\", \"/x\"]", "lib.c", "lib.c", "main.c"),
        ("FROM a\nHEALTHCHECK ‸", "CMD", "NONE", "RUN"),
        (
            "FROM a\nLABEL ‸",
            "org.opencontainers.image.authors",
            "org.opencontainers.image.version",
            "x",
        ),
        ("FROM a\nEXPOSE 53/‸", "tcp", "udp", "53"),
        ("# ‸\nFROM a", "syntax", "escape", "FROM"),
        ("# syntax=x\n# ‸", "escape", "check", "syntax"),
    ] {
        let offered = labels(text);
        assert_eq!(offered.first().map(String::as_str), Some(first), "{text}: {offered:?}");
        assert!(offered.iter().any(|it| it == also), "{text}: {offered:?}");
        assert!(!offered.iter().any(|it| it == never), "{text}: {offered:?}");
    }
    for text in [
        "FROM a\nRUN ‸",
        "FROM a\nRUN x \\\n# ‸",
        "FROM a\n# ‸",
        "FROM a\nCOPY --from=b ‸",
        "FROM a\nCOPY <<X /y\n‸\nX",
        "FROM a\nNOPE ‸",
        "FROM a\nARG A=‸",
        "FROM a\nRUN \\$‸",
        "FROM a\nCOPY --nope=‸",
        "FROM a b c ‸",
    ] {
        assert_eq!(labels(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_is_taken_goes_where_it_belongs() {
    for (text, label, expected) in [
        ("FROM a\nCO‸", "COPY", "FROM a\nCOPY"),
        ("FROM a\nCOPY --fr‸ x", "--from", "FROM a\nCOPY --from= x"),
        ("FROM a\nCOPY --li‸", "--link", "FROM a\nCOPY --link"),
        (
            "FROM é😀 AS b\nFROM c\nCOPY --from=b‸ x y",
            "b",
            "FROM é😀 AS b\nFROM c\nCOPY --from=b x y",
        ),
        ("FROM a\nCOPY src/l‸ x", "lib.c", "FROM a\nCOPY src/lib.c x"),
        ("FROM a\nCOPY ./s‸ x", "src/", "FROM a\nCOPY ./s x"),
        ("FROM a\nARG VV\nENV A=x${V‸", "VV", "FROM a\nARG VV\nENV A=x${VV}"),
        ("FROM a\nARG VV\nENV A=x$V‸y", "VV", "FROM a\nARG VV\nENV A=x$VVy"),
        (
            "FROM a\nRUN --mount=type=cache,tar‸",
            "target",
            "FROM a\nRUN --mount=type=cache,target=",
        ),
        ("# es‸\nFROM a", "escape", "# escape=`\nFROM a"),
    ] {
        if label == "src/" {
            // The host is asked for `./`, of which it knows nothing.
            assert!(labels(text).is_empty());
            continue;
        }
        assert_eq!(taken(text, label), expected);
    }
}

#[test]
fn places_to_fill_in_are_for_clients_that_can() {
    let item = |capabilities: Value| {
        let (mut client, position) = Client::open_with(capabilities, "FROM a\nENV‸");
        let told = client.about("completion", json!({ "position": position }));
        let items = told["items"].as_array().expect("items").clone();
        items.into_iter().find(|item| item["label"] == "ENV").expect("ENV")
    };
    let plain = item(json!({}));
    assert_eq!(
        (&plain["insertTextFormat"], &plain["textEdit"]["newText"]),
        (&json!(1), &json!("ENV"))
    );
    let able = item(json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } }));
    assert_eq!(able["insertTextFormat"], 2);
    assert_eq!(able["textEdit"]["newText"], "ENV ${1:NAME}=${2:value}");
}

fn renamed(text: &str, new: &str) -> Result<String, String> {
    let (mut client, position) = Client::open(text);
    let mut params = json!({ "textDocument": { "uri": URI }, "position": position, "newName": new });
    let prepared = client.answer("textDocument/prepareRename", params.clone());
    let answer = client.answer("textDocument/rename", params.take());
    if let Some(error) = answer.get("error") {
        return Err(error["message"].as_str().expect("a message").to_owned());
    }
    assert!(prepared.get("error").is_none(), "{prepared}");
    Ok(edited(&text.replace(CURSOR, ""), &answer["result"]["changes"][URI]))
}

#[test]
fn renaming_changes_every_place_and_no_other() {
    for (text, new, expected) in [
        (
            "FROM a AS too‸ls\nFROM Tools\nCOPY --from=TOOLS tools /tools\nRUN --mount=target=/x,from=tools ls\nCOPY --from=0 a b\n",
            "kit",
            "FROM a AS kit\nFROM kit\nCOPY --from=kit tools /tools\nRUN --mount=target=/x,from=kit ls\nCOPY --from=0 a b\n",
        ),
        (
            "ARG V=1\nFROM a:$V AS b\nARG V\nENV W=${V:-$V}\nRUN V=2; echo \\\n  # $V\n  ${V%x} \\$V\nFROM c\nENV V‸=x\nRUN $V\n",
            "U",
            "ARG V=1\nFROM a:$V AS b\nARG V\nENV W=${V:-$V}\nRUN V=2; echo \\\n  # $V\n  ${V%x} \\$V\nFROM c\nENV U=x\nRUN $U\n",
        ),
        (
            "ARG V=1\nFROM a:$‸V AS b\nARG V\nENV W=${V:-$V}\nRUN V=2; echo \\\n  # $V\n  ${V%x} \\$V\nFROM c\nENV V=x\nRUN $V\n",
            "U",
            "ARG U=1\nFROM a:$U AS b\nARG U\nENV W=${U:-$U}\nRUN U=2; echo \\\n  # $V\n  ${U%x} \\$V\nFROM c\nENV V=x\nRUN $V\n",
        ),
        (
            "FROM a AS b\nENV V=1\nFROM b\nRUN <<E\necho $V‸\nE\nLABEL v='$V' w=\"$V\"\n",
            "U",
            "FROM a AS b\nENV U=1\nFROM b\nRUN <<E\necho $U\nE\nLABEL v='$V' w=\"$U\"\n",
        ),
    ] {
        assert_eq!(renamed(text, new).as_deref(), Ok(expected));
    }
    for (text, new, why) in [
        ("FROM a AS ‸b\nFROM b AS c\n", "C", "already"),
        ("FROM a AS ‸b\n", "1b", "can't be the name"),
        ("FROM a AS ‸b\n", "scratch", "no stage"),
        ("FROM a AS b\nFROM c\nCOPY --from=‸0 x y\n", "c", "by its number"),
        ("FROM a\nARG V‸\nENV W=1\n", "W", "in use"),
        ("FROM a\nARG V‸\n", "a-b", "can't be the name"),
        ("FROM a\nRUN $PA‸TH\n", "X", "not declared"),
        ("FROM a\nARG TARGETARCH‸\n", "X", "from the builder"),
        ("FROM a‸\n", "X", "no name"),
    ] {
        let refused = renamed(text, new).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

/// Titles and kinds of the actions at the cursor, with what they make of the file.
fn actions(text: &str, only: Option<&str>) -> Vec<(String, String, String)> {
    let (mut client, position) = Client::open(text);
    let context = match only {
        Some(only) => json!({ "diagnostics": [], "only": [only] }),
        None => json!({ "diagnostics": [] }),
    };
    let told = client.about(
        "codeAction",
        json!({ "range": { "start": position, "end": position }, "context": context }),
    );
    let text = text.replace(CURSOR, "");
    let actions = told.as_array().expect("actions").iter().map(|action| {
        let word = |key: &str| action[key].as_str().expect("text").to_owned();
        (
            word("title"),
            word("kind"),
            edited(&text, &action["edit"]["changes"][URI]),
        )
    });
    actions.collect()
}

#[test]
fn findings_are_silenced_where_comments_count() {
    for (text, title, expected) in [
        (
            "FROM debian:12\n  WORKDIR ‸app\n",
            "ignore DL3000 here",
            "FROM debian:12\n  # hadolint ignore=DL3000\n  WORKDIR app\n",
        ),
        (
            "FROM debian:12\r\nRUN x\r\nWORKDIR ‸app\r\n",
            "ignore DL3000 here",
            "FROM debian:12\r\nRUN x\r\n# hadolint ignore=DL3000\r\nWORKDIR app\r\n",
        ),
        (
            "FROM debian:12\n# hadolint ignore=DL4000 # old\nMAINTAINER x\n# hadolint ignore=DL4000, DL3001 # why\nWORKDIR ‸app\n",
            "ignore DL3000 here",
            "FROM debian:12\n# hadolint ignore=DL4000 # old\nMAINTAINER x\n# hadolint ignore=DL4000, DL3001,DL3000 # why\nWORKDIR app\n",
        ),
    ] {
        let offered = actions(text, Some("quickfix"));
        let found = offered.iter().find(|(found, ..)| found == title);
        let (_, _, made) = found.unwrap_or_else(|| panic!("{text}: {offered:?}"));
        assert_eq!(made, expected);
        let silent = made.replacen("app", &format!("{CURSOR}app"), 1);
        assert!(
            !actions(&silent, None).iter().any(|(found, ..)| found == title),
            "{made}"
        );
    }
    let bare = "\u{feff}FROM ‸debian\n";
    let offered = actions(bare, None);
    let (_, _, made) = offered
        .iter()
        .find(|(title, ..)| title == "ignore DL3006 here")
        .expect("it is offered");
    assert_eq!(made, "\u{feff}# hadolint ignore=DL3006\nFROM debian\n");
    for text in ["# syntax=a\n# esc‸ape=\\\nFROM debian\n", "FROM a:1\nRUNN‸ x\n"] {
        let offered = actions(text, None);
        assert!(
            !offered.iter().any(|(title, ..)| title.starts_with("ignore")),
            "{text}: {offered:?}"
        );
    }
}

#[test]
fn fixes_are_offered_one_by_one_and_all_at_once() {
    let text = "FROM debian:12\nMAINTAINER ‸Ada\nMAINTAINER Bob\n";
    let offered = actions(text, None);
    let fixes: Vec<_> = offered
        .iter()
        .filter(|(title, kind, _)| kind == "quickfix" && !title.starts_with("ignore"))
        .collect();
    assert!(!fixes.is_empty(), "{offered:?}");
    let single = &fixes[0].2;
    assert!(
        single.contains("org.opencontainers.image.authors") && single.contains("MAINTAINER Bob"),
        "{single}"
    );
    let all = actions(text, Some("source.fixAll"));
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].1, "source.fixAll.varve");
    assert!(actions(text, Some("source.organizeImports")).is_empty());
    assert!(actions("FROM debian:12\nMAINTAINER ‸Ada\n", Some("refactor")).is_empty());
}

#[test]
fn a_file_is_laid_out_by_small_changes() {
    let text = "from a\n\n\n\nRUN  x \\\n  y\n\ncmd [\"é😀\"]  \nUSER ada\n";
    let (mut client, _) = Client::open(text);
    let edits = client.about(
        "formatting",
        json!({ "options": { "tabSize": 4, "insertSpaces": true } }),
    );
    let expected = crate::format::format(text).expect("it has no errors");
    assert_eq!(edited(text, &edits), expected);
    assert!(edits.as_array().is_some_and(|edits| edits.len() > 1), "{edits}");
    let (mut client, _) = Client::open(&expected);
    assert_eq!(client.about("formatting", json!({})), json!([]));
    let (mut client, _) = Client::open("FROM\n");
    assert_eq!(client.about("formatting", json!({})), Value::Null);
    let long = "from a\n".to_owned() + &"RUN x\n".repeat(6_000) + "user b\nUSER c\n";
    let (mut client, _) = Client::open(&long);
    let edits = client.about("formatting", json!({}));
    assert_eq!(
        edited(&long, &edits),
        crate::format::format(&long).expect("it has no errors")
    );
}
