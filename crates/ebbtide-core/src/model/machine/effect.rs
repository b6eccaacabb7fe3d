use std::time::Duration;

use crate::model::{Cause, ComponentId, Exit, Phase};

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
        cut_at: Duration,
    },
    /// Tell a pool to take nothing more: nobody who feeds it is left.
    Close(ComponentId),
    /// Tell a component that its time is up.
    Cut(ComponentId),
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
