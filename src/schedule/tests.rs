//! The walk over steps that are additions and count their calls.

use super::*;
use crate::cache::MissReason;
use crate::plan::{Base, Graph, Need, Op, Step, StepId, Target};
use petgraph::stable_graph::StableDiGraph;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

fn graph(count: u32, edges: &[(u32, u32)]) -> Graph {
    let mut steps = StableDiGraph::new();
    for number in 0..count {
        steps.add_node(Step {
            op: Op::Base(Base::Scratch),
            stage: number.to_string(),
            platform: Default::default(),
            shown_platform: None,
            position: (1, 1),
            title: String::new(),
            span: None,
            no_cache: false,
        });
    }
    for (from, to) in edges {
        steps.add_edge(StepId::new(*from as usize), StepId::new(*to as usize), Need::Root);
    }
    let step = StepId::new(count as usize - 1);
    let target = Target {
        step,
        config: Default::default(),
        platform: Default::default(),
        history: Vec::new(),
    };
    Graph {
        steps,
        target,
        others: Vec::new(),
        source_date_epoch: None,
        outline: crate::plan::Outline::default(),
    }
}

/// A step's value is one more than the sum of those it needs.
#[derive(Default)]
struct Sums {
    known: BTreeSet<usize>,
    costly: BTreeSet<usize>,
    failing: BTreeSet<usize>,
    /// Steps that wait until they are cancelled.
    endless: BTreeSet<usize>,
    meeting: Option<Barrier>,
    performed: Mutex<Vec<usize>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Sums {
    fn value(inputs: &Inputs<usize>) -> usize {
        1 + inputs.members().map(|(_, _, value)| **value).sum::<usize>()
    }
}

impl Work for Sums {
    type Output = usize;
    type Prepared = ();
    type Error = String;

    fn is_costly(&self, step: StepId) -> bool {
        self.costly.contains(&step.index())
    }

    fn look_up(&self, step: StepId, inputs: &Inputs<usize>) -> Result<Lookup<usize, ()>, String> {
        if self.known.contains(&step.index()) {
            return Ok(Lookup::Hit(Self::value(inputs)));
        }
        Ok(Lookup::Miss((), MissReason::New))
    }

    fn perform(
        &self,
        step: StepId,
        inputs: &Inputs<usize>,
        (): (),
        cancel: &Cancel,
        _: &dyn Listener,
    ) -> Result<usize, String> {
        self.performed.lock().unwrap().push(step.index());
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        if let Some(meeting) = &self.meeting {
            meeting.wait();
        }
        if self.endless.contains(&step.index()) {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            let guard = cancel.on_cancel(move || sender.send(()).unwrap());
            receiver.recv().unwrap();
            drop(guard);
            return Err("stopped".to_owned());
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.failing.contains(&step.index()) {
            return Err(format!("step {} failed", step.index()));
        }
        Ok(Self::value(inputs))
    }
}

fn go(graph: &Graph, work: &Sums, jobs: usize) -> (Result<Results<usize>, Failure<String>>, Vec<String>) {
    let heard = Mutex::new(Vec::new());
    let listener = |event: Event| {
        heard.lock().unwrap().push(match event {
            Event::Started { step, .. } => format!("started {}", step.index()),
            Event::Reused { step, .. } => format!("reused {}", step.index()),
            Event::Built { step, .. } => format!("built {}", step.index()),
            Event::Failed { step, .. } => format!("failed {}", step.index()),
            Event::Stopped { step } => format!("stopped {}", step.index()),
            Event::Output { .. } | Event::Noted { .. } => "output".to_owned(),
        });
    };
    let result = run(graph, work, NonZeroUsize::new(jobs).unwrap(), &Cancel::new(), &listener);
    (result, heard.into_inner().unwrap())
}

#[test]
fn a_diamond_gives_each_step_its_inputs() {
    let graph = graph(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
    let work = Sums::default();
    let results = go(&graph, &work, 4).0.unwrap();
    let values: Vec<_> = (0..4).map(|step| **results.get(StepId::new(step)).unwrap()).collect();
    assert_eq!(values, [1, 2, 2, 5]);
    assert_eq!(work.performed.lock().unwrap().len(), 4, "each step is performed once");
}

#[test]
fn known_steps_are_not_performed() {
    let graph = graph(3, &[(0, 1), (1, 2)]);
    let work = Sums {
        known: [0, 1, 2].into(),
        costly: [1].into(),
        ..Sums::default()
    };
    let (result, heard) = go(&graph, &work, 4);
    assert_eq!(**result.unwrap().get(StepId::new(2)).unwrap(), 3);
    assert_eq!(heard, ["reused 0", "reused 1", "reused 2"]);
    assert!(work.performed.lock().unwrap().is_empty());
}

#[test]
fn independent_steps_run_side_by_side() {
    let graph = graph(5, &[(0, 4), (1, 4), (2, 4), (3, 4)]);
    // The four meet at a barrier, so that this ends only if they run at once.
    let work = Sums {
        known: [4].into(),
        meeting: Some(Barrier::new(4)),
        ..Sums::default()
    };
    assert_eq!(**go(&graph, &work, 4).0.unwrap().get(StepId::new(4)).unwrap(), 5);
}

#[test]
fn jobs_limit_how_many_run_at_once() {
    let graph = graph(9, &[(0, 8), (1, 8), (2, 8), (3, 8), (4, 8), (5, 8), (6, 8), (7, 8)]);
    let work = Sums::default();
    go(&graph, &work, 2).0.unwrap();
    assert!(work.most_at_once.load(Ordering::SeqCst) <= 2);
}

#[test]
fn the_longest_way_goes_first() {
    let graph = graph(5, &[(0, 4), (1, 2), (2, 3), (3, 4)]);
    let work = Sums::default();
    go(&graph, &work, 1).0.unwrap();
    assert_eq!(
        *work.performed.lock().unwrap(),
        [1, 2, 0, 3, 4],
        "equal ways go in the order of the file"
    );
}

#[test]
fn a_failure_stops_the_others() {
    let graph = graph(3, &[(0, 2), (1, 2)]);
    let work = Sums {
        failing: [1].into(),
        endless: [0].into(),
        meeting: Some(Barrier::new(2)),
        ..Sums::default()
    };
    let (result, heard) = go(&graph, &work, 2);
    let Failure::Step(step, error) = result.unwrap_err() else {
        panic!("a step failed")
    };
    assert_eq!((step.index(), error.as_str()), (1, "step 1 failed"));
    assert_eq!(heard[2..], ["failed 1", "stopped 0"]);
}

#[test]
fn turning_the_switch_ends_the_walk() {
    let graph = graph(2, &[(0, 1)]);
    let work = Sums {
        endless: [0].into(),
        ..Sums::default()
    };
    let cancel = Cancel::new();
    let listener = |event: Event| {
        if let Event::Started { .. } = event {
            cancel.cancel();
        }
    };
    let result = run(&graph, &work, NonZeroUsize::MIN, &cancel, &listener);
    assert!(matches!(result, Err(Failure::Cancelled)));
}

#[test]
fn an_action_registered_after_the_switch_runs_at_once() {
    let cancel = Cancel::new();
    cancel.cancel();
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let _guard = cancel.on_cancel(move || sender.send(()).unwrap());
    assert!(receiver.try_recv().is_ok());
    assert!(cancel.check().is_err());
}
