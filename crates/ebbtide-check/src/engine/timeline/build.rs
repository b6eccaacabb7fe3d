use std::time::Duration;

use super::{SpanKind, TimelineRow, TimelineSpan};
use crate::knowledge::{Budget, MARGIN, longest_chain};
use crate::model::{Container, Declared, Platform, Role, Route, Service, UNBOUNDED, Workload, seconds};

/// What the kubelet leaves to a program whose preStop hook took the whole grace period.
const LEAST: Duration = seconds(2);

/// Returns the rows of a workload: its containers, then what leads to it.
pub(super) fn rows(workload: &Workload) -> Vec<TimelineRow> {
    let mut rows = match workload.platform {
        Platform::Ecs => tasks_containers(workload),
        _ => pod(workload),
    };
    if let Some(service) = &workload.service {
        rows.extend(tasks(service));
    }
    for route in &workload.routes {
        let row = routed(route);
        if rows.iter().all(|other| other.name != row.name) {
            rows.push(row);
        }
    }
    rows
}

/// Returns the containers that stop together, then the sidecars, which receive their signal when every other one has exited. Those of a pod do so one
/// after the other, and those of Nomad together.
fn pod(workload: &Workload) -> Vec<TimelineRow> {
    let mut rows: Vec<TimelineRow> = workload.main().map(|main| container(workload, main, None)).collect();
    let exits: Option<Vec<Duration>> = rows.iter().map(|row| exit(workload, row)).collect();
    let mut begin = exits.and_then(|exits| exits.into_iter().max());
    let sidecars = workload.containers.iter().rev().filter(|container| container.role == Role::Sidecar);
    for sidecar in sidecars {
        let row = container(workload, sidecar, Some(begin));
        if !has_own_kill(workload) {
            begin = exit(workload, &row);
        }
        rows.push(row);
    }
    rows
}

