use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::Objects;
use super::config::{self, ConfigMap};
use super::overlaid::{Overlaid, Overlay, merged};
use super::policy::DisruptionBudget;
use super::scaler::Scaler;
use super::traffic::{Ingress, Service};
use crate::input::{Place, SourceId, Sources};
use crate::model::{Declared, Disruption, Platform, Route, RouteKind, Workload};

/// Gives each workload the routes on which traffic reaches it: the Services that select it, and what names those. Gives its containers the variables of
/// ConfigMaps.
pub(crate) fn join(workloads: &mut [Workload], objects: &Objects, overlaid: &Overlaid, sources: &Sources) {
    let index = Index::new(objects, overlaid, sources);
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Kubernetes) {
        let has_readiness_gate = gate(workload, objects);
        let mut routes = Vec::new();
        for service in index.services_of(workload) {
            let outer = index.ingresses_of(service).into_iter().map(|ingress| Route {
                kind: ingress.kind,
                name: ingress.title.clone(),
                place: ingress.place,
                deregistration: ingress.deregistration.clone(),
                has_readiness_gate,
                node_removal: None,
            });
            routes.push(Route {
                kind: service.kind,
                name: service.title(),
                place: service.place,
                deregistration: service.deregistration.clone(),
                has_readiness_gate: None,
                node_removal: service.node_removal,
            });
            routes.extend(outer);
        }
        // The slowest first: it decides how long traffic keeps coming.
        routes.sort_by_key(|route| {
            std::cmp::Reverse((route.kind.propagation(), route.kind != RouteKind::Cluster))
        });
        workload.routes = routes;
        // A pod that serves is to run for long, whatever its restart policy.
        workload.is_on_demand &= workload.routes.is_empty();
        workload.disruptions = index.budgets_of(workload);
        index.scale(workload);
        let (namespace, place) = (workload.namespace.clone(), workload.place);
        for container in &mut workload.containers {
            config::fill(container, |name| index.config_map(name, &namespace, place));
        }
    }
}

/// A Service in one result of kustomizations.
type OverlaidService<'o> = (&'o Service, &'o Overlay);

/// The objects by what they are looked up with. A folder may have thousands of them.
struct Index<'o> {
    /// Services by the first pair of their selector.
    services: HashMap<(&'o str, &'o str), Vec<&'o Service>>,
    /// Services as kustomizations make them, by the outermost of these and the first pair of the selector.
    overlaid_services: HashMap<(usize, &'o str, &'o str), Vec<OverlaidService<'o>>>,
    overlaid: &'o Overlaid,
    /// Ingresses and routes by the Services that they name.
    ingresses: HashMap<&'o str, Vec<&'o Ingress>>,
    /// Disruption budgets by the first pair of their selector; nothing for those of every pod.
    budgets: HashMap<Option<(&'o str, &'o str)>, Vec<&'o DisruptionBudget>>,
    /// Scalers by the kind and the name of what they scale.
    scalers: HashMap<(&'o str, &'o str), Vec<&'o Scaler>>,
    /// ConfigMaps by their name.
    config_maps: HashMap<&'o str, Vec<&'o ConfigMap>>,
    /// The number of the folder of each source.
    folders: Vec<usize>,
}

