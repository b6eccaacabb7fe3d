use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Span;
use tracing::field::Empty;

use super::Manager;
#[cfg(feature = "metrics")]
use super::metrics::Metrics;
use crate::model::{ComponentId, Effect, Phase, Stage};
use crate::runtime::{Board, LifecycleLedger};

/// Everybody who is told. The dispatcher shows them the books after each step, and before the flushers begin.
pub(crate) struct Observers {
    manager: Manager,
    spans: Spans,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    board: Board,
    seen: Option<Phase>,
    /// The checks that are red although the start-up is over; `None` before, and once the manager was told that all is ready.
    red: Option<Vec<String>>,
}

impl Observers {
    pub(crate) fn new(manager: Manager, board: Board) -> Self {
        Self {
            manager,
            spans: Spans::default(),
            #[cfg(feature = "metrics")]
            metrics: Metrics::default(),
            board,
            seen: None,
            red: None,
        }
    }

    /// Shows the books for the last time, where the dispatcher is blocked or gone, to those who can be shown them from any
    /// thread.
    pub(crate) fn last_look(ledger: &LifecycleLedger) {
        #[cfg(feature = "metrics")]
        super::metrics::record(ledger);
        #[cfg(not(feature = "metrics"))]
        let _ = ledger;
    }

    /// Shows them what is about to be done.
    pub(crate) fn see(&mut self, ledger: &LifecycleLedger, effect: &Effect) {
        self.spans.see(ledger, effect);
    }

    /// Tells them that a component has ended.
    pub(crate) fn ended(&mut self, ledger: &LifecycleLedger, id: ComponentId) {
        self.spans.ended(ledger, id);
    }

    /// Shows them the books.
    pub(crate) fn look(&mut self, ledger: &LifecycleLedger) {
        let (now, phase) = (ledger.now(), ledger.phase());
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, now);
        if self.seen == Some(phase) {
            self.look_at_checks(now);
            return;
        }
        let begins_stop = phase.is_stopping() && !self.seen.is_some_and(Phase::is_stopping);
        self.seen = Some(phase);
        self.red = None;
        let cause = ledger.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
        match phase {
            _ if begins_stop => self.manager.stopping(&ledger.plan(), &format!("{phase}{cause}"), now),
            Phase::Ready => {
                self.red = Some(Vec::new());
                self.look_at_checks(now);
            }
            _ => self.manager.say(&format!("{phase}{cause}"), now),
        }
    }

    /// Waits until the set of checks that keep the service from being ready has changed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn changed(&self) {
        match &self.red {
            Some(named) => self.board.changed_from(named).await,
            None => std::future::pending().await,
        }
    }

    /// Notifies the manager when every required check passes, and until then which checks fail.
    fn look_at_checks(&mut self, now: Duration) {
        let Some(named) = &self.red else { return };
        let red = self.board.red();
        if red.is_empty() {
            self.red = None;
            self.manager.ready(now);
        } else if red != *named {
            self.manager.say(&format!("not ready: waiting for {}", red.join(", ")), now);
            self.red = Some(red);
        }
    }

    /// Reports the components that the shutdown waits for.
    pub(crate) fn progress(&mut self, line: &str, now: Duration) {
        self.manager.say(line, now);
    }

    /// Returns when [`tick`](Self::tick) has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = self.manager.due();
        #[cfg(feature = "metrics")]
        let due = [due, self.metrics.due()].into_iter().flatten().min();
        due
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, ledger: &LifecycleLedger) {
        self.manager.tick(ledger.now());
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, ledger.now());
    }
}

/// A span for the stop, and below it one for the lame duck, for each stage, and for each component from the question to
/// its end.
///
/// All are closed before the flushers begin: an exporter sends no span that is open. So there is none of the telemetry stage.
#[derive(Default)]
struct Spans {
    stop: Option<Span>,
    lame_duck: Option<Span>,
    stages: BTreeMap<Stage, Span>,
    components: BTreeMap<ComponentId, Span>,
}

impl Spans {
    /// Opens and closes what an effect of the machine begins and ends.
    fn see(&mut self, ledger: &LifecycleLedger, effect: &Effect) {
        match effect {
            Effect::Enter(phase) => self.enter(ledger, *phase),
            Effect::Ask { id, .. } => self.open(ledger, *id),
            Effect::GiveUp(id) => self.ended(ledger, *id),
            _ => {}
        }
    }

    /// Closes a component's span, and its stage's, if nothing of it is open.
    fn ended(&mut self, ledger: &LifecycleLedger, id: ComponentId) {
        let Some(span) = self.components.remove(&id) else { return };
        span.record("outcome", ledger.outcome(id));
        drop(span);
        self.stages.retain(|stage, _| ledger.is_open(*stage));
    }

    fn enter(&mut self, ledger: &LifecycleLedger, phase: Phase) {
        let Some(cause) = ledger.cause() else { return };
        if phase >= Phase::Flushing {
            *self = Self::default();
            return;
        }
        let stop = self.stop.get_or_insert_with(|| {
            let (name, deadline) = (ledger.name(), ledger.plan().deadline);
            let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            tracing::info_span!(parent: None, "stop", lifecycle = name, %cause, deadline_ms)
        });
        // None for a lame duck that takes no time: the machine is beyond it already.
        if phase == Phase::LameDuck && ledger.phase() == phase {
            self.lame_duck.get_or_insert_with(|| tracing::info_span!(parent: &*stop, "lame_duck"));
        } else {
            self.lame_duck = None;
        }
    }

    fn open(&mut self, ledger: &LifecycleLedger, id: ComponentId) {
        let (Some(stop), Some(spec)) = (&self.stop, ledger.component(id)) else { return };
        if spec.stage == Stage::Telemetry {
            return;
        }
        let stage = self.stages.entry(spec.stage).or_insert_with(|| of_stage(stop, spec.stage));
        let (component, stage_name) = (spec.name.as_str(), spec.stage.name());
        let span =
            tracing::info_span!(parent: &*stage, "component", component, stage = stage_name, outcome = Empty);
        self.components.insert(id, span);
    }
}

/// The name of a span is part of its place in the code.
fn of_stage(stop: &Span, stage: Stage) -> Span {
    match stage {
        Stage::Intake => tracing::info_span!(parent: stop, "intake"),
        Stage::Servers => tracing::info_span!(parent: stop, "servers"),
        Stage::Workers => tracing::info_span!(parent: stop, "workers"),
        Stage::Resources => tracing::info_span!(parent: stop, "resources"),
        // Telemetry: what is recorded once its exporter is flushed may not arrive.
        _ => Span::none(),
    }
}