/// Returns the containers of a task of ECS, each after those that depend on it.
fn tasks_containers(workload: &Workload) -> Vec<TimelineRow> {
    let mut rows: Vec<TimelineRow> = Vec::new();
    let mut left: Vec<&Container> = workload.running().collect();
    while !left.is_empty() {
        let is_first = |container: &&Container| {
            !left
                .iter()
                .any(|other| other.place != container.place && other.depends_on.contains(&container.name))
        };
        let (next, rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(is_first);
        // ECS refuses a cycle.
        let (next, rest) = if next.is_empty() { (rest, Vec::new()) } else { (next, rest) };
        left = rest;
        for one in next {
            let before = workload.running().filter(|other| other.depends_on.contains(&one.name));
            let before = before.filter_map(|other| rows.iter().find(|row| row.name == other.name));
            let exits: Vec<Option<Duration>> = before.map(|row| exit(workload, row)).collect();
            let after = exits.iter().copied().max().map(|latest| latest.filter(|_| !exits.contains(&None)));
            rows.push(container(workload, one, after));
        }
    }
    rows
}

/// Returns whether the kill timeout of each container begins at its own signal, rather than at the begin of the stop.
fn has_own_kill(workload: &Workload) -> bool {
    matches!(workload.platform, Platform::Ecs | Platform::Nomad)
}

/// Returns when a container has exited: after its drain, or at SIGKILL. Where the others have their own time after that, it is the latest one.
fn exit(workload: &Workload, row: &TimelineRow) -> Option<Duration> {
    if row.spans.iter().any(|span| span.kind == SpanKind::Unknown) {
        return row.kill.filter(|_| has_own_kill(workload));
    }
    let drain =
        row.spans.iter().filter(|span| !matches!(span.kind, SpanKind::Margin)).map(|span| span.end).max()?;
    Some(row.kill.map_or(drain, |kill| drain.min(kill)))
}

/// `after` is when the containers before it have exited, if it waits for any; nothing in it if that is not known.
fn container(workload: &Workload, container: &Container, after: Option<Option<Duration>>) -> TimelineRow {
    let limit = workload.grace_of(container).value().copied();
    let grace = limit.filter(|limit| *limit != UNBOUNDED);
    let hook = container.pre_stop.as_ref().filter(|_| workload.platform == Platform::Kubernetes);
    let least = hook.and_then(|hook| Some((hook.least?.0, hook.label())));
    // The proxy of Kamal waits before the signal.
    let before = workload.kamal.as_ref().and_then(|role| role.proxy.as_ref()?.drain_timeout.value().copied());
    let mut signal = before.unwrap_or_default();
    let mut row = TimelineRow {
        name: container.name.clone(),
        signal: None,
        kill: grace.map(|grace| signal.saturating_add(grace)),
        is_unlimited: limit == Some(UNBOUNDED),
        spans: Vec::new(),
        arithmetic: None,
    };
    if let Some(time) = before {
        row.spans.push(span(SpanKind::Deregistration, "drain_timeout of the proxy", Duration::ZERO, time));
    }
    if let Some((time, label)) = least {
        // One that never ends is as long as it may be.
        let time = if time == UNBOUNDED { grace.unwrap_or_default() } else { time };
        row.spans.push(span(SpanKind::PreStop, label, Duration::ZERO, time));
        signal = time;
        if let Some(grace) = grace.filter(|grace| time >= *grace && !grace.is_zero()) {
            signal = grace;
            row.kill = Some(grace.saturating_add(LEAST));
        }
    }
    if let Some(after) = after {
        let Some(after) = after else {
            row.kill = row.kill.filter(|_| !has_own_kill(workload));
            return row;
        };
        signal = signal.max(after);
        if has_own_kill(workload) {
            row.kill = grace.map(|grace| signal.saturating_add(grace));
        }
    }
    let Some(delay) = container.signal_delay.value() else {
        row.kill = None;
        return row;
    };
    if !delay.is_zero() {
        let end = signal.saturating_add(*delay);
        row.spans.push(span(SpanKind::LameDuck, "shutdown_delay", signal, end));
        signal = end;
        row.kill = row.kill.map(|kill| kill.saturating_add(*delay));
    }
    row.signal = Some(signal);
    if workload.signal_of(container) == "SIGKILL" {
        row.kill = Some(signal);
        return row;
    }
    let Some(drain) = workload.drain_of(container) else {
        if let Some(kill) = row.kill.filter(|kill| *kill > signal) {
            row.spans.push(span(SpanKind::Unknown, SpanKind::Unknown.name(), signal, kill));
        }
        return row;
    };
    let end = signal.saturating_add(drain.time);
    let duck =
        workload.lame_duck_of(container).and_then(Declared::value).filter(|_| container.role == Role::Main);
    let quiet = duck.map_or(signal, |duck| signal.saturating_add(*duck).min(end));
    if quiet > signal {
        row.spans.push(span(SpanKind::LameDuck, SpanKind::LameDuck.name(), signal, quiet));
    }
    if end > quiet {
        row.spans.push(span(SpanKind::Drain, &format!("drain, from {}", drain.from), quiet, end));
    }
    row.spans.push(span(SpanKind::Margin, SpanKind::Margin.name(), end, end.saturating_add(MARGIN)));
    let is_own = after.is_none() || has_own_kill(workload);
    row.arithmetic = Budget::of(workload, container).filter(|_| is_own).map(|budget| budget.sum.to_string());
    row.arithmetic.iter_mut().for_each(|sum| workload.spelling.spell(sum));
    row
}

/// A service of ECS: the load balancer waits first, and the tasks receive the signal after that.
fn tasks(service: &Service) -> Vec<TimelineRow> {
    let delays: Vec<Duration> =
        service.target_groups.iter().filter_map(|group| group.deregistration.value().copied()).collect();
    let mut rows: Vec<TimelineRow> = delays
        .iter()
        .map(|delay| TimelineRow {
            name: "target group".to_owned(),
            signal: None,
            kill: None,
            is_unlimited: false,
            spans: vec![span(
                SpanKind::Deregistration,
                SpanKind::Deregistration.name(),
                Duration::ZERO,
                *delay,
            )],
            arithmetic: None,
        })
        .collect();
    let signal = delays.into_iter().max().unwrap_or_default();
    let chain = longest_chain(&service.containers).into_iter().flatten().map(|link| link.time);
    let longest = chain.reduce(Duration::saturating_add);
    let longest = longest.or(service.stop_timeout.as_ref().and_then(Declared::value).copied());
    let kill = longest.map(|time| signal.saturating_add(time));
    let unknown = kill.map(|kill| span(SpanKind::Unknown, SpanKind::Unknown.name(), signal, kill));
    rows.push(TimelineRow {
        name: "tasks".to_owned(),
        signal: Some(signal),
        kill,
        is_unlimited: false,
        spans: unknown.into_iter().collect(),
        arithmetic: None,
    });
    rows
}

fn routed(route: &Route) -> TimelineRow {
    let traffic = span(SpanKind::Traffic, SpanKind::Traffic.name(), Duration::ZERO, route.kind.propagation());
    let delay = route.deregistration.as_ref().and_then(Declared::value);
    // While new requests arrive it has already begun.
    let delay = delay.filter(|delay| **delay > traffic.end);
    let delay = delay
        .map(|delay| span(SpanKind::Deregistration, SpanKind::Deregistration.name(), traffic.end, *delay));
    TimelineRow {
        name: route.name.clone(),
        signal: None,
        kill: None,
        is_unlimited: false,
        spans: [traffic].into_iter().chain(delay).collect(),
        arithmetic: None,
    }
}

fn span(kind: SpanKind, label: &str, start: Duration, end: Duration) -> TimelineSpan {
    TimelineSpan { kind, label: label.to_owned(), start, end }
}
