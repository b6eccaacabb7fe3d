use crate::model::{Cause, ComponentId, Spec};

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
        cut: u64,
    },
    /// It was aborted before it returned.
    Aborted,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
}
