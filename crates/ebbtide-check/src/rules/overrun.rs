use super::repairs::raise_grace;
use super::words::{grace_note, named};
use crate::findings::{Finding, Rule, Severity};
use crate::knowledge::Budget;
use crate::model::{Container, Workload};

/// Returns the finding that a container's drain does not fit in its grace period. `None` if it fits, or if one of them is not known.
///
/// `after` says which event begins the drain, and `remedy` what to do about it.
pub(super) fn overrun(
    rule: &'static Rule,
    workload: &Workload,
    container: &Container,
    after: &str,
    remedy: impl FnOnce(&Budget<'_>) -> String,
) -> Option<Finding> {
    let budget = Budget::of(workload, container).filter(Budget::overruns)?;
    let is_declared = budget.drain.is_declared;
    let severity = if is_declared { Severity::Error } else { Severity::Info };
    let (place, label) = grace_note(workload, container);
    let hook = container.pre_stop.as_ref().and_then(|hook| hook.least);
    let title = named(workload, container, &budget.title());
    Some(
        Finding::new(rule, severity, workload, title, place, label)
            .also(hook.map(|(_, place)| place), "before SIGTERM")
            .also(budget.drain.place, after)
            .sum(&budget.sum)
            .repair(raise_grace(workload, container).filter(|_| is_declared))
            .effect(budget.effect())
            .remedy(remedy(&budget)),
    )
}
