use std::time::Duration;

use super::{SpanKind, TimelineRow, TimelineSpan};
use crate::knowledge::{Budget, MARGIN};
use crate::model::{Container, Declared, Platform, Role, Route, Service, UNBOUNDED, Workload, seconds};

/// What the kubelet leaves to a program whose preStop hook took the whole grace period.
const LEAST: Duration = seconds(2);

/// Returns the rows of a workload: its containers, then what leads to it.
pub(super) fn rows(workload: &Workload) -> Vec<TimelineRow> {
    let mains: Vec<TimelineRow> = workload.main().map(|main| container(workload, main, None)).collect();
    // Sidecars receive their signal when every main container has exited.
    let exits: Option<Vec<Duration>> = mains.iter().map(exit).collect();
    let mut begin = exits.and_then(|exits| exits.into_iter().max());
    let mut rows = mains;
    let sidecars = workload.containers.iter().rev().filter(|container| container.role == Role::Sidecar);
    for sidecar in sidecars {
        let row = container(workload, sidecar, Some(begin));
        begin = exit(&row);
        rows.push(row);
    }
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

/// Returns when a container has exited: after its drain, or at SIGKILL.
fn exit(row: &TimelineRow) -> Option<Duration> {
    if row.spans.iter().any(|span| span.kind == SpanKind::Unknown) {
        return None;
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
        let Some(after) = after else { return row };
        signal = signal.max(after);
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
    row.arithmetic =
        Budget::of(workload, container).filter(|_| after.is_none()).map(|budget| budget.sum.to_string());
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
    let kill =
        service.stop_timeout.as_ref().and_then(Declared::value).map(|time| signal.saturating_add(*time));
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
