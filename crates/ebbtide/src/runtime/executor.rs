use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::input::{Input, Inputs, Registration, Run};
use super::{LifecycleLedger, RunMode, messages};
use crate::drain::{Stop, StopSource};
use crate::model::{Cause, ComponentId, Effect, End, Exit, Phase, Spec, Stage};
use crate::util::{BoxError, BoxFuture, panics};

/// Applies the effects of the state machine. Owns every task of the lifecycle.
pub(crate) struct Executor {
    ledger: Arc<LifecycleLedger>,
    mode: RunMode,
    inputs: Inputs,
    announced: StopSource,
    drain: StopSource,
    phases: watch::Sender<Phase>,
    tasks: JoinSet<Result<(), BoxError>>,
    owners: HashMap<Id, ComponentId>,
    controls: HashMap<ComponentId, ComponentControl>,
    /// The number of adopted components, which is the id of the next one.
    adopted: usize,
    /// The number of components logged as cancelled or given up.
    lines: usize,
}

/// The first component. The lifecycle is ready when it has ended.
pub(crate) const START_UP: ComponentId = ComponentId(0);
/// The name of the start-up closure in logs and reports.
pub(crate) const START_UP_NAME: &str = "start-up";

/// The maximum number of components logged as cancelled or given up: few enough to write in time.
const LINES: usize = 100;

/// The executor's handle to one component.
struct ComponentControl {
    source: StopSource,
    run: Option<Run>,
    close: Option<oneshot::Sender<()>>,
    abort: Option<AbortHandle>,
}

/// How the dispatcher's loop continues after an effect.
#[must_use = "the dispatcher loop ends by this value"]
pub(crate) enum Next {
    GoOn,
    WakeAt(Duration),
    Exit(Exit),
}

impl Executor {
    pub(crate) fn new(
        ledger: Arc<LifecycleLedger>,
        mode: RunMode,
        inputs: Inputs,
        (announced, drain): (StopSource, StopSource),
        phases: watch::Sender<Phase>,
    ) -> Self {
        Self {
            ledger,
            mode,
            inputs,
            announced,
            drain,
            phases,
            tasks: JoinSet::new(),
            owners: HashMap::new(),
            controls: HashMap::new(),
            adopted: 0,
            lines: 0,
        }
    }

    /// Adopts a component, and starts it unless it starts when it is asked to stop.
    pub(crate) fn adopt(&mut self, registration: Registration) -> Spec {
        let id = ComponentId(self.adopted);
        self.adopted = self.adopted.saturating_add(1);
        let Registration { spec, source, run, work } = registration;
        if let Some(work) = work {
            self.ledger.keep_work(id, &spec.name, work);
        }
        let mut control = ComponentControl { source, run: None, close: None, abort: None };
        match run {
            Run::Task(future) => control.abort = Some(self.start(id, future)),
            Run::Pool(future, close) => {
                control.abort = Some(self.start(id, future));
                control.close = Some(close);
            }
            later => control.run = Some(later),
        }
        self.controls.insert(id, control);
        spec
    }

    /// Removes a component that has ended.
    pub(crate) fn forget(&mut self, id: ComponentId) {
        self.controls.remove(&id);
    }

    fn start(&mut self, id: ComponentId, future: BoxFuture<Result<(), BoxError>>) -> AbortHandle {
        let handle = self.tasks.spawn(future);
        self.owners.insert(handle.id(), id);
        handle
    }

