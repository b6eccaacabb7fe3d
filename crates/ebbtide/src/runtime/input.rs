use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::FlushSlot;
use crate::drain::{Stop, StopSource, Work};
use crate::model::{Cause, ComponentId, End, Spec};
use crate::util::{BoxError, BoxFuture};

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

/// A component on its way to the dispatcher.
pub(crate) struct Registration {
    pub(crate) spec: Spec,
    pub(crate) source: StopSource,
    pub(crate) run: Run,
    pub(crate) work: Option<Arc<dyn Work>>,
}

/// What a component does, and when.
pub(crate) enum Run {
    /// The start-up closure, which runs on the main thread.
    StartUp,
    /// Runs from now on.
    Task(BoxFuture<Result<(), BoxError>>),
    /// Runs from now on, and is told by the other end when nobody feeds it any more.
    Pool(BoxFuture<Result<(), BoxError>>, oneshot::Sender<()>),
    /// Begins when it is asked to stop. The dispatcher calls it: it only makes the future, and runs nothing of a user's.
    OnAsk(Box<dyn FnOnce(Stop) -> BoxFuture<Result<(), BoxError>> + Send>),
    /// Runs on a thread of its own when it is asked to stop, or when the watchdog ends the process.
    Flush(Arc<FlushSlot>),
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
