use std::time::Duration;

use super::repairs::raise_grace;
use super::words::{grace_note, named};
use crate::findings::{Finding, Rule, Severity, Sum};
use crate::knowledge::{Budget, MARGIN};
use crate::model::{Container, Declared, Workload, number, show, whole_seconds};

/// Returns the finding that a container's drain does not fit in its grace period. `None` if it fits, or if one of them is not known.
///
/// `remedy` says what to do about it.
pub(super) fn overrun(
    rule: &'static Rule,
    workload: &Workload,
    container: &Container,
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
            .also(hook.map(|(_, place)| place), format!("before {}", budget.signal))
            .also(budget.drain.place, format!("after {}", budget.signal))
            .sum(&budget.sum)
            .repair(raise_grace(workload, container).filter(|_| is_declared))
            .effect(budget.effect())
            .remedy(remedy(&budget)),
    )
}

/// Returns the finding that a grace period is longer than its platform, `allower`, allows.
pub(super) fn beyond(
    rule: &'static Rule,
    workload: &Workload,
    max: Duration,
    allower: &str,
) -> Option<Finding> {
    let Declared::Written(grace, place) = &workload.grace else { return None };
    let name = workload.platform.grace_name();
    let sum = Sum::new(vec![(*grace, name.to_owned())], max, format!("the most that {allower} allows"));
    let title = format!("has a {name} that {allower} does not allow");
    let label = format!("more than {}", show(max));
    (*grace > max).then(|| {
        Finding::new(rule, Severity::Error, workload, title, *place, label)
            .sum(&sum)
            .effect("the deploy is refused, or the program is stopped earlier than it expects")
            .remedy(format!("set {name} to {} or less", number(max)))
    })
}

/// Returns the remedy of an overrun on a platform that allows this much.
pub(super) fn raise_or_shorten(workload: &Workload, budget: &Budget<'_>, max: Duration) -> String {
    let name = workload.platform.grace_name();
    if budget.needed > max {
        return format!("shorten the drain to {} or less", show(max.saturating_sub(MARGIN)));
    }
    format!("set {name} to {} or more, or shorten the drain", whole_seconds(budget.needed))
}
