//! The way in: keeps what is open, and hands each message to whom it concerns.

use super::host::{Host, Rules};
use super::message::{Message, Refusal, answer, notification, request};
use super::page::Page;
use super::place::{Encoding, Place, Range};
use super::{actions, completion, diagnostics, edits, folding, hover, names, symbols, tokens, uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Files that can be open at once.
const MOST_PAGES: usize = 1_000;

/// A language server for Dockerfiles, for one client.
#[derive(Debug)]
pub struct Server<H> {
    host: H,
    phase: Phase,
    client: Client,
    pages: BTreeMap<String, Page>,
    /// What came in and was not looked at yet.
    queue: VecDeque<Message>,
    /// Answers to messages that make no sense.
    answers: Vec<Value>,
    /// Files whose diagnostics the client has not seen yet.
    changed: BTreeSet<String>,
    /// Complaints about settings that the client was shown.
    told: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    Ready,
    /// After `shutdown`.
    Shut,
    /// After `exit`, with the code to end with.
    Ended(u8),
}

/// What the client is able to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    /// Completions may have places to fill in.
    pub(super) snippets: bool,
    /// Code actions may be more than names of commands.
    pub(super) literal_actions: bool,
    /// Edits may name the version of the file that they are for.
    pub(super) versioned_edits: bool,
    /// Symbols may be in symbols.
    pub(super) nested_symbols: bool,
    /// Diagnostics may name further places.
    pub(super) related: bool,
    /// Diagnostics may say what is deprecated or unnecessary.
    pub(super) tags: bool,
    /// Asks for diagnostics, so that they need not be sent.
    pulls: bool,
    /// Asks again when told that diagnostics have changed.
    pulls_again: bool,
    /// Watches files when asked to.
    watches: bool,
    /// The first folder that is open.
    folder: Option<PathBuf>,
}

