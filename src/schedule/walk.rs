//! The walk: ready steps are looked up, those that are not done get a thread.

use super::{Cancel, Event, Listener};
use crate::cache::MissReason;
use crate::plan::{Graph, Need, StepId};
use petgraph::Direction;
use petgraph::visit::EdgeRef as _;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// What a step does, as far as the walk is concerned.
pub trait Work: Sync {
    /// What a step leaves for those that need it.
    type Output: Send + Sync;
    /// What a look-up found out and the work needs again.
    type Prepared: Send;
    /// Why a step could not be done.
    type Error: Send + Display;

    /// Whether looking the step up may take longer than a few queries; such look-ups happen beside other work.
    fn is_costly(&self, step: StepId) -> bool;

    /// Looks whether the step is done.
    fn look_up(
        &self,
        step: StepId,
        inputs: &Inputs<Self::Output>,
    ) -> Result<Lookup<Self::Output, Self::Prepared>, Self::Error>;

    /// Does the step. Returns soon after `cancel` was turned, with any error.
    fn perform(
        &self,
        step: StepId,
        inputs: &Inputs<Self::Output>,
        prepared: Self::Prepared,
        cancel: &Cancel,
        events: &dyn Listener,
    ) -> Result<Self::Output, Self::Error>;
}

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup<O, P> {
    /// The step is done.
    Hit(O),
    /// It is done, as somebody says who is not the store.
    Told(O, String),
    /// It is not.
    Miss(P, MissReason),
}

/// The results of the steps that a step needs.
#[derive(Debug)]
pub struct Inputs<O> {
    members: Vec<(StepId, Need, Arc<O>)>,
}

impl<O> Inputs<O> {
    /// Nothing is needed.
    pub fn none() -> Self {
        Self { members: Vec::new() }
    }

    /// The result of the step whose root file system this one starts from.
    pub fn root(&self) -> Option<&Arc<O>> {
        self.members
            .iter()
            .find(|(_, need, _)| *need == Need::Root)
            .map(|(_, _, output)| output)
    }

    /// All of them: which step, what it is needed for, and its result.
    pub fn members(&self) -> impl Iterator<Item = (StepId, Need, &Arc<O>)> {
        self.members.iter().map(|(step, need, output)| (*step, *need, output))
    }

    /// The result of a needed step.
    pub fn of(&self, step: StepId) -> Option<&Arc<O>> {
        self.members
            .iter()
            .find(|(id, _, _)| *id == step)
            .map(|(_, _, output)| output)
    }
}

/// How a walk ended early.
#[derive(Debug)]
pub enum Failure<E> {
    /// A step could not be done.
    Step(StepId, E),
    /// `cancel` was turned from outside.
    Cancelled,
}

/// The results of all steps.
#[derive(Debug)]
pub struct Results<O>(Vec<Option<Arc<O>>>);

impl<O> Results<O> {
    /// The result of a step of the graph.
    pub fn get(&self, step: StepId) -> Option<&Arc<O>> {
        self.0.get(step.index()).and_then(Option::as_ref)
    }
}

enum Done<W: Work> {
    Found(StepId, Result<Lookup<W::Output, W::Prepared>, W::Error>),
    Performed(StepId, Instant, Result<W::Output, W::Error>),
}

