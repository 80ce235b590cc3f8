//! A live view: a line for each running step below the lines of those that are done.

use super::Screen;
use super::lines::{Lines, clean, label, reused, seconds, tag};
use crate::build::Progress;
use crate::plan::{Graph, StepId};
use crate::schedule::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) struct Tty {
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    graph: Option<Arc<Graph>>,
    running: BTreeMap<StepId, Running>,
}

struct Running {
    label: String,
    bar: ProgressBar,
    lines: Lines,
}

impl Tty {
    pub(super) fn new() -> Self {
        // 15 frames a second are smooth, and cost nothing beside a build.
        Self::on(ProgressDrawTarget::stderr_with_hz(15))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(target),
            state: Mutex::default(),
        }
    }

    fn line(&self, text: String) {
        // A terminal that went away is no reason to stop building.
        let _ = self.bars.println(text);
    }
}

impl Screen for Tty {
    fn show(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Planned(graph) => state.graph = Some(graph),
            Progress::Checked(_) => {}
            Progress::Warning(text) => self.line(text),
            Progress::Loading(what) => self.line(format!("loading {}", clean(&what))),
            Progress::Exporting(what) => self.line(format!("writing {}", clean(&what))),
            Progress::Pushed(pushed) => self.line(clean(&pushed.to_string())),
            Progress::Caching(what) => self.line(format!("exporting cache to {}", clean(&what))),
            Progress::Exported => (),
            Progress::Step(event) => self.step(&mut state, event),
        }
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for running in std::mem::take(&mut state.running).into_values() {
            running.bar.finish_and_clear();
        }
        let _ = self.bars.clear();
    }
}

impl Tty {
    fn step(&self, state: &mut State, event: Event) {
        let Some(graph) = state.graph.clone() else { return };
        match event {
            Event::Noted { step, text } => self.line(format!("{} note: {}", tag(&graph.steps[step]), clean(&text))),
            Event::Reused { step, from } => {
                self.line(format!("{}  {}", label(&graph.steps[step]), reused(from.as_deref())));
            }
            Event::Started { step, reason } => {
                let (rows, columns) = size();
                // More bars than rows would leave traces; who has no place shows up when it is done.
                let bar = if state.running.len() + 2 < rows {
                    self.bars.add(ProgressBar::new_spinner())
                } else {
                    ProgressBar::hidden()
                };
                // The template is a constant; a wrong one would show in the test below.
                if let Ok(style) = ProgressStyle::with_template("{prefix} {elapsed} {wide_msg}") {
                    bar.set_style(style);
                }
                bar.set_prefix(short(&label(&graph.steps[step]), columns / 2));
                bar.set_message(format!("because {}", clean(&reason.to_string())));
                bar.enable_steady_tick(Duration::from_millis(200));
                let label = format!("{}  because {}", label(&graph.steps[step]), clean(&reason.to_string()));
                state.running.insert(
                    step,
                    Running {
                        label,
                        bar,
                        lines: Lines::default(),
                    },
                );
            }
            Event::Output { step, bytes, .. } => {
                if let Some(Running { bar, lines, .. }) = state.running.get_mut(&step) {
                    lines.push(&bytes, |line| bar.set_message(format!("| {}", clean(line))));
                }
            }
            Event::Built { step, duration } => self.finish(state, step, &format!("built in {}", seconds(duration))),
            Event::Failed { step, duration, .. } => {
                self.finish(state, step, &format!("failed after {}", seconds(duration)));
            }
            Event::Stopped { step } => self.finish(state, step, "stopped"),
        }
    }

    fn finish(&self, state: &mut State, step: StepId, how: &str) {
        let Some(Running { label, bar, .. }) = state.running.remove(&step) else {
            return;
        };
        bar.finish_and_clear();
        self.bars.remove(&bar);
        self.line(format!("{label}  {how}"));
    }
}

/// Rows and columns of the terminal, or usual ones when it does not tell.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (usize::from(size.ws_row), usize::from(size.ws_col)),
        _ => (24, 80),
    }
}

/// The beginning of a text, marked when something is left out.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::MissReason;
    use crate::plan::{Base, Graph, Op, Step, Target};
    use indicatif::InMemoryTerm;

    #[test]
    fn running_steps_have_a_line_and_done_ones_leave_one() {
        let term = InMemoryTerm::new(10, 60);
        let screen = Tty::on(ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 200));
        let mut steps = petgraph::stable_graph::StableDiGraph::new();
        let step = steps.add_node(Step {
            op: Op::Base(Base::Scratch),
            stage: "app".to_owned(),
            platform: Default::default(),
            shown_platform: None,
            position: (1, 2),
            title: "RUN make a very long title that does not fit into half of the terminal".to_owned(),
            span: None,
            no_cache: false,
        });
        let target = Target {
            step,
            config: Default::default(),
            platform: Default::default(),
            history: Vec::new(),
        };
        screen.show(Progress::Planned(Arc::new(Graph {
            steps,
            target,
            others: Vec::new(),
            source_date_epoch: None,
            outline: crate::plan::Outline::default(),
        })));
        screen.show(Progress::Step(Event::Started {
            step,
            reason: MissReason::New,
        }));
        let bytes = b"compiling\n".to_vec();
        screen.show(Progress::Step(Event::Output {
            step,
            stream: crate::schedule::Stream::Stdout,
            bytes,
        }));
        for running in screen.state.lock().unwrap().running.values() {
            running.bar.tick();
        }
        let shown = term.contents();
        assert!(
            shown.contains("[app 1/2] RUN make") && shown.contains("| compiling"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1, "{shown}");
        screen.show(Progress::Step(Event::Built {
            step,
            duration: Duration::from_secs(3),
        }));
        screen.close();
        let shown = term.contents().replace('\n', "");
        assert!(
            shown.contains("because it is new") && shown.contains("built in 3.0s"),
            "{shown}"
        );
    }
}