impl<'o> Index<'o> {
    fn new(objects: &'o Objects, overlaid: &'o Overlaid, sources: &'o Sources) -> Self {
        let mut services: HashMap<_, Vec<_>> = HashMap::new();
        for service in &objects.services {
            if let Some((key, value)) = service.selector.first() {
                services.entry((key.as_str(), value.as_str())).or_default().push(service);
            }
        }
        let mut overlaid_services: HashMap<_, Vec<_>> = HashMap::new();
        for service in &objects.services {
            for overlay in overlaid.of(service.place.source) {
                if let Some((key, value)) = merged(&service.selector, &overlay.selectors).next() {
                    let key = (overlay.outermost, key, value);
                    overlaid_services.entry(key).or_default().push((service, overlay));
                }
            }
        }
        let mut ingresses: HashMap<_, Vec<_>> = HashMap::new();
        for ingress in &objects.ingresses {
            for service in &ingress.services {
                ingresses.entry(service.as_str()).or_default().push(ingress);
            }
        }
        let mut budgets: HashMap<_, Vec<_>> = HashMap::new();
        for budget in &objects.budgets {
            let first = budget.selector.pairs.first().map(|(key, value)| (key.as_str(), value.as_str()));
            budgets.entry(first).or_default().push(budget);
        }
        let mut scalers: HashMap<_, Vec<_>> = HashMap::new();
        for scaler in &objects.scalers {
            scalers.entry((scaler.kind.as_str(), scaler.target.as_str())).or_default().push(scaler);
        }
        let mut config_maps: HashMap<_, Vec<_>> = HashMap::new();
        for map in &objects.config_maps {
            config_maps.entry(map.name.as_str()).or_default().push(map);
        }
        let mut numbers: HashMap<Option<&Path>, usize> = HashMap::new();
        let folders = sources.iter().map(|(_, source)| {
            let next = numbers.len();
            *numbers.entry(Path::new(source.name()).parent()).or_insert(next)
        });
        Self {
            services,
            overlaid_services,
            overlaid,
            ingresses,
            budgets,
            scalers,
            config_maps,
            folders: folders.collect(),
        }
    }

