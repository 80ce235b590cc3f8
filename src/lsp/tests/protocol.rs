//! Beginning, end, order, and what makes no sense.

use super::{Client, URI};
use serde_json::{Value, json};

#[test]
fn a_session_has_a_beginning_and_an_end() {
    let mut client = Client::silent();
    let refused = client.answer("textDocument/hover", json!({}));
    assert_eq!(refused["error"]["code"], -32_002);
    client.tell("textDocument/didOpen", json!({ "textDocument": {} }));
    let said = client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(said["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(
        said["capabilities"].get("diagnosticProvider"),
        None,
        "it did not say that it would ask"
    );
    assert_eq!(client.answer("initialize", json!({}))["error"]["code"], -32_600);
    assert_eq!(client.ask("shutdown", Value::Null), Value::Null);
    assert_eq!(client.answer("textDocument/hover", json!({}))["error"]["code"], -32_600);
    assert_eq!(client.server.ended(), None);
    client.tell("exit", Value::Null);
    assert_eq!(client.server.ended(), Some(0));

    let mut client = Client::new();
    client.tell("exit", Value::Null);
    assert_eq!(client.server.ended(), Some(1), "nobody said `shutdown`");
}

#[test]
fn what_makes_no_sense_costs_an_answer() {
    let (mut client, _) = Client::open("FROM debian:12\n");
    for (method, params, code) in [
        ("textDocument/dream", json!({}), -32_601),
        ("$/dream", json!({}), -32_601),
        ("textDocument/hover", Value::Null, -32_602),
        ("textDocument/hover", json!([]), -32_602),
        (
            "textDocument/hover",
            json!({ "textDocument": { "uri": URI }, "position": { "line": -1 } }),
            -32_602,
        ),
        (
            "textDocument/hover",
            json!({ "textDocument": { "uri": "file:///x" }, "position": { "line": 0, "character": 0 } }),
            -32_602,
        ),
        (
            "textDocument/rename",
            json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 0 } }),
            -32_602,
        ),
    ] {
        assert_eq!(
            client.answer(method, params.clone())["error"]["code"],
            code,
            "{method} {params}"
        );
    }
    client.sent.clear();
    client.tell("$/setTrace", json!({ "value": "off" }));
    client.tell("workspace/dream", json!({}));
    assert_eq!(client.sent, Vec::<Value>::new(), "nobody waits for an answer");
    client.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": "file:///x", "version": 1 }, "contentChanges": [] }),
    );
    client.tell("textDocument/didClose", json!({}));
    let methods: Vec<&Value> = client.sent.iter().map(|sent| &sent["method"]).collect();
    assert_eq!(methods, ["window/logMessage", "window/logMessage"]);
    client.sent.clear();
    client.server.receive(b"{");
    client.work();
    assert_eq!(client.sent[0]["error"]["code"], -32_700);
    assert_eq!(client.sent[0]["id"], Value::Null);
}

#[test]
fn what_waits_can_be_taken_back() {
    let (mut client, _) = Client::open("FROM debian:12\n");
    client.sent.clear();
    for id in ["a", "b"] {
        client.receive(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/foldingRange",
            "params": { "textDocument": { "uri": URI } } }),
        );
    }
    client.receive(&json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "a" } }));
    client.receive(&json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "never" } }));
    client.work();
    let of = |id: &str| client.sent.iter().find(|sent| sent["id"] == id).expect("an answer");
    assert_eq!(of("a")["error"]["code"], -32_800);
    assert_eq!(of("b")["result"], json!([]));
    assert_eq!(client.sent.len(), 2);
}

#[test]
fn changes_are_told_once_and_with_their_version() {
    let (mut client, _) = Client::open("FROM debian\n");
    assert_eq!(client.diagnostics(), ["0:5-0:11 DL3006"]);
    client.sent.clear();
    for (version, text) in [(2, ":"), (3, "1"), (4, "2")] {
        let character = version + 9;
        let at = json!({ "line": 0, "character": character });
        client.receive(
            &json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": { "uri": URI, "version": version },
            "contentChanges": [{ "range": { "start": at, "end": at }, "text": text }],
        } }),
        );
    }
    client.work();
    assert_eq!(client.sent.len(), 1, "{:?}", client.sent);
    assert_eq!(client.sent[0]["params"]["version"], 4);
    assert_eq!(client.sent[0]["params"]["diagnostics"], json!([]));
    client.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": URI, "version": 5 }, "contentChanges": [{ "text": "FROM debian\nMAINTAINER x\n" }],
        }),
    );
    assert_eq!(client.diagnostics(), ["0:5-0:11 DL3006", "1:0-1:12 DL4000"]);
    client.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    assert!(client.diagnostics().is_empty(), "a closed file has none");
}