impl Client {
    fn new(params: &Value) -> Self {
        let capabilities = &params["capabilities"];
        let is = |pointer: &str| capabilities.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let has = |pointer: &str| capabilities.pointer(pointer).is_some_and(|value| !value.is_null());
        let encodings = capabilities.pointer("/general/positionEncodings");
        let encodings = encodings
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let folder = params
            .pointer("/workspaceFolders/0/uri")
            .or_else(|| params.get("rootUri"))
            .and_then(Value::as_str);
        Self {
            encoding: Encoding::choose(encodings.iter().filter_map(Value::as_str)),
            snippets: is("/textDocument/completion/completionItem/snippetSupport"),
            literal_actions: has("/textDocument/codeAction/codeActionLiteralSupport"),
            versioned_edits: is("/workspace/workspaceEdit/documentChanges"),
            nested_symbols: is("/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            related: is("/textDocument/publishDiagnostics/relatedInformation")
                || is("/textDocument/diagnostic/relatedInformation"),
            tags: has("/textDocument/publishDiagnostics/tagSupport") || has("/textDocument/diagnostic/tagSupport"),
            pulls: has("/textDocument/diagnostic"),
            pulls_again: is("/workspace/diagnostics/refreshSupport"),
            watches: is("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            folder: folder.and_then(uri::path),
        }
    }
}

impl<H: Host> Server<H> {
    /// A server that has not heard of its client yet.
    pub fn new(host: H) -> Self {
        Self {
            host,
            phase: Phase::New,
            client: Client::default(),
            pages: BTreeMap::new(),
            queue: VecDeque::new(),
            answers: Vec::new(),
            changed: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Takes the body of a message. Nothing is done about it yet, so that a request may still be cancelled.
    pub fn receive(&mut self, body: &[u8]) {
        match Message::parse(body) {
            Ok(Message::Response) => {}
            Ok(Message::Notification { method, params }) if method == "$/cancelRequest" => self.cancel(&params["id"]),
            Ok(message) => self.queue.push_back(message),
            Err(answer) => self.answers.push(answer),
        }
    }

    fn cancel(&mut self, wanted: &Value) {
        let is_it = |message: &Message| matches!(message, Message::Request { id, .. } if id == wanted);
        if let Some(at) = self.queue.iter().position(is_it) {
            self.queue.remove(at);
            let refusal = Refusal::new(Refusal::CANCELLED, "the request was cancelled");
            self.answers.push(answer(wanted.clone(), Err(refusal)));
        }
    }

    /// How many pieces of work there are for [`Server::work`].
    pub fn waiting(&self) -> usize {
        self.queue.len() + self.answers.len() + self.changed.len()
    }

    /// Does one piece of what is waiting and gives what is to be sent. Files that have changed are looked at when
    /// nothing else is waiting, so that a fast typist is not kept.
    pub fn work(&mut self) -> Vec<Value> {
        let mut sent = std::mem::take(&mut self.answers);
        if matches!(self.phase, Phase::Ended(_)) {
            self.queue.clear();
            self.changed.clear();
            return sent;
        }
        match self.queue.pop_front() {
            Some(Message::Request { id, method, params }) => {
                // A rule that fails must not take the editor's other files with it.
                let result = catch_unwind(AssertUnwindSafe(|| self.request(&method, params)));
                let result = result.unwrap_or_else(|_| {
                    let message = format!("`{method}` failed; this is a defect of varve");
                    Err(Refusal::new(Refusal::INTERNAL, message))
                });
                sent.push(answer(id, result));
            }
            Some(Message::Notification { method, params }) => self.notification(&method, params, &mut sent),
            Some(Message::Response) => {}
            None => {
                if let Some(uri) = self.changed.pop_first() {
                    let told = catch_unwind(AssertUnwindSafe(|| self.publish(&uri)));
                    sent.extend(told.unwrap_or_default());
                }
            }
        }
        sent
    }

    /// The exit code, once the client has said that the program is to end.
    pub fn ended(&self) -> Option<u8> {
        match self.phase {
            Phase::Ended(code) => Some(code),
            _ => None,
        }
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        match (self.phase, method) {
            (Phase::New, "initialize") => return Ok(self.initialize(&params)),
            (Phase::New, _) => {
                let message = "the first request has to be `initialize`";
                return Err(Refusal::new(Refusal::NOT_INITIALIZED, message));
            }
            (Phase::Ready, "initialize") => {
                return Err(Refusal::new(Refusal::INVALID_REQUEST, "`initialize` was sent already"));
            }
            (Phase::Ready, "shutdown") => {
                self.phase = Phase::Shut;
                self.changed.clear();
                return Ok(Value::Null);
            }
            (Phase::Ready, _) => {}
            _ => return Err(Refusal::new(Refusal::INVALID_REQUEST, "the server is shut down")),
        }
        match method {
            "textDocument/diagnostic" => {
                let page = self.page(&params)?;
                let items = diagnostics::all(page, &self.client);
                Ok(json!({ "kind": "full", "items": items }))
            }
            "textDocument/codeAction" => {
                let asked: actions::Asked = read(&params)?;
                Ok(actions::all(self.page(&params)?, &asked, &self.client))
            }
            "textDocument/hover" => {
                let (page, at, host) = self.place(&params)?;
                Ok(hover::at(page, at, host))
            }
            "textDocument/completion" => {
                let snippets = self.client.snippets;
                let (page, at, host) = self.place(&params)?;
                Ok(completion::at(page, at, snippets, host))
            }
            "textDocument/definition" => {
                let (page, at, _) = self.place(&params)?;
                Ok(names::definition(page, at))
            }
            "textDocument/references" => {
                let declarations = params.pointer("/context/includeDeclaration").and_then(Value::as_bool);
                let (page, at, _) = self.place(&params)?;
                Ok(names::references(page, at, declarations == Some(true)))
            }
            "textDocument/documentHighlight" => {
                let (page, at, _) = self.place(&params)?;
                Ok(names::highlights(page, at))
            }
            "textDocument/prepareRename" => {
                let (page, at, _) = self.place(&params)?;
                names::prepare_rename(page, at)
            }
            "textDocument/rename" => {
                let new: NewName = read(&params)?;
                let client = self.client.clone();
                let (page, at, _) = self.place(&params)?;
                names::rename(page, at, &new.new_name, &client)
            }
            "textDocument/documentSymbol" => Ok(symbols::all(self.page(&params)?, self.client.nested_symbols)),
            "textDocument/foldingRange" => Ok(folding::all(self.page(&params)?)),
            "textDocument/formatting" => edits::formatting(self.page(&params)?),
            "textDocument/semanticTokens/full" => Ok(tokens::all(self.page(&params)?)),
            _ => {
                let message = format!("`{method}` is not known");
                Err(Refusal::new(Refusal::METHOD_NOT_FOUND, message))
            }
        }
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.phase = Phase::Ready;
        self.client = Client::new(params);
        let mut capabilities = json!({
            "positionEncoding": self.client.encoding.word(),
            "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
            "codeActionProvider": { "codeActionKinds": actions::KINDS },
            "hoverProvider": true,
            "completionProvider": { "triggerCharacters": completion::TRIGGERS },
            "definitionProvider": true,
            "referencesProvider": true,
            "documentHighlightProvider": true,
            "renameProvider": { "prepareProvider": true },
            "documentSymbolProvider": true,
            "foldingRangeProvider": true,
            "documentFormattingProvider": true,
            "semanticTokensProvider": { "legend": tokens::legend(), "full": true },
        });
        if self.client.pulls {
            capabilities["diagnosticProvider"] = json!({
                "identifier": "varve", "interFileDependencies": false, "workspaceDiagnostics": false,
            });
        }
        json!({
            "capabilities": capabilities,
            "serverInfo": { "name": "varve", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    fn notification(&mut self, method: &str, params: Value, sent: &mut Vec<Value>) {
        match (self.phase, method) {
            // Without a `shutdown` before it, it is a mishap.
            (phase, "exit") => self.phase = Phase::Ended(u8::from(phase != Phase::Shut)),
            (Phase::Ready, _) => {
                let done = catch_unwind(AssertUnwindSafe(|| self.note(method, params, sent)));
                if let Ok(Err(refusal)) = done {
                    // Nobody waits for an answer, but who writes a client wants to know.
                    let message = format!("`{method}`: {}", refusal.message);
                    let told = json!({ "type": 1, "message": message });
                    sent.push(notification("window/logMessage", told));
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, method: &str, params: Value, sent: &mut Vec<Value>) -> Result<(), Refusal> {
        match method {
            "initialized" if self.client.watches => sent.push(request(
                "watch",
                "client/registerCapability",
                json!({ "registrations": [{
                    "id": "watch",
                    "method": "workspace/didChangeWatchedFiles",
                    "registerOptions": { "watchers": [
                        { "globPattern": "**/varve.toml" },
                        { "globPattern": "**/.hadolint.{yaml,yml}" },
                    ] },
                }] }),
            )),
            "textDocument/didOpen" => {
                let opened: Opened = read(&params)?;
                let Item { uri, version, text } = opened.text_document;
                if self.pages.len() >= MOST_PAGES && !self.pages.contains_key(&uri) {
                    return Err(Refusal::failed(format!("more than {MOST_PAGES} files are open")));
                }
                let rules = self.rules(&uri, sent);
                let page = Page::new(uri.clone(), version, text, self.client.encoding, rules);
                self.pages.insert(uri.clone(), page);
                self.has_changed(uri);
            }
            "textDocument/didChange" => {
                let changed: Changed = read(&params)?;
                let Identifier { uri, version } = changed.text_document;
                let page = self.pages.get_mut(&uri).ok_or_else(|| not_open(&uri))?;
                for change in changed.content_changes {
                    page.change(change.range, &change.text);
                }
                page.version = version.unwrap_or(page.version);
                self.has_changed(uri);
            }
            "textDocument/didClose" => {
                let closed: Named = read(&params)?;
                let uri = closed.text_document.uri;
                self.pages.remove(&uri).ok_or_else(|| not_open(&uri))?;
                self.changed.remove(&uri);
                if !self.client.pulls {
                    let none = json!({ "uri": uri, "diagnostics": [] });
                    sent.push(notification("textDocument/publishDiagnostics", none));
                }
            }
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" | "workspace/didChangeConfiguration" => {
                self.refresh(sent);
            }
            // `initialized`, `$/…`, and what else a client may tell.
            _ => {}
        }
        Ok(())
    }

    /// Asks for the settings of all open files again.
    fn refresh(&mut self, sent: &mut Vec<Value>) {
        self.host.forget();
        self.told.clear();
        let uris: Vec<String> = self.pages.keys().cloned().collect();
        let mut differs = false;
        for uri in uris {
            let rules = self.rules(&uri, sent);
            if self.pages.get_mut(&uri).is_some_and(|page| page.set_rules(rules)) {
                differs = true;
                self.has_changed(uri);
            }
        }
        if differs && self.client.pulls_again {
            sent.push(request("refresh", "workspace/diagnostic/refresh", Value::Null));
        }
    }

    fn rules(&mut self, uri: &str, sent: &mut Vec<Value>) -> Rules {
        let path = uri::path(uri);
        match self.host.rules(path.as_deref(), self.client.folder.as_deref()) {
            Ok(rules) => rules,
            Err(why) => {
                if self.told.insert(why.clone()) {
                    let told = json!({ "type": 1, "message": why });
                    sent.push(notification("window/showMessage", told));
                }
                Rules::default()
            }
        }
    }

    fn has_changed(&mut self, uri: String) {
        if !self.client.pulls {
            self.changed.insert(uri);
        }
    }

    fn publish(&self, uri: &str) -> Vec<Value> {
        let Some(page) = self.pages.get(uri) else {
            return Vec::new();
        };
        let all = diagnostics::all(page, &self.client);
        let told = json!({ "uri": uri, "version": page.version, "diagnostics": all });
        vec![notification("textDocument/publishDiagnostics", told)]
    }

    fn page(&self, params: &Value) -> Result<&Page, Refusal> {
        let named: Named = read(params)?;
        let uri = named.text_document.uri;
        self.pages.get(&uri).ok_or_else(|| not_open(&uri))
    }

    /// The file that a request is about, the place in it, and the host.
    fn place(&mut self, params: &Value) -> Result<(&Page, u32, &mut H), Refusal> {
        let named: At = read(params)?;
        let uri = named.text_document.uri;
        let page = self.pages.get(&uri).ok_or_else(|| not_open(&uri))?;
        Ok((page, page.offset(named.position), &mut self.host))
    }
}

fn read<T: DeserializeOwned>(params: &Value) -> Result<T, Refusal> {
    T::deserialize(params).map_err(|error| Refusal::new(Refusal::INVALID_PARAMS, error.to_string()))
}

fn not_open(uri: &str) -> Refusal {
    Refusal::new(Refusal::INVALID_PARAMS, format!("`{uri}` is not open"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    text_document: Item,
}

#[derive(Deserialize)]
struct Item {
    uri: String,
    version: i64,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    text_document: Identifier,
    content_changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    range: Option<Range>,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    text_document: Identifier,
}

#[derive(Deserialize)]
struct Identifier {
    uri: String,
    #[serde(default)]
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct At {
    text_document: Identifier,
    position: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewName {
    new_name: String,
}
