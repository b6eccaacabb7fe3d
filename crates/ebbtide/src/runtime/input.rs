use std::time::Duration;

use tokio::sync::mpsc;

use super::Registration;
use crate::model::{Cause, ComponentId, End};

/// What reaches the dispatcher from outside its own tasks.
pub(crate) enum Input {
    Register(Registration),
    Ended(ComponentId, End),
    Signal {
        number: i32,
        skip_lame_duck: bool,
    },
    /// A duplicate of the first signal, so long after it: to be logged.
    IgnoredSignal {
        number: i32,
        after: Duration,
    },
    Stop(Cause),
}

/// Sends inputs from any thread. A dispatcher that is gone needs none.
#[derive(Clone, Debug)]
pub(crate) struct Inputs(mpsc::UnboundedSender<Input>);

impl Inputs {
    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Input>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub(crate) fn send(&self, input: Input) {
        let _ = self.0.send(input);
    }
}
