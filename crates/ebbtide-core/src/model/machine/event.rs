//! The machine's input (events) and output (effects).

use std::time::Duration;

use crate::model::{Cause, ComponentId, Exit, Phase, Spec, Stage};

/// An event: the machine's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A component was registered and is running. Ids count from zero, in this order.
    Registered(Spec),
    /// A component ended.
    Ended(ComponentId, End),
    /// The process received a stop signal.
    Signal {
        /// The signal's number.
        number: i32,
        /// Whether to skip the lame duck: Ctrl-C was pressed on a terminal, so no traffic has to move away.
        skip_lame_duck: bool,
        /// When it arrived. The shutdown counts from then on, even if a blocked runtime processes the signal later.
        at: Duration,
    },
    /// The shutdown was requested for another cause than a signal.
    Stop {
        /// Why.
        cause: Cause,
        /// When it was requested, as for a signal.
        at: Duration,
    },
    /// New requests arrived since the last event.
    Arrival,
    /// Time has passed.
    Tick,
}

/// How a component's task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned.
    Done {
        /// How many pieces of work it cancelled since the shutdown began.
        cancelled: u64,
    },
    /// It was aborted before it returned.
    Aborted,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
}

/// An effect: an instruction to the executor. Effects are carried out in the order in which they are returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the machine has changed its state: an effect that is not carried out is lost"]
pub enum Effect {
    /// Publish the phase. Readiness follows from it.
    Enter(Phase),
    /// Announce that the shutdown has begun.
    Announce {
        /// Why it began.
        cause: Cause,
        /// When the process has exited at the latest.
        deadline: Duration,
    },
    /// Ask a component to stop; a teardown starts.
    Ask {
        /// The component.
        id: ComponentId,
        /// When it is cancelled.
        cancel_at: Duration,
    },
    /// Close a pool, so that it takes nothing new: no component that may send to it is left.
    Close(ComponentId),
    /// Cancel a component: its deadline is exceeded.
    Cancel(ComponentId),
    /// Abort a component's task.
    Abort(ComponentId),
    /// Stop waiting for a component that did not stop after the abort.
    GiveUp(ComponentId),
    /// Send a `Tick` at that instant at the latest.
    Wake(Duration),
    /// Log that a signal is ignored as a duplicate of the first.
    IgnoreSignal {
        /// The signal.
        number: i32,
        /// The time between the first signal and this one.
        after: Duration,
    },
    /// End the process now, by the signal's default action.
    EndNow {
        /// The second signal.
        number: i32,
    },
    /// The lifecycle has exited: every component has ended.
    Exit(Exit),
}

/// A component that has not ended, for the progress line and the watchdog's last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The component.
    pub id: ComponentId,
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: Stage,
    /// Whether it was asked to stop.
    pub asked: bool,
    /// When it is given up; `None` before it was asked to stop.
    pub give_up: Option<Duration>,
}