/// Does all steps of `graph`, at most `jobs` at once, each after those it needs; steps with the longest way to the
/// end go first.
///
/// # Errors
/// [`Failure`]: when a step fails or `cancel` is turned, all running steps are told to stop, and this returns after
/// the last of them did. Of several failures the first is returned.
pub fn run<W: Work>(
    graph: &Graph,
    work: &W,
    jobs: NonZeroUsize,
    cancel: &Cancel,
    events: &dyn Listener,
) -> Result<Results<W::Output>, Failure<W::Error>> {
    let mut state = State::new(graph);
    let finished = &Finished::<W>::new();
    std::thread::scope(|scope| {
        let mut waiting: BinaryHeap<Ready<W::Prepared>> = BinaryHeap::new();
        let mut running = 0usize;
        let mut failure = None;
        loop {
            // Start what may start. Look-ups come before work, cheap ones before costly ones.
            while failure.is_none() && !cancel.is_cancelled() {
                let alone = running == 0 && waiting.is_empty() && state.ready.len() == 1;
                let Some(step) = state.next_ready(|step| work.is_costly(step)) else {
                    break;
                };
                let inputs = state.inputs(graph, step);
                if work.is_costly(step) && !alone {
                    running += 1;
                    scope.spawn(move || finished.put(Done::Found(step, work.look_up(step, &inputs))));
                    continue;
                }
                let found = work.look_up(step, &inputs);
                take_lookup(graph, &mut state, &mut waiting, &mut failure, events, step, found);
            }
            while failure.is_none() && !cancel.is_cancelled() && running < jobs.get() {
                // Nothing else can start before this step ends, as in any chain of steps: it needs no thread of its own.
                let alone = running == 0 && waiting.len() == 1;
                let Some(ready) = waiting.pop() else { break };
                let Ready {
                    step, prepared, reason, ..
                } = ready;
                events.hear(Event::Started { step, reason });
                let inputs = state.inputs(graph, step);
                running += 1;
                let perform = move || {
                    let started = Instant::now();
                    let result = work.perform(step, &inputs, prepared, cancel, events);
                    finished.put(Done::Performed(step, started, result));
                };
                if alone {
                    perform();
                } else {
                    scope.spawn(perform);
                }
            }
            if failure.is_some() {
                cancel.cancel();
            }
            if running == 0 {
                break;
            }
            running -= 1;
            match finished.take() {
                Done::Found(step, found) => {
                    take_lookup(graph, &mut state, &mut waiting, &mut failure, events, step, found);
                }
                Done::Performed(step, started, Ok(output)) => {
                    events.hear(Event::Built {
                        step,
                        duration: started.elapsed(),
                    });
                    state.finish(graph, step, output);
                }
                Done::Performed(step, started, Err(error)) => {
                    if failure.is_none() && !cancel.is_cancelled() {
                        events.hear(Event::Failed {
                            step,
                            duration: started.elapsed(),
                            error: error.to_string(),
                        });
                        failure = Some((step, error));
                    } else {
                        events.hear(Event::Stopped { step });
                    }
                }
            }
        }
        match failure {
            Some((step, error)) => Err(Failure::Step(step, error)),
            None if cancel.is_cancelled() => Err(Failure::Cancelled),
            None => Ok(Results(state.outputs)),
        }
    })
}

/// What threads have done and the walk has not heard of.
///
/// A channel would do, if it did not spin before it sleeps: a build waits most of the time, and what it waits for wants
/// the processor.
struct Finished<W: Work> {
    waiting: Mutex<VecDeque<Done<W>>>,
    more: Condvar,
}