    fn services_of(&self, workload: &Workload) -> Vec<&'o Service> {
        let labels = &workload.labels;
        let candidates =
            labels.iter().filter_map(|(key, value)| self.services.get(&(key.as_str(), value.as_str())));
        let selecting = candidates.flatten().copied().filter(|service| {
            service.selector.iter().all(|wanted| labels.contains(wanted))
                && self.belongs(&workload.namespace, workload.place, &service.namespace, service.place)
        });
        let source = workload.place.source;
        let overlaid = self.overlaid.in_each(
            source,
            |overlay| self.services_in(workload, overlay),
            |a, b| a.name == b.name && a.kind == b.kind,
        );
        nearest(selecting.chain(overlaid).collect(), source, |service| (service.place.source, &service.name))
    }

    /// Returns the Services that select the pods in one result of kustomizations.
    fn services_in(&self, workload: &Workload, overlay: &Overlay) -> Vec<&'o Service> {
        let labels: Vec<_> = merged(&workload.labels, &overlay.labels).collect();
        let candidates = labels
            .iter()
            .filter_map(|(key, value)| self.overlaid_services.get(&(overlay.outermost, *key, *value)));
        let selecting = candidates.flatten().filter(|(service, of_service)| {
            merged(&service.selector, &of_service.selectors).all(|wanted| labels.contains(&wanted))
                && overlay.is_beside(&workload.namespace, of_service, &service.namespace)
        });
        selecting.map(|(service, _)| *service).collect()
    }

    fn ingresses_of(&self, service: &Service) -> Vec<&'o Ingress> {
        let naming = self.ingresses.get(service.name.as_str()).into_iter().flatten().copied();
        let naming = naming.filter(|ingress| {
            self.belongs(&service.namespace, service.place, &ingress.namespace, ingress.place)
        });
        let source = service.place.source;
        let overlaid = self.overlaid.in_each(
            source,
            |overlay| self.ingresses_in(service, overlay),
            |a, b| a.title == b.title && a.kind == b.kind,
        );
        nearest(naming.chain(overlaid).collect(), source, |ingress| (ingress.place.source, &ingress.title))
    }

    /// Returns what names a Service in one result of kustomizations.
    fn ingresses_in(&self, service: &Service, overlay: &Overlay) -> Vec<&'o Ingress> {
        let naming = self.ingresses.get(service.name.as_str()).into_iter().flatten().copied();
        let beside = naming.filter(|ingress| {
            let mut results = self.overlaid.of(ingress.place.source).iter();
            results.any(|other| overlay.is_beside(&service.namespace, other, &ingress.namespace))
        });
        beside.collect()
    }

    fn budgets_of(&self, workload: &Workload) -> Vec<Disruption> {
        let labels = &workload.labels;
        let pairs = labels.iter().map(|(key, value)| Some((key.as_str(), value.as_str())));
        let candidates = pairs.chain([None]).filter_map(|pair| self.budgets.get(&pair));
        let selecting = candidates.flatten().copied().filter(|budget| {
            budget.selector.selects(labels)
                && self.belongs(
                    &workload.namespace,
                    workload.place,
                    &budget.namespace,
                    budget.disruption.place,
                )
        });
        let source = workload.place.source;
        nearest(selecting.collect(), source, |budget| {
            (budget.disruption.place.source, &budget.disruption.name)
        })
        .into_iter()
        .map(|budget| budget.disruption.clone())
        .collect()
    }

    fn config_map(&self, name: &str, namespace: &Option<String>, place: Place) -> Option<&'o ConfigMap> {
        let named = self.config_maps.get(name)?.iter().copied();
        let near = named.filter(|map| self.belongs(namespace, place, &map.namespace, map.place));
        nearest(near.collect(), place.source, |map| (map.place.source, &map.name)).first().copied()
    }

    /// Gives a workload that is scaled the fewest pods that its scaler leaves: the number in its own file is that of the first deploy. A scaler of
    /// another folder, such as that of an overlay, may be about another workload with the name, and the number is then not known.
    fn scale(&self, workload: &mut Workload) {
        // A workload of no pods is not scaled.
        if workload.replicas.value() == Some(&0) {
            return;
        }
        let mut names = std::iter::once(&workload.name).chain(&workload.renamed);
        let Some(all) = names.find_map(|name| self.scalers.get(&(workload.kind.as_str(), name.as_str())))
        else {
            return;
        };
        let is_other = |scaler: &Scaler| matches!((&workload.namespace, &scaler.namespace), (Some(own), Some(other)) if own != other);
        let near = all.iter().copied().filter(|scaler| {
            self.belongs(&workload.namespace, workload.place, &scaler.namespace, scaler.place)
        });
        let near =
            nearest(near.collect(), workload.place.source, |scaler| (scaler.place.source, &scaler.name));
        let fewest = near.into_iter().min_by_key(|scaler| scaler.least.value().copied());
        if let Some(scaler) = fewest {
            workload.replicas = scaler.least.clone();
            workload.replicas_from = Some(scaler.setting);
        } else if let Some(scaler) = all.iter().find(|scaler| !is_other(scaler)) {
            workload.replicas = Declared::Unresolved(scaler.place);
        }
    }

    /// Returns whether two objects are of one application: of one namespace. Without a namespace the same labels in another
    /// folder are another application.
    fn belongs(&self, a: &Option<String>, a_place: Place, b: &Option<String>, b_place: Place) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a == b,
            _ => self.folder(a_place) == self.folder(b_place),
        }
    }

    fn folder(&self, place: Place) -> Option<usize> {
        self.folders.get(place.source.index()).copied()
    }
}

/// Returns those of the same file, if there are any; a folder often has a file for each environment, with the same names. Of
/// several with one name, the first.
fn nearest<'o, T>(
    mut all: Vec<&'o T>,
    source: SourceId,
    describe: impl Fn(&'o T) -> (SourceId, &'o String),
) -> Vec<&'o T> {
    if all.iter().any(|item| describe(item).0 == source) {
        all.retain(|item| describe(item).0 == source);
    }
    let mut seen = HashSet::new();
    all.retain(|item| seen.insert(describe(item).1));
    all
}

/// Returns whether the namespace of a workload lets the AWS load balancer controller add its readiness gate.
fn gate(workload: &Workload, objects: &Objects) -> Option<bool> {
    let name = workload.namespace.as_deref()?;
    let mut namespaces = objects.namespaces.iter().filter(|namespace| namespace.name == name);
    namespaces.next().map(|namespace| namespace.has_readiness_gate)
}
