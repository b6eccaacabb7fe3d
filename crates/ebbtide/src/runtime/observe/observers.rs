use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Span;
use tracing::field::Empty;

use super::Manager;
#[cfg(feature = "metrics")]
use super::metrics::Metrics;
use crate::model::{ComponentId, Effect, Phase, Stage};
use crate::runtime::{Board, LifecycleLedger};

/// All observers. The dispatcher updates them after each step, and before the flushers start.
pub(crate) struct Observers {
    manager: Manager,
    spans: Spans,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    board: Board,
    seen: Option<Phase>,
    /// The checks that are red after the start-up; `None` before, and once the manager was notified that the service is ready.
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

    /// Records the final state when the dispatcher is blocked or has exited, for the observers that any thread may update.
    pub(crate) fn record_last_metrics(ledger: &LifecycleLedger) {
        #[cfg(feature = "metrics")]
        super::metrics::record(ledger);
        #[cfg(not(feature = "metrics"))]
        let _ = ledger;
    }

    /// Notifies the observers of an effect before it is applied.
    pub(crate) fn see(&mut self, ledger: &LifecycleLedger, effect: &Effect) {
        self.spans.see(ledger, effect);
    }

    /// Notifies the observers that a component has ended.
    pub(crate) fn ended(&mut self, ledger: &LifecycleLedger, id: ComponentId) {
        self.spans.ended(ledger, id);
    }

    /// Updates the observers with the current state.
    pub(crate) fn look(&mut self, ledger: &LifecycleLedger) {
        let (now, phase) = (ledger.now(), ledger.phase());
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, now);
        if self.seen == Some(phase) {
            self.update_checks(now);
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
                self.update_checks(now);
            }
            _ => self.manager.say(&format!("{phase}{cause}"), now),
        }
    }

    /// Waits until the set of checks that keep the service from being ready has changed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn changed(&self) {
        match &self.red {
            Some(named) => self.board.changed_from(named).await,
            None => std::future::pending().await,
        }
    }

    /// Notifies the manager when every required check passes, and until then which checks fail.
    fn update_checks(&mut self, now: Duration) {
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

    /// Returns when [`tick`](Self::tick) is due.
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

/// A span for the shutdown, with child spans for the lame duck, for each stage, and for each component from the stop request to
/// its end.
///
/// All are closed before the flushers start, because an exporter does not send open spans. Therefore the telemetry stage has no
/// span.
#[derive(Default)]
struct Spans {
    stop: Option<Span>,
    lame_duck: Option<Span>,
    stages: BTreeMap<Stage, Span>,
    components: BTreeMap<ComponentId, Span>,
}

impl Spans {
    /// Opens and closes the spans that an effect of the machine begins and ends.
    fn see(&mut self, ledger: &LifecycleLedger, effect: &Effect) {
        match effect {
            Effect::Enter(phase) => self.enter(ledger, *phase),
            Effect::Ask { id, .. } => self.open(ledger, *id),
            Effect::GiveUp(id) => self.ended(ledger, *id),
            _ => {}
        }
    }

    /// Closes a component's span, and the span of its stage if no component of the stage has an open span.
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
        // `None` for a lame duck of zero length: the machine has already left it.
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

/// A separate macro call for each name, because the name of a span is part of its static metadata.
fn of_stage(stop: &Span, stage: Stage) -> Span {
    match stage {
        Stage::Intake => tracing::info_span!(parent: stop, "intake"),
        Stage::Servers => tracing::info_span!(parent: stop, "servers"),
        Stage::Workers => tracing::info_span!(parent: stop, "workers"),
        Stage::Resources => tracing::info_span!(parent: stop, "resources"),
        // Telemetry has no span: what is recorded after the flush of its exporter may not arrive.
        _ => Span::none(),
    }
}
