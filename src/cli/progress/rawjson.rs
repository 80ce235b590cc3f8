//! BuildKit's status stream: a JSON object a line, for other programs.

use super::Screen;
use super::lines::{clean, label};
use crate::build::Progress;
use crate::digest::Sha256;
use crate::lint::{address, find};
use crate::oci::format_time;
use crate::plan::{Graph, StepId};
use crate::registry::Pushed;
use crate::schedule::{Event, Stream};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use petgraph::Direction;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

pub(super) struct RawJson<W: Write> {
    state: Mutex<State<W>>,
}

struct State<W: Write> {
    graph: Option<Arc<Graph>>,
    /// When work on a step began.
    started: BTreeMap<StepId, String>,
    /// What is being written, since when.
    writing: Option<(String, String)>,
    out: W,
}

impl<W: Write + Send> RawJson<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            state: Mutex::new(State {
                graph: None,
                started: BTreeMap::new(),
                writing: None,
                out,
            }),
        }
    }
}

impl<W: Write + Send> Screen for RawJson<W> {
    fn show(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let status = state.status(progress, SystemTime::now());
        let mut line = serde_json::to_vec(&status).unwrap_or_default();
        line.push(b'\n');
        // A reader that went away is no reason to stop building.
        let _ = state.out.write_all(&line).and_then(|()| state.out.flush());
    }
}

impl<W: Write> State<W> {
    fn status(&mut self, progress: Progress, now: SystemTime) -> Status {
        let time = told(now);
        let mut status = Status::default();
        match progress {
            Progress::Planned(graph) => {
                status.vertexes = graph.steps.node_indices().map(|step| vertex(&graph, step)).collect();
                self.graph = Some(graph);
            }
            Progress::Warning(text) => {
                let mut lines = text.lines().map(|line| STANDARD.encode(line));
                let short = lines.next().unwrap_or_default();
                status.warnings.push(Warning {
                    vertex: digest(LOADING),
                    level: 1,
                    short,
                    detail: lines.collect(),
                    url: String::new(),
                });
            }
            Progress::Checked(findings) => status.warnings.extend(findings.iter().map(|finding| Warning {
                vertex: digest(LOADING),
                level: 1,
                short: STANDARD.encode(format!("{}: {} (line {})", finding.code, finding.message, finding.line)),
                detail: finding.help.iter().map(|help| STANDARD.encode(help)).collect(),
                url: find(&finding.code).and_then(address).unwrap_or_default(),
            })),
            // Nothing says when it is there; whatever comes next comes after it.
            Progress::Loading(what) => status.vertexes.push(Vertex {
                digest: digest(&what),
                name: format!("[internal] load {}", clean(&what)),
                started: Some(time.clone()),
                completed: Some(time),
                ..Vertex::default()
            }),
            Progress::Exporting(what) => {
                let name = format!("exporting to {}", clean(&what));
                status.export(&name, &time, None, &time);
                self.writing = Some((name, time));
            }
            Progress::Caching(what) => {
                let name = format!("exporting cache to {}", clean(&what));
                status.export(&name, &time, None, &time);
                self.writing = Some((name, time));
            }
            Progress::Pushed(Pushed::Began(name)) => {
                let name = format!("pushing {name}");
                status.export(&name, &time, None, &time);
                self.writing = Some((name, time));
            }
            Progress::Pushed(pushed @ Pushed::Blob { .. }) => {
                let text = pushed.to_string();
                let vertex = self.writing.as_ref().map(|(name, _)| digest(name)).unwrap_or_default();
                status.statuses.push(VertexStatus {
                    id: text,
                    vertex,
                    current: 0,
                    timestamp: time.clone(),
                    started: time.clone(),
                    completed: Some(time),
                });
            }
            Progress::Exported | Progress::Pushed(Pushed::Done { .. }) => {
                if let Some((name, started)) = self.writing.take() {
                    status.export(&name, &started, Some(&time), &time);
                }
            }
            Progress::Step(event) => self.step(&mut status, event, now, time),
        }
        status
    }

