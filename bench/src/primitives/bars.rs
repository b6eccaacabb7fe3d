use super::operations::{Cost, IS_STOPPING, PLAIN_LOAD, TASK_TRACKER_TOKEN, TRACKER_GUARD};

/// A ratio of two figures of one run, and what it may be at most.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) what: &'static str,
    pub(super) ratio: f64,
    pub(super) at_most: f64,
}

impl Bar {
    pub(super) fn is_met(&self) -> bool {
        self.ratio <= self.at_most
    }
}

/// Returns the bars of `--check`: ratios only, since a nanosecond is another one on each machine.
pub(super) fn bars(costs: &[Cost]) -> Vec<Bar> {
    let find = |what| costs.iter().find(|cost| cost.what == what);
    let (Some(guard), Some(token)) = (find(TRACKER_GUARD), find(TASK_TRACKER_TOKEN)) else {
        return Vec::new();
    };
    let (Some(asked), Some(load)) = (find(IS_STOPPING), find(PLAIN_LOAD)) else { return Vec::new() };
    vec![
        Bar {
            what: "a guard next to a TaskTracker token",
            ratio: guard.one_thread / token.one_thread,
            at_most: 0.99,
        },
        Bar {
            what: "a guard on two threads next to one",
            ratio: guard.two_threads / guard.one_thread,
            at_most: 2.0,
        },
        Bar {
            what: "is_stopping next to a plain load",
            ratio: asked.one_thread / load.one_thread,
            at_most: 2.0,
        },
    ]
}
