use std::time::Duration;

use super::{ebbtide, is_istio_proxy, istio_stop, may_run_ebbtide};
use crate::findings::Sum;
use crate::model::{Container, Declared, Drain, Role, UNBOUNDED, Workload, seconds, show};

/// The time that is kept for the exit itself: flushing, scheduling.
pub(crate) const MARGIN: Duration = seconds(2);

/// The time that a container needs for its shutdown beside the time that it has.
pub(crate) struct Budget<'w> {
    pub(crate) drain: &'w Drain,
    /// The least time of the preStop hook.
    pub(crate) pre_stop: Duration,
    pub(crate) grace: Duration,
    pub(crate) needed: Duration,
    pub(crate) sum: Sum,
    /// The signal that begins the drain.
    pub(crate) signal: String,
}

impl<'w> Budget<'w> {
    /// Adds up what is known. `None` if the drain time or the grace period is not.
    pub(crate) fn of(workload: &'w Workload, container: &'w Container) -> Option<Self> {
        let drain = workload.drain_of(container)?;
        let grace = workload.grace_of(container);
        let limit = *grace.value()?;
        let pre_stop = container.pre_stop.as_ref().and_then(|hook| Some((hook.least?.0, hook.label())));
        let mut terms = Vec::new();
        terms.extend(pre_stop.map(|(time, label)| (time, label.to_owned())));
        terms.push((drain.time, format!("drain, from {}", drain.from)));
        terms.push((MARGIN, "margin".to_owned()));
        let sum = Sum::new(terms, limit, grace_label(workload, grace)).inclusive();
        let needed = sum.total();
        Some(Self {
            drain,
            pre_stop: pre_stop.map_or(Duration::ZERO, |(time, _)| time),
            grace: limit,
            needed,
            sum,
            signal: workload.signal_of(container),
        })
    }

    pub(crate) fn overruns(&self) -> bool {
        self.needed > self.grace
    }

    /// Returns the title of the finding that it does not fit.
    pub(crate) fn title(&self) -> String {
        format!("needs {} to stop, but is killed after {}", show(self.needed), show(self.grace))
    }

    /// Returns what users see.
    pub(crate) fn effect(&self) -> String {
        let left = self.grace.saturating_sub(self.pre_stop);
        let (signal, drain) = (&self.signal, show(self.drain.time));
        match left.checked_sub(self.drain.time) {
            None => format!(
                "SIGKILL arrives {} after {signal}, while the program may still drain for {drain}: clients whose requests are in flight \
                 then see connection resets, and jobs run again or are lost",
                show(left),
            ),
            Some(rest) => format!(
                "the drain of {drain} fits in the {} after {signal}, but leaves {} for the exit itself: on a busy machine SIGKILL arrives \
                 before the last log lines and spans are written, or before the drain has ended",
                show(left),
                show(rest),
            ),
        }
    }
}

/// Returns the sidecars of a pod whose drain is known, with its time. They receive their signal when the main containers have exited.
pub(crate) fn sidecar_drains(workload: &Workload) -> impl Iterator<Item = (&Container, Duration)> {
    let sidecars = workload.containers.iter().filter(|container| container.role == Role::Sidecar);
    sidecars.filter_map(|sidecar| {
        let own = workload.drain_of(sidecar).map(|drain| drain.time);
        let known = || istio_stop(workload, Some(sidecar)).drain.filter(|_| is_istio_proxy(sidecar));
        Some((sidecar, own.or_else(known)?))
    })
}

/// Returns whether systemd ends the stop of a container before Podman has waited for it this long.
pub(crate) fn unit_ends_before(workload: &Workload, stop: Duration) -> bool {
    let limit = workload.quadlet.as_ref().and_then(|quadlet| quadlet.unit_timeout.value());
    limit.is_some_and(|limit| *limit != UNBOUNDED && stop.saturating_add(MARGIN) > *limit)
}

/// Raises the drain times that are shorter than the lame duck: a program that still serves has not finished. What is shorter by no more than the
/// margin fits in that. A drain that is not known stays unknown, unless the lame duck alone does not fit in the grace period.
pub(crate) fn drain_after_lame_duck(workload: &mut Workload) {
    let raised = |container| Some((raised(workload, container)?, workload.is_about(container)));
    let all: Vec<_> = workload.containers.iter().map(raised).collect();
    for (container, raised) in workload.containers.iter_mut().zip(all) {
        let Some((drain, is_about)) = raised else { continue };
        container.drain = Some(drain);
        // What is declared for the workload would take precedence.
        if is_about {
            workload.drain = None;
        }
    }
}

/// Returns the drain of a lame duck that is longer than the drain.
fn raised(workload: &Workload, container: &Container) -> Option<Drain> {
    if container.role == Role::Init || container.is_shielded {
        return None;
    }
    let of_variables =
        || ebbtide::longest_lame_duck(&container.variables).filter(|_| may_run_ebbtide(container));
    let drain = match workload.lame_duck_of(container) {
        Some(Declared::Written(time, place)) => {
            let longest = of_variables();
            let own = Drain {
                time: *time,
                from: "the lame duck".to_owned(),
                place: Some(*place),
                is_declared: true,
            };
            longest.filter(|longest| longest.time > own.time).unwrap_or(own)
        }
        _ => of_variables()?,
    };
    let overruns = || {
        let pre_stop =
            container.pre_stop.as_ref().and_then(|hook| hook.least).map_or(Duration::ZERO, |hook| hook.0);
        let needed = pre_stop.saturating_add(drain.time).saturating_add(MARGIN);
        workload.grace_of(container).value().is_some_and(|grace| needed > *grace)
    };
    let is_longer = match workload.drain_of(container) {
        Some(known) if known.time.saturating_add(MARGIN) < drain.time => true,
        Some(known) => !known.is_declared && overruns(),
        None => overruns(),
    };
    (is_longer && !drain.time.is_zero()).then_some(drain)
}

/// Returns the name of the grace period for a sum.
pub(crate) fn grace_label(workload: &Workload, grace: &Declared<Duration>) -> String {
    let is_of_agent = |(time, _)| *grace == Declared::Default(time);
    if workload.agent_timeout.is_some_and(is_of_agent) {
        return "ECS_CONTAINER_STOP_TIMEOUT".to_owned();
    }
    let name = workload.grace_name();
    let is_default = grace.is_default() && !workload.platform.has_fixed_grace();
    if is_default { format!("{name}, default") } else { name.to_owned() }
}
