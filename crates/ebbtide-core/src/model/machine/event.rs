//! What the machine takes, and what it returns.

use std::time::Duration;

use crate::model::{Cause, ComponentId, Exit, Phase, Spec, Stage};

/// Tells the machine what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A component was registered and runs. Ids count from zero, in this order.
    Registered(Spec),
    /// A component ended.
    Ended(ComponentId, End),
    /// A stop signal came.
    Signal {
        /// The signal's number.
        number: i32,
        /// Somebody at a terminal pressed Ctrl-C: nobody's traffic has to move away.
        skip_lame_duck: bool,
    },
    /// A stop begins for another reason than a signal.
    Stop(Cause),
    /// New requests came since the last event.
    Arrival,
    /// Time has passed.
    Tick,
}

/// Tells how a component's task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned, having cut so many pieces of work since the stop began.
    Done {
        /// How many it cut.
        cancelled: u64,
    },
    /// It was aborted before it returned.
    Aborted,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
}

/// Tells the executor what to do. Effects are carried out in the order in which they are returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the machine has moved on: an effect that is not carried out is lost"]
pub enum Effect {
    /// Publish the phase. Readiness follows from it.
    Enter(Phase),
    /// Tell everybody that a stop has begun, and when it is over.
    Announce {
        /// Why.
        cause: Cause,
        /// When the process is gone at the latest.
        deadline: Duration,
    },
    /// Ask a component to stop; a teardown begins its work.
    Ask {
        /// Which.
        id: ComponentId,
        /// When it is cut.
        cancel_at: Duration,
    },
    /// Tell a pool to take nothing more: nobody who feeds it is left.
    Close(ComponentId),
    /// Tell a component that its time is up.
    Cancel(ComponentId),
    /// Abort a component's task.
    Abort(ComponentId),
    /// Wait for a component no longer: it does not go.
    GiveUp(ComponentId),
    /// Come back with a `Tick` at that instant at the latest.
    Wake(Duration),
    /// Log that a signal is ignored: it repeats the first one.
    IgnoreSignal {
        /// The signal.
        number: i32,
        /// How long after the first one it came.
        after: Duration,
    },
    /// End the process now, by the signal's default action.
    EndNow {
        /// The second signal.
        number: i32,
    },
    /// Everything is over.
    Exit(Exit),
}

/// Tells who is still waited for, for the progress line and the watchdog's last words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The component.
    pub id: ComponentId,
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: Stage,
    /// Whether it was asked to stop already.
    pub asked: bool,
    /// When it is given up, once it was asked.
    pub give_up: Option<Duration>,
}
