use std::time::Duration;

use super::fields::{Block, blocks, duration, field, unlabelled};
use super::task::{drain, lame_duck, task};
use crate::formats::scalar::count;
use crate::input::Place;
use crate::model::{Declared, Platform, Role, Route, RouteKind, Workload, seconds};
use crate::tree::Node;

/// Reads a task group, which Nomad starts and stops as a unit.
pub(super) fn group(job: &Block<'_>, group: &Block<'_>) -> Workload {
    let grace = Declared::Default(seconds(5));
    let mut workload = Workload::new(Platform::Nomad, "task group", group.name, group.place, grace);
    workload.namespace = Some(job.name.to_owned()).filter(|_| job.place != group.place);
    workload.replicas = count(field(group.body, "count"), 1);
    // Batch jobs run to their end.
    workload.is_oneshot =
        field(job.body, "type").and_then(Node::text).is_some_and(|kind| matches!(kind, "batch" | "sysbatch"));
    let update = [group.body, job.body].into_iter().find_map(|body| field(body, "update"));
    workload.progress_deadline = match field(job.body, "type") {
        // No other job has a deployment that waits for its tasks: `Task.Validate`.
        Some(kind) if kind.text().is_some_and(|kind| kind != "service") => Declared::Default(Duration::ZERO),
        Some(kind) if kind.text().is_none() => Declared::Unresolved(kind.place),
        _ => duration(update.and_then(|update| field(update, "progress_deadline")), seconds(600)),
    };
    workload.drain = drain(group.body).or_else(|| drain(job.body));
    workload.lame_duck = lame_duck(group.body).or_else(|| lame_duck(job.body));
    let tasks = blocks(group.body, "task", "Tasks");
    workload.containers = tasks.iter().map(task).collect();
    let routes = |body: &Node, place: Place| -> Vec<Route> {
        unlabelled(body, "service", "Services")
            .into_iter()
            .map(|node| route(node, group.name, place))
            .collect()
    };
    workload.routes = routes(group.body, group.place);
    workload.routes.extend(tasks.iter().flat_map(|task| routes(task.body, task.place)));
    workload.routes.sort_by_key(|route| !route.kind.is_external());
    let main = tasks.iter().zip(&workload.containers).filter(|(_, task)| task.role == Role::Main);
    workload.shutdown_delay = shutdown_delay(group.body, main.map(|(task, _)| task.body));
    for (task, container) in tasks.iter().zip(&mut workload.containers) {
        // That of the group has passed before a sidecar is stopped.
        container.signal_delay = match container.role {
            Role::Main => shutdown_delay(group.body, std::iter::once(task.body)),
            Role::Sidecar | Role::Init => delay(task.body),
        };
    }
    workload
}

/// Adds the delay of the group, which passes first, and the longest one of its tasks.
fn shutdown_delay<'n>(group: &'n Node, tasks: impl Iterator<Item = &'n Node>) -> Declared<Duration> {
    let of_group = delay(group);
    let of_tasks = tasks.map(delay).max_by_key(|delay| delay.value().copied().unwrap_or(Duration::MAX));
    let Some(of_task) = of_tasks else { return of_group };
    match (&of_group, &of_task) {
        (Declared::Unresolved(_), _) | (_, Declared::Default(_)) => of_group,
        (_, Declared::Unresolved(_)) | (Declared::Default(_), _) => of_task,
        (Declared::Written(group, place), Declared::Written(task, _)) => {
            Declared::Written(group.saturating_add(*task), *place)
        }
    }
}

fn delay(body: &Node) -> Declared<Duration> {
    duration(field(body, "shutdown_delay"), Duration::ZERO)
}

fn route(node: &Node, group: &str, place: Place) -> Route {
    let name = field(node, "name");
    let tags = field(node, "tags").map_or(&[][..], Node::items);
    // Proxies in front of the cluster find what they route by such tags.
    let is_proxied = tags.iter().filter_map(Node::written).any(|tag| {
        tag.starts_with("urlprefix-") || (tag.starts_with("traefik.") && tag != "traefik.enable=false")
    });
    Route {
        kind: if is_proxied { RouteKind::Ingress } else { RouteKind::Catalog },
        name: format!("service {}", name.and_then(Node::text).unwrap_or(group)),
        place: name.map_or(place, |name| name.place),
        deregistration: None,
        has_readiness_gate: None,
        node_removal: None,
    }
}
