//! The room from outside: a client that says what it has to say, and looks at the answers.

mod asking;
mod protocol;
mod writing;

use super::{Entry, Host, Image, ImageLayer, Rules, Server};
use crate::lint::Level;
use serde_json::{Value, json};
use std::path::Path;

const URI: &str = "file:///work/Dockerfile";

/// Where the cursor is in the text of a test.
const CURSOR: char = '‸';

#[derive(Debug, Default)]
struct Fake {
    rules: Rules,
    complaint: Option<String>,
    asked: Vec<String>,
}

impl Host for Fake {
    fn rules(&mut self, _: Option<&Path>, _: Option<&Path>) -> Result<Rules, String> {
        match &self.complaint {
            Some(complaint) => Err(complaint.clone()),
            None => Ok(self.rules.clone()),
        }
    }

    fn forget(&mut self) {
        self.rules
            .selection
            .levels
            .insert("DL3006".to_owned(), Some(Level::Error));
    }

    fn entries(&mut self, path: &Path, directory: &str) -> Vec<Entry> {
        self.asked.push(format!("{} {directory}", path.display()));
        let entry = |name: &str, is_directory| Entry {
            name: name.to_owned(),
            is_directory,
        };
        match directory {
            "" => vec![entry("a b", false), entry("main.c", false), entry("src", true)],
            "src/" => vec![entry("lib.c", false)],
            _ => Vec::new(),
        }
    }

    fn image(&mut self, name: &str) -> Option<Image> {
        (name == "debian:12").then(|| Image {
            id: "sha256:1234".to_owned(),
            platform: "linux/amd64".to_owned(),
            size: 1_500_000,
            layers: vec![ImageLayer {
                made_by: "ADD rootfs.tar /".to_owned(),
                size: Some(1_500_000),
            }],
            environment: vec![("PATH".to_owned(), "/bin".to_owned())],
            ..Image::default()
        })
    }
}

/// A client of a server of its own.
struct Client {
    server: Server<Fake>,
    sent: Vec<Value>,
    count: u64,
}

impl Client {
    fn new() -> Self {
        Self::with(json!({}))
    }

    /// Having said what it is able to do.
    fn with(capabilities: Value) -> Self {
        let mut client = Self::silent();
        client.ask("initialize", json!({ "capabilities": capabilities }));
        client.tell("initialized", json!({}));
        client
    }

    fn silent() -> Self {
        Self {
            server: Server::new(Fake::default()),
            sent: Vec::new(),
            count: 0,
        }
    }

    /// With a file open; gives the offset of the cursor.
    fn open(text: &str) -> (Self, Value) {
        Self::open_with(
            json!({ "textDocument": { "codeAction": { "codeActionLiteralSupport": {} } } }),
            text,
        )
    }

    fn open_with(capabilities: Value, text: &str) -> (Self, Value) {
        let mut client = Self::with(capabilities);
        let (before, after) = text.split_once(CURSOR).unwrap_or((text, ""));
        client.tell(
            "textDocument/didOpen",
            json!({ "textDocument": {
                "uri": URI, "languageId": "dockerfile", "version": 1, "text": format!("{before}{after}"),
            } }),
        );
        let line = before.matches('\n').count();
        let character = before[before.rfind('\n').map_or(0, |at| at + 1)..]
            .encode_utf16()
            .count();
        (client, json!({ "line": line, "character": character }))
    }

    fn receive(&mut self, message: &Value) {
        self.server.receive(message.to_string().as_bytes());
    }

    fn work(&mut self) {
        while self.server.waiting() > 0 {
            let sent = self.server.work();
            self.sent.extend(sent);
        }
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.receive(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        self.work();
    }

    /// The whole answer.
    fn answer(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let id = self.count;
        self.receive(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.work();
        let at = self.sent.iter().position(|sent| sent["id"] == id).expect("an answer");
        self.sent.remove(at)
    }

    /// The result.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Asks about the open file.
    fn about(&mut self, method: &str, mut params: Value) -> Value {
        params["textDocument"] = json!({ "uri": URI });
        self.ask(&format!("textDocument/{method}"), params)
    }

    /// The diagnostics that were sent last, as `line:character-line:character code`.
    fn diagnostics(&self) -> Vec<String> {
        let sent = self
            .sent
            .iter()
            .rfind(|sent| sent["method"] == "textDocument/publishDiagnostics");
        let all = sent.expect("diagnostics were sent")["params"]["diagnostics"].clone();
        all.as_array().expect("a list").iter().map(shorthand).collect()
    }
}

fn shorthand(diagnostic: &Value) -> String {
    format!(
        "{} {}",
        place(&diagnostic["range"]),
        diagnostic["code"].as_str().expect("a code")
    )
}

fn place(range: &Value) -> String {
    let place = |place: &Value| format!("{}:{}", place["line"], place["character"]);
    format!("{}-{}", place(&range["start"]), place(&range["end"]))
}

fn places(list: &Value) -> Vec<String> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|it| place(&it["range"]))
        .collect()
}

/// `text` with edits made.
fn edited(text: &str, edits: &Value) -> String {
    let buffer = super::place::Buffer::new(text.to_owned());
    let mut edits: Vec<(crate::diagnostic::Span, &str)> = edits
        .as_array()
        .expect("a list of edits")
        .iter()
        .map(|edit| {
            let range = serde_json::from_value(edit["range"].clone()).expect("a range");
            let span = buffer.span(range, super::place::Encoding::Utf16);
            (span, edit["newText"].as_str().expect("text"))
        })
        .collect();
    edits.sort_by_key(|(span, _)| *span);
    let mut new = text.to_owned();
    for (span, with) in edits.into_iter().rev() {
        new.replace_range(span.start as usize..span.end as usize, with);
    }
    new
}
