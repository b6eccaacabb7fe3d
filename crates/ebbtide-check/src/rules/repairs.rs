//! Edits that several rules make.

use std::time::Duration;

use super::words::serves_nothing;
use crate::findings::{Change, Repair};
use crate::input::Place;
use crate::knowledge::{Budget, exec_offset, sidecar_drains, unit_ends_before};
use crate::model::{Container, Declared, Platform, Role, UNBOUNDED, Word, Workload, seconds, whole_seconds};

/// The longest stop timeout of Fargate.
const FARGATE: Duration = seconds(120);

/// Raises the grace period to what the declared drain times need.
pub(super) fn raise_grace(workload: &Workload, container: &Container) -> Option<Repair> {
    set_grace(workload, container, needed(workload, container)?)
}

/// Returns the grace period that the declared drain times need. What is assumed of a program does not count.
pub(super) fn needed(workload: &Workload, container: &Container) -> Option<Duration> {
    // The containers of a pod have one grace period; those of a task definition have one each.
    let is_meant = |other: &&Container| container.grace.is_none() || other.place == container.place;
    let longest = |role: Option<Role>| {
        let containers = workload.running().filter(|other| role.is_none_or(|role| other.role == role));
        let budgets = containers.filter(is_meant).filter_map(|other| Budget::of(workload, other));
        budgets.filter(|budget| budget.drain.is_declared).map(|budget| budget.needed).max()
    };
    // Sidecars begin to drain when the main containers have exited.
    let sidecars = sidecar_drains(workload).map(|(_, time)| time);
    let main = longest(Some(Role::Main)).map(|main| sidecars.fold(main, Duration::saturating_add));
    main.max(longest(None))
}

/// Sets the grace period, in whole seconds. `None` if the platform does not allow as much, if no time is enough, if there is no place for it, or if systemd would kill
/// the container before, so that the timeout of its unit has to be set too.
pub(super) fn set_grace(workload: &Workload, container: &Container, time: Duration) -> Option<Repair> {
    if workload.is_fargate && time > FARGATE {
        return None;
    }
    if time == UNBOUNDED || unit_ends_before(workload, time) {
        return None;
    }
    let whole = whole_seconds(time);
    let value = match workload.platform {
        Platform::Kubernetes | Platform::Ecs | Platform::Kamal | Platform::Quadlet => whole.to_string(),
        Platform::Compose | Platform::Systemd => format!("{whole}s"),
        _ => return None,
    };
    let slot = container.grace_slot.as_ref().or(workload.grace_slot.as_ref());
    let change = match (slot, workload.grace_of(container)) {
        (Some(slot), _) => Change::Add(slot.clone(), value.clone()),
        (None, Declared::Written(_, place)) => Change::Set(*place, value.clone()),
        (None, Declared::Default(_) | Declared::Unresolved(_)) => return None,
    };
    let name = slot.map_or(workload.grace_name(), |slot| slot.key);
    Some(Repair { description: format!("set {name} to {value}"), change })
}

/// Replaces a value.
pub(super) fn set(name: &str, place: Place, value: &str) -> Option<Repair> {
    Some(Repair {
        description: format!("set {name} to {value}"),
        change: Change::Set(place, value.to_owned()),
    })
}

/// Removes the line of a setting.
pub(super) fn remove(name: &str, place: Place) -> Option<Repair> {
    Some(Repair { description: format!("remove {name}"), change: Change::Remove(place) })
}

/// Adds STOPSIGNAL before the instruction that has the command.
pub(super) fn stop_signal(command: Place, signal: &str) -> Option<Repair> {
    let line = format!("STOPSIGNAL {signal}");
    Some(Repair { description: format!("add {line}"), change: Change::LineBefore(command, line) })
}

/// Lets the last command of a script replace the shell. A command without a handler for SIGTERM would ignore it as process 1 too.
pub(super) fn exec(script: &Word) -> Option<Repair> {
    let offset = exec_offset(&script.text)?;
    if serves_nothing(script).is_some() {
        return None;
    }
    Some(Repair {
        description: "begin the last command with exec".to_owned(),
        change: Change::Exec(script.clone(), offset),
    })
}
