/// Names one way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Fault {
    /// The first order's job never ends
    StuckWorker,
    /// From the stop signal on, every thread of the runtime is blocked
    BlockedRuntime,
    /// Closing a resource takes longer than there is time
    SlowClose,
    /// SIGTERM and SIGINT have no effect once it is up: end it with SIGKILL or Ctrl-\
    IgnoreSignal,
    /// The listener and idle connections are closed at the signal, the way other servers do it
    CloseListener,
    /// /readyz stays green after the signal, until the listener is closed
    NoReadinessFlip,
    /// After the signal the queue's consumer takes jobs and keeps them; RabbitMQ gives them to others when it is gone
    KeepJobs,
    /// A database connection is taken and never given back
    LeakConnection,
    /// The process exits at the signal, with 0 and whatever is in flight
    ExitEarly,
    /// What the log has buffered is not flushed at the end
    LoseLog,
}