#[test]
fn who_asks_for_diagnostics_is_not_sent_any() {
    let pulls =
        json!({ "textDocument": { "diagnostic": {} }, "workspace": { "diagnostics": { "refreshSupport": true } } });
    let (mut client, _) = Client::open_with(pulls, "FROM debian\n");
    assert!(client.sent.is_empty(), "{:?}", client.sent);
    let told = client.about("diagnostic", json!({}));
    assert_eq!(told["kind"], "full");
    assert_eq!(told["items"][0]["severity"], 2);
    client.tell("workspace/didChangeWatchedFiles", json!({ "changes": [] }));
    assert_eq!(client.sent[0]["method"], "workspace/diagnostic/refresh");
    let told = client.about("diagnostic", json!({}));
    assert_eq!(told["items"][0]["severity"], 1, "the settings changed");
}

#[test]
fn broken_settings_are_told_once() {
    let mut client = Client::with(json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } }));
    assert_eq!(client.sent[0]["method"], "client/registerCapability");
    client.receive(&json!({ "jsonrpc": "2.0", "id": "watch", "result": null }));
    client.work();
    client.sent.clear();
    client.server = {
        let mut server = super::Server::new(super::Fake {
            complaint: Some("varve.toml:1:1: no".to_owned()),
            ..super::Fake::default()
        });
        server.receive(br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{}}}"#);
        server
    };
    for uri in ["file:///a", "untitled:b"] {
        client.tell(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "version": 1, "text": "FROM debian\n" } }),
        );
    }
    let complaints = client.sent.iter().filter(|sent| sent["method"] == "window/showMessage");
    assert_eq!(complaints.count(), 1);
    assert_eq!(
        client.diagnostics(),
        ["0:5-0:11 DL3006"],
        "it is looked at all the same"
    );
}

#[test]
fn what_is_no_dockerfile_is_said_so() {
    let large = "RUN x\n".repeat(1 << 20);
    for (text, message) in [("FROM a\0b\n", "zero byte"), (large.as_str(), "larger than 4 MiB")] {
        let (mut client, at) = Client::open(text);
        assert_eq!(client.diagnostics().len(), 1);
        let sent = client.sent.last().expect("it was sent").to_string();
        assert!(sent.contains(message), "{sent}");
        for method in ["hover", "completion", "definition", "documentHighlight"] {
            client.about(method, json!({ "position": at }));
        }
        for method in ["documentSymbol", "foldingRange", "formatting", "semanticTokens/full"] {
            client.about(method, json!({}));
        }
    }
}

/// Whatever stands in a file and wherever one asks, there is an answer.
#[test]
fn no_place_is_too_odd_to_ask_about() {
    let texts = [
        "",
        "\n\n",
        "\u{feff}# escape=`\r\nFROM a AS b\r\nCOPY --from=b `\r\n  # c\r\n x `\r\n",
        "ARG A=${A:-$B\nFROM $A AS é😀\nRUN <<EOF <<-'X' cat\n$A 😀\nEOF\n\t$A\n\tX\nONBUILD RUN --mount=type=cache,fr=om,target=$A é",
        "FROM a AS b\nFROM b AS b\nFROM b\nCOPY --from=0 --from --mount=from= [\"a\", \"$b",
        "RUN \\\n\\\n\\",
        "HEALTHCHECK --interval\nENV \nENV =\nARG =\nLABEL \"a\nSHELL [\nONBUILD ONBUILD FROM x\nFROM",
        "FROM a\rRUN b\r\rUSER c",
    ];
    for text in texts {
        let (mut client, _) = Client::open(text);
        for line in 0..9 {
            for character in 0..40 {
                let at = json!({ "line": line, "character": character });
                for method in ["hover", "completion", "definition", "documentHighlight"] {
                    client.about(method, json!({ "position": at }));
                }
                let whole = json!({ "start": { "line": 0, "character": 0 }, "end": at });
                client.about(
                    "references",
                    json!({ "position": at, "context": { "includeDeclaration": true } }),
                );
                client.answer(
                    "textDocument/rename",
                    json!({ "textDocument": { "uri": URI }, "position": at, "newName": "n" }),
                );
                if line % 3 == 0 && character % 8 == 0 {
                    client.about("codeAction", json!({ "range": whole, "context": {} }));
                }
            }
        }
        for method in ["documentSymbol", "foldingRange", "formatting", "semanticTokens/full"] {
            client.about(method, json!({}));
        }
    }
}
