use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::FlushSlot;
use crate::drain::{Stop, StopSource, Work};
use crate::model::{Cause, ComponentId, End, Spec};
use crate::util::{BoxError, BoxFuture};

/// An input of the dispatcher from outside its own tasks.
pub(crate) enum Input {
    Register(Registration),
    Ended(ComponentId, End),
    Signal {
        number: i32,
        skip_lame_duck: bool,
    },
    /// A duplicate of the first signal, with the time since that one. It is only logged.
    IgnoredSignal {
        number: i32,
        after: Duration,
    },
    Stop(Cause),
}

/// A new component, sent to the dispatcher.
pub(crate) struct Registration {
    pub(crate) spec: Spec,
    pub(crate) source: StopSource,
    pub(crate) run: Run,
    pub(crate) work: Option<Arc<dyn Work>>,
}

/// What a component runs, and when it starts.
pub(crate) enum Run {
    /// The start-up closure, which runs on the main thread.
    StartUp,
    /// Starts immediately.
    Task(BoxFuture<Result<(), BoxError>>),
    /// Starts immediately. The other end detects when no producer is left.
    Pool(BoxFuture<Result<(), BoxError>>, oneshot::Sender<()>),
    /// Starts when it is asked to stop. The dispatcher calls the closure, which only creates the future and runs no user code.
    OnAsk(Box<dyn FnOnce(Stop) -> BoxFuture<Result<(), BoxError>> + Send>),
    /// Runs on a separate thread when it is asked to stop, or when the watchdog ends the process.
    Flush(Arc<FlushSlot>),
}

/// Sends inputs from any thread. Inputs to a dispatcher that has exited are dropped.
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
