use std::sync::Arc;

use tokio::sync::oneshot;

use super::{BoxError, BoxFuture, FlushSlot};
use crate::drain::{Stop, StopSource, Work};
use crate::model::Spec;

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