    fn step(&mut self, status: &mut Status, event: Event, now: SystemTime, time: String) {
        let Some(graph) = &self.graph else { return };
        let (step, duration, error) = match event {
            Event::Started { step, .. } => {
                self.started.insert(step, time.clone());
                status.vertexes.push(Vertex {
                    started: Some(time),
                    ..vertex(graph, step)
                });
                return;
            }
            Event::Output { step, stream, bytes } => {
                status.logs.push(Log {
                    vertex: vertex(graph, step).digest,
                    stream: match stream {
                        Stream::Stdout => 1,
                        Stream::Stderr => 2,
                    },
                    data: STANDARD.encode(bytes),
                    timestamp: time,
                });
                return;
            }
            Event::Noted { step, text } => {
                status.warnings.push(Warning {
                    vertex: vertex(graph, step).digest,
                    level: 1,
                    short: STANDARD.encode(text),
                    detail: Vec::new(),
                    url: String::new(),
                });
                return;
            }
            Event::Reused { step, from } => {
                if let Some(from) = from {
                    status.statuses.push(VertexStatus {
                        id: format!("importing cache from {}", clean(&from)),
                        vertex: vertex(graph, step).digest,
                        current: 0,
                        timestamp: time.clone(),
                        started: time.clone(),
                        completed: Some(time.clone()),
                    });
                }
                status.vertexes.push(Vertex {
                    started: Some(time.clone()),
                    completed: Some(time),
                    cached: true,
                    ..vertex(graph, step)
                });
                return;
            }
            Event::Built { step, duration } => (step, duration, String::new()),
            Event::Failed { step, duration, error } => (step, duration, error),
            Event::Stopped { step } => (step, Duration::ZERO, "canceled".to_owned()),
        };
        let began = || told(now.checked_sub(duration).unwrap_or(now));
        status.vertexes.push(Vertex {
            started: Some(self.started.remove(&step).unwrap_or_else(began)),
            completed: Some(time),
            error,
            ..vertex(graph, step)
        });
    }
}

/// What warnings about the Dockerfile belong to.
const LOADING: &str = "[internal] load build definition";

/// A step before anything happened to it.
fn vertex(graph: &Graph, step: StepId) -> Vertex {
    let name = |step: StepId| digest(&format!("step {} {}", step.index(), label(&graph.steps[step])));
    let inputs = graph.steps.neighbors_directed(step, Direction::Incoming);
    let mut inputs: Vec<StepId> = inputs.collect();
    inputs.sort_unstable();
    inputs.dedup();
    Vertex {
        digest: name(step),
        inputs: inputs.into_iter().map(name).collect(),
        name: label(&graph.steps[step]),
        ..Vertex::default()
    }
}

/// A name in the form of a digest: what names it for the readers of one stream.
fn digest(text: &str) -> String {
    Sha256::of(text.as_bytes()).to_string()
}

fn told(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format_time(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

#[derive(Debug, Default, Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vertexes: Vec<Vertex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<VertexStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl Status {
    fn export(&mut self, name: &str, started: &str, completed: Option<&str>, now: &str) {
        let vertex = digest(name);
        self.vertexes.push(Vertex {
            digest: vertex.clone(),
            name: name.to_owned(),
            started: Some(started.to_owned()),
            completed: completed.map(str::to_owned),
            ..Vertex::default()
        });
        self.statuses.push(VertexStatus {
            id: name.to_owned(),
            vertex,
            current: 0,
            timestamp: now.to_owned(),
            started: started.to_owned(),
            completed: completed.map(str::to_owned),
        });
    }
}

#[derive(Debug, Default, Serialize)]
struct Vertex {
    digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

#[derive(Debug, Serialize)]
struct VertexStatus {
    id: String,
    vertex: String,
    current: u64,
    timestamp: String,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
}

#[derive(Debug, Serialize)]
struct Log {
    vertex: String,
    stream: u8,
    data: String,
    timestamp: String,
}

#[derive(Debug, Serialize)]
struct Warning {
    vertex: String,
    level: u8,
    short: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
}
