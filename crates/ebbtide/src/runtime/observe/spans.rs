use std::collections::BTreeMap;

use tracing::Span;
use tracing::field::Empty;

use crate::model::{ComponentId, Effect, Phase, Stage};
use crate::runtime::Ledger;

/// A span for the stop, and below it one for the lame duck, for each stage, and for each component from the question to
/// its end.
///
/// All are closed before the flushers begin: an exporter sends no span that is open. So there is none of the telemetry stage.
#[derive(Default)]
pub(super) struct Spans {
    stop: Option<Span>,
    lame_duck: Option<Span>,
    stages: BTreeMap<Stage, Span>,
    components: BTreeMap<ComponentId, Span>,
}

impl Spans {
    /// Opens and closes what an effect of the machine begins and ends.
    pub(super) fn see(&mut self, ledger: &Ledger, effect: &Effect) {
        match effect {
            Effect::Enter(phase) => self.enter(ledger, *phase),
            Effect::Ask { id, .. } => self.open(ledger, *id),
            Effect::GiveUp(id) => self.ended(ledger, *id),
            _ => {}
        }
    }

    /// Closes a component's span, and its stage's, if nothing of it is open.
    pub(super) fn ended(&mut self, ledger: &Ledger, id: ComponentId) {
        let Some(span) = self.components.remove(&id) else { return };
        span.record("outcome", ledger.outcome(id));
        drop(span);
        self.stages.retain(|stage, _| ledger.is_open(*stage));
    }

    fn enter(&mut self, ledger: &Ledger, phase: Phase) {
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

    fn open(&mut self, ledger: &Ledger, id: ComponentId) {
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
