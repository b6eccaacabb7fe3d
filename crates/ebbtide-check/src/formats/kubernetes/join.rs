use std::path::Path;

use super::Objects;
use super::traffic::Service;
use crate::input::{Place, Sources};
use crate::model::{Platform, Route, RouteKind, Workload};

/// Gives each workload the routes on which traffic reaches it: the Services that select it, and what names those.
pub(crate) fn join(workloads: &mut [Workload], objects: &Objects, sources: &Sources) {
    let belongs = |a: (&Option<String>, Place), b: (&Option<String>, Place)| match (a.0, b.0) {
        (Some(a), Some(b)) => a == b,
        // Without a namespace the same labels in another folder are another application.
        _ => folder(sources, a.1) == folder(sources, b.1),
    };
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Kubernetes) {
        let services = objects.services.iter().filter(|service| {
            belongs((&workload.namespace, workload.place), (&service.namespace, service.place))
                && selects(service, &workload.labels)
        });
        let has_readiness_gate = gate(workload, objects);
        let mut routes = Vec::new();
        for service in services {
            let ingresses = objects.ingresses.iter().filter(|ingress| {
                belongs((&service.namespace, service.place), (&ingress.namespace, ingress.place))
                    && ingress.services.contains(&service.name)
            });
            let outer = ingresses.map(|ingress| Route {
                kind: ingress.kind,
                name: ingress.title.clone(),
                place: ingress.place,
                deregistration: ingress.deregistration.clone(),
                has_readiness_gate,
            });
            routes.push(Route {
                kind: service.kind,
                name: service.title(),
                place: service.place,
                deregistration: None,
                has_readiness_gate: None,
            });
            routes.extend(outer);
        }
        workload.routes = routes;
        // The slowest first: it decides how long traffic keeps coming.
        workload.routes.sort_by_key(|route| {
            std::cmp::Reverse((route.kind.propagation(), route.kind != RouteKind::Cluster))
        });
    }
}

/// Returns whether the namespace of a workload lets the AWS load balancer controller add its readiness gate.
fn gate(workload: &Workload, objects: &Objects) -> Option<bool> {
    let name = workload.namespace.as_deref()?;
    objects
        .namespaces
        .iter()
        .find(|namespace| namespace.name == name)
        .map(|namespace| namespace.has_readiness_gate)
}

fn selects(service: &Service, labels: &[(String, String)]) -> bool {
    service.selector.iter().all(|wanted| labels.contains(wanted))
}

fn folder(sources: &Sources, place: Place) -> Option<&Path> {
    Path::new(sources.name(place)).parent()
}