    /// Waits for a task to end; indefinitely while there is no task.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: the next call returns the task's end.
    pub(crate) async fn ended(&mut self) -> (ComponentId, End) {
        loop {
            let Some(joined) = self.tasks.join_next_with_id().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let task = joined.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
            let Some(id) = self.owners.remove(&task) else { continue };
            let end = match joined {
                Ok((_, Ok(()))) => End::Done { cancelled: self.ledger.cancelled_since_stop(id) },
                Ok((_, Err(error))) => End::Failed(panics::chain(&*error)),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => End::Panicked(panics::message(&*panic)),
                    Err(_) => End::Aborted,
                },
            };
            return (id, end);
        }
    }

    pub(crate) fn apply(&mut self, effect: Effect) -> Next {
        match effect {
            Effect::Enter(phase) => {
                self.phases.send_replace(phase);
                self.drain_in(phase);
                match phase {
                    // Log lines after the flushers may not be written.
                    Phase::Flushing => messages::log_report(&self.ledger.report(None)),
                    Phase::Exited => {}
                    _ => tracing::info!(lifecycle = self.ledger.name(), %phase, "phase changed"),
                }
            }
            Effect::Announce { cause, deadline } => {
                let instant = self.ledger.instant(deadline);
                // The start-up comes first, so that an error that the announcement causes in it does not count as a failed
                // start-up.
                if let Some(start_up) = self.controls.get(&START_UP) {
                    start_up.source.stop(cause.clone(), Some(instant));
                }
                self.announced.stop(cause, Some(instant));
            }
            Effect::Ask { id, cancel_at } => self.ask(id, cancel_at),
            Effect::Close(id) => {
                let pool = self.controls.get_mut(&id);
                if let Some(close) = pool.and_then(|control| control.close.take()) {
                    // A pool that has ended accepts no jobs.
                    let _ = close.send(());
                }
            }
            Effect::Cancel(id) => self.cancel(id),
            Effect::Abort(id) => {
                if let Some(abort) = self.controls.get(&id).and_then(|control| control.abort.as_ref()) {
                    abort.abort();
                }
            }
            Effect::GiveUp(id) => {
                let held = self.ledger.keep_stragglers(id);
                if self.has_a_line() {
                    let component = self.ledger.component_name(id);
                    let held = messages::held(self.ledger.in_flight(id), &held);
                    crate::runtime::log_error!(
                        component,
                        held,
                        "component did not stop after abort; giving up"
                    );
                }
            }
            Effect::Wake(at) => return Next::WakeAt(at),
            Effect::IgnoreSignal { number, after } => {
                messages::log_duplicate_signal(self.ledger.name(), number, after);
            }
            Effect::EndNow { number } => match self.mode {
                RunMode::Process => super::os::exit::by_signal(number),
                #[cfg(any(feature = "testing", feature = "http"))]
                RunMode::Guest => return Next::Exit(Exit::Signalled(number)),
            },
            Effect::Exit(exit) => return Next::Exit(exit),
        }
        Next::GoOn
    }

    fn ask(&mut self, id: ComponentId, cancel_at: Duration) {
        let deadline = self.ledger.instant(cancel_at);
        let cause = self.cause();
        let Some(control) = self.controls.get_mut(&id) else { return };
        control.source.stop(cause, Some(deadline));
        match control.run.take() {
            Some(Run::OnAsk(begin)) => {
                let handle = self.tasks.spawn(begin(control.source.token()));
                self.owners.insert(handle.id(), id);
                control.abort = Some(handle);
            }
            Some(Run::Flush(slot)) => {
                let inputs = self.inputs.clone();
                let left = cancel_at.saturating_sub(self.ledger.now());
                slot.start(self.mode, left, move |end| inputs.send(Input::Ended(id, end)));
            }
            Some(Run::StartUp | Run::Task(_) | Run::Pool(..)) | None => {}
        }
    }

    fn cancel(&mut self, id: ComponentId) {
        let held = self.ledger.keep_stragglers(id);
        if self.has_a_line() {
            let component = self.ledger.component_name(id);
            let held = messages::held(self.ledger.in_flight(id), &held);
            crate::runtime::log_warn!(component, held, "deadline exceeded; cancelling component");
        }
        if let Some(control) = self.controls.get(&id) {
            control.source.cancel();
        }
        if self.ledger.is_whole_stage(id, Stage::Servers) {
            self.drain.cancel();
        }
    }

    /// Returns whether to log one more component, and logs once when the limit is reached.
    fn has_a_line(&mut self) -> bool {
        self.lines = self.lines.saturating_add(1);
        if self.lines == LINES.saturating_add(1) {
            let lifecycle = self.ledger.name();
            crate::runtime::log_warn!(
                lifecycle,
                "further cancelled components are listed in the report only"
            );
        }
        self.lines <= LINES
    }

    /// Signals stopping or cancelled to the work that servers hold.
    fn drain_in(&self, phase: Phase) {
        if phase == Phase::Draining {
            let began = self.ledger.stop_began().unwrap_or_default();
            let deadline = self.ledger.instant(began.saturating_add(self.ledger.plan().servers_cancelled()));
            self.drain.stop(self.cause(), Some(deadline));
        } else if phase > Phase::Draining {
            self.drain.cancel();
        }
    }

    fn cause(&self) -> Cause {
        // No component is asked to stop before the announcement.
        let unknown = || Cause::Requested { reason: "unknown".to_owned() };
        self.announced.token().cause().cloned().unwrap_or_else(unknown)
    }

    /// Logs the components that the shutdown waits for and the time left, and returns them as a line.
    pub(crate) fn log_progress(&self) -> String {
        let waiting = messages::describe(&self.ledger.waiting());
        let left = self.announced.token().time_left().map(crate::model::show_duration).unwrap_or_default();
        let phase = self.ledger.phase();
        tracing::info!(lifecycle = self.ledger.name(), %phase, left, waiting, "still stopping");
        format!("{phase}: {left} left, waiting for {waiting}")
    }
}

/// Runs the start-up closure's future until it ends, or until the stop abandons it.
///
/// Its result is ignored once the shutdown has begun: a retry or a send that the shutdown ended is not a failed start-up. The future
/// is dropped before this returns, so that unregistered resources are closed.
pub(crate) async fn start_up(future: impl Future<Output = Result<(), BoxError>>, stop: &Stop) -> End {
    let mut future = Some(Box::pin(future));
    let end = {
        let guarded = poll_fn(|context| {
            let Some(future) = future.as_mut() else { return Poll::Ready(End::Aborted) };
            match catch_unwind(AssertUnwindSafe(|| Pin::as_mut(future).poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(Ok(()))) => Poll::Ready(End::Done { cancelled: 0 }),
                Ok(Poll::Ready(Err(error))) => Poll::Ready(End::Failed(panics::chain(&*error))),
                Err(panic) => Poll::Ready(End::Panicked(panics::message(&*panic))),
            }
        });
        tokio::select! {
            biased;
            () = stop.stopping() => End::Aborted,
            end = guarded => end,
        }
    };
    let end = match end {
        // A part of it saw the shutdown first and returned an error because of it.
        End::Failed(error) if stop.is_stopping() => {
            tracing::debug!(error, "start-up abandoned");
            End::Aborted
        }
        end => end,
    };
    match catch_unwind(AssertUnwindSafe(|| drop(future.take()))) {
        Ok(()) => end,
        Err(panic) => End::Panicked(panics::message(&*panic)),
    }
}