impl<W: Work> Finished<W> {
    fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            more: Condvar::new(),
        }
    }

    fn put(&self, done: Done<W>) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(done);
        self.more.notify_one();
    }

    /// Waits for the next; something must be under way.
    fn take(&self) -> Done<W> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match waiting.pop_front() {
                Some(done) => return done,
                None => waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn take_lookup<O, P, E: Display>(
    graph: &Graph,
    state: &mut State<O>,
    waiting: &mut BinaryHeap<Ready<P>>,
    failure: &mut Option<(StepId, E)>,
    events: &dyn Listener,
    step: StepId,
    found: Result<Lookup<O, P>, E>,
) {
    match found {
        Ok(Lookup::Hit(output)) => {
            events.hear(Event::Reused { step, from: None });
            state.finish(graph, step, output);
        }
        Ok(Lookup::Told(output, from)) => {
            let from = Some(from);
            events.hear(Event::Reused { step, from });
            state.finish(graph, step, output);
        }
        Ok(Lookup::Miss(prepared, reason)) => {
            waiting.push(Ready {
                rank: state.rank(step),
                step,
                prepared,
                reason,
            });
        }
        Err(error) => {
            events.hear(Event::Failed {
                step,
                duration: std::time::Duration::ZERO,
                error: error.to_string(),
            });
            failure.get_or_insert((step, error));
        }
    }
}

/// A step that was looked up and waits for a worker.
struct Ready<P> {
    rank: Rank,
    step: StepId,
    prepared: P,
    reason: MissReason,
}

impl<P> PartialEq for Ready<P> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<P> Eq for Ready<P> {}

impl<P> PartialOrd for Ready<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Ready<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// The longest way to the end, then the order in the file.
type Rank = (usize, std::cmp::Reverse<usize>);

struct State<O> {
    /// By step index: how many needed steps are not done.
    missing: Vec<usize>,
    /// By step index: the number of steps on the longest way to the end.
    heights: Vec<usize>,
    outputs: Vec<Option<Arc<O>>>,
    ready: BinaryHeap<(Rank, StepId)>,
    costly: BinaryHeap<(Rank, StepId)>,
}

impl<O> State<O> {
    fn new(graph: &Graph) -> Self {
        let bound = graph
            .steps
            .node_indices()
            .map(|step| step.index() + 1)
            .max()
            .unwrap_or(0);
        let mut missing = vec![0; bound];
        for step in graph.steps.node_indices() {
            missing[step.index()] = graph.steps.edges_directed(step, Direction::Incoming).count();
        }
        let mut state = Self {
            heights: heights(graph, bound),
            outputs: std::iter::repeat_with(|| None).take(bound).collect(),
            ready: BinaryHeap::new(),
            costly: BinaryHeap::new(),
            missing,
        };
        for step in graph.steps.node_indices() {
            if state.missing[step.index()] == 0 {
                state.ready.push((state.rank(step), step));
            }
        }
        state
    }

    fn rank(&self, step: StepId) -> Rank {
        (self.heights[step.index()], std::cmp::Reverse(step.index()))
    }

    fn next_ready(&mut self, is_costly: impl Fn(StepId) -> bool) -> Option<StepId> {
        while let Some((rank, step)) = self.ready.pop() {
            if !is_costly(step) {
                return Some(step);
            }
            self.costly.push((rank, step));
        }
        self.costly.pop().map(|(_, step)| step)
    }

    fn inputs(&self, graph: &Graph, step: StepId) -> Inputs<O> {
        let members = graph
            .steps
            .edges_directed(step, Direction::Incoming)
            .filter_map(|edge| {
                let output = self.outputs[edge.source().index()].clone()?;
                Some((edge.source(), *edge.weight(), output))
            });
        Inputs {
            members: members.collect(),
        }
    }

    fn finish(&mut self, graph: &Graph, step: StepId, output: O) {
        self.outputs[step.index()] = Some(Arc::new(output));
        // Two edges may lead to the same step, a root and a source; each counts.
        for edge in graph.steps.edges_directed(step, Direction::Outgoing) {
            let next = edge.target();
            self.missing[next.index()] -= 1;
            if self.missing[next.index()] == 0 {
                self.ready.push((self.rank(next), next));
            }
        }
    }
}

/// The number of steps on the longest way from each step to the end, itself included.
fn heights(graph: &Graph, bound: usize) -> Vec<usize> {
    let mut heights = vec![0; bound];
    let mut open = vec![0; bound];
    let mut ends = Vec::new();
    for step in graph.steps.node_indices() {
        open[step.index()] = graph.steps.edges_directed(step, Direction::Outgoing).count();
        if open[step.index()] == 0 {
            ends.push(step);
        }
    }
    while let Some(step) = ends.pop() {
        heights[step.index()] += 1;
        for edge in graph.steps.edges_directed(step, Direction::Incoming) {
            let before = edge.source();
            heights[before.index()] = heights[before.index()].max(heights[step.index()]);
            open[before.index()] -= 1;
            if open[before.index()] == 0 {
                ends.push(before);
            }
        }
    }
    heights
}
