use std::collections::BTreeMap;

use tracing::Span;
use tracing::field::Empty;

use crate::model::{ComponentId, ComponentState, Machine, Phase, Stage};
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
    pub(super) fn look(&mut self, ledger: &Ledger) {
        if ledger.phase().is_stopping() {
            self.compare(ledger.name(), &ledger.machine());
        }
    }

    fn compare(&mut self, name: &str, machine: &Machine) {
        let Some(cause) = machine.cause() else { return };
        self.end(machine);
        if machine.phase() >= Phase::Flushing {
            *self = Self::default();
            return;
        }
        let stop = self.stop.get_or_insert_with(|| {
            let deadline_ms = u64::try_from(machine.plan().deadline.as_millis()).unwrap_or(u64::MAX);
            tracing::info_span!(parent: None, "stop", lifecycle = name, %cause, deadline_ms)
        });
        if machine.phase() == Phase::LameDuck {
            self.lame_duck.get_or_insert_with(|| tracing::info_span!(parent: &*stop, "lame_duck"));
        } else {
            self.lame_duck = None;
        }
        for (id, spec, state) in machine.states() {
            if matches!(state, ComponentState::Running | ComponentState::Over)
                || spec.stage == Stage::Telemetry
            {
                continue;
            }
            let stage = self.stages.entry(spec.stage).or_insert_with(|| of_stage(stop, spec.stage));
            self.components.entry(id).or_insert_with(|| {
                let (component, stage_name) = (spec.name.as_str(), spec.stage.name());
                tracing::info_span!(parent: &*stage, "component", component, stage = stage_name, outcome = Empty)
            });
        }
    }

    /// Closes what is over, the innermost first.
    fn end(&mut self, machine: &Machine) {
        for (id, _, outcome) in machine.components() {
            if let Some(outcome) = outcome
                && let Some(span) = self.components.remove(&id)
            {
                span.record("outcome", outcome.name());
            }
        }
        let is_open = |stage: Stage| {
            machine.states().any(|(_, spec, state)| spec.stage == stage && state != ComponentState::Over)
        };
        self.stages.retain(|stage, _| is_open(*stage));
    }
}

/// The name of a span is part of its place in the code.
fn of_stage(stop: &Span, stage: Stage) -> Span {
    match stage {
        Stage::Intake => tracing::info_span!(parent: stop, "intake"),
        Stage::Servers => tracing::info_span!(parent: stop, "servers"),
        Stage::Workers => tracing::info_span!(parent: stop, "workers"),
        Stage::Resources => tracing::info_span!(parent: stop, "resources"),
        Stage::Telemetry => Span::none(),
    }
}
