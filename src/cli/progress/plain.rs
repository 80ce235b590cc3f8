//! A line per event: for logs.

use super::Screen;
use super::lines::{Lines, clean, label, reused, seconds, tag};
use crate::build::Progress;
use crate::plan::{Graph, StepId};
use crate::schedule::{Event, Stream};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Plain<W: Write> {
    state: Mutex<State<W>>,
}

struct State<W: Write> {
    graph: Option<Arc<Graph>>,
    partial: BTreeMap<(StepId, bool), Lines>,
    /// Emptied after each event, so that a line is one write.
    out: BufWriter<W>,
}

impl<W: Write + Send> Plain<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            state: Mutex::new(State {
                graph: None,
                partial: BTreeMap::new(),
                out: BufWriter::new(out),
            }),
        }
    }
}

impl<W: Write + Send> Screen for Plain<W> {
    fn show(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that went away is no reason to stop building.
        let _ = state.show(progress).and_then(|()| state.out.flush());
    }
}

impl<W: Write> State<W> {
    fn show(&mut self, progress: Progress) -> std::io::Result<()> {
        match progress {
            Progress::Planned(graph) => self.graph = Some(graph),
            Progress::Checked(_) => {}
            Progress::Warning(text) => writeln!(self.out, "{text}")?,
            Progress::Loading(what) => writeln!(self.out, "loading {}", clean(&what))?,
            Progress::Exporting(what) => writeln!(self.out, "writing {}", clean(&what))?,
            Progress::Pushed(pushed) => writeln!(self.out, "{}", clean(&pushed.to_string()))?,
            Progress::Caching(what) => writeln!(self.out, "exporting cache to {}", clean(&what))?,
            Progress::Exported => (),
            Progress::Step(event) => self.step(event)?,
        }
        Ok(())
    }

    fn step(&mut self, event: Event) -> std::io::Result<()> {
        let Some(graph) = self.graph.clone() else { return Ok(()) };
        match event {
            Event::Started { step, reason } => {
                writeln!(
                    self.out,
                    "{}  because {}",
                    label(&graph.steps[step]),
                    clean(&reason.to_string())
                )
            }
            Event::Output { step, stream, bytes } => {
                let tag = tag(&graph.steps[step]);
                let out = &mut self.out;
                let mut result = Ok(());
                self.partial
                    .entry((step, stream == Stream::Stderr))
                    .or_default()
                    .push(&bytes, |line| result = writeln!(out, "{tag} | {line}"));
                result
            }
            Event::Noted { step, text } => {
                writeln!(self.out, "{} note: {}", tag(&graph.steps[step]), clean(&text))
            }
            Event::Reused { step, from } => {
                writeln!(self.out, "{}  {}", label(&graph.steps[step]), reused(from.as_deref()))
            }
            Event::Built { step, duration } => {
                self.flush(step, &graph)?;
                writeln!(self.out, "{} built in {}", tag(&graph.steps[step]), seconds(duration))
            }
            Event::Failed { step, duration, .. } => {
                self.flush(step, &graph)?;
                writeln!(
                    self.out,
                    "{} failed after {}",
                    label(&graph.steps[step]),
                    seconds(duration)
                )
            }
            Event::Stopped { step } => {
                self.flush(step, &graph)?;
                writeln!(self.out, "{} stopped", tag(&graph.steps[step]))
            }
        }
    }

    fn flush(&mut self, step: StepId, graph: &Graph) -> std::io::Result<()> {
        let tag = tag(&graph.steps[step]);
        for stderr in [false, true] {
            if let Some(mut lines) = self.partial.remove(&(step, stderr)) {
                let out = &mut self.out;
                let mut result = Ok(());
                lines.flush(|line| result = writeln!(out, "{tag} | {line}"));
                result?;
            }
        }
        Ok(())
    }
}
