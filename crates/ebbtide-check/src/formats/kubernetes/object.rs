use super::config::{self, ConfigMap};
use super::policy::{self, DisruptionBudget};
use super::scalar::name_place;
use super::scaler::{self, Scaler};
use super::traffic::{self, Ingress, Namespace, Service};
use super::{pod, workload};
use crate::formats::{Facts, paas, times};
use crate::input::Place;
use crate::model::{Word, Workload};
use crate::tree::Node;

/// The nesting of `List` that is followed.
const MAX_LISTS: usize = 4;

/// The objects of a file that are not workloads.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(super) services: Vec<Service>,
    pub(super) ingresses: Vec<Ingress>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) budgets: Vec<DisruptionBudget>,
    pub(super) scalers: Vec<Scaler>,
    pub(super) config_maps: Vec<ConfigMap>,
    /// The names of the claims of persistent volumes.
    pub(crate) claims: Vec<Word>,
}

impl Objects {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.services.append(&mut other.services);
        self.ingresses.append(&mut other.ingresses);
        self.namespaces.append(&mut other.namespaces);
        self.budgets.append(&mut other.budgets);
        self.scalers.append(&mut other.scalers);
        self.config_maps.append(&mut other.config_maps);
        self.claims.append(&mut other.claims);
    }
}

/// Returns whether a document is an object of Kubernetes.
pub(crate) fn is_object(root: &Node) -> bool {
    root.text_of("apiVersion").is_some() && root.text_of("kind").is_some()
}

/// Returns the objects of a document, also those of a `List`, by the place that the workload of each has.
pub(crate) fn objects(root: &Node) -> Vec<(Place, Node)> {
    let mut left = vec![(root, 0)];
    let mut found = Vec::new();
    while let Some((object, depth)) = left.pop() {
        if depth < MAX_LISTS && object.text_of("kind").is_some_and(|kind| kind.ends_with("List")) {
            left.extend(object.list("items").iter().map(|item| (item, depth.saturating_add(1))));
        } else {
            found.push((name_place(object), object.clone()));
        }
    }
    found
}

/// Reads an object that runs pods.
pub(crate) fn workload_of(object: &Node) -> Option<Workload> {
    let (kind, version) = (object.text_of("kind")?, object.text_of("apiVersion")?);
    workload::workload(object, version.split_once('/').map_or("", |(group, _)| group), kind)
}

/// Adds an object, or those of a `List`.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    add_nested(root, facts, 0);
}

fn add_nested(object: &Node, facts: &mut Facts, depth: usize) {
    let (Some(kind), Some(version)) = (object.text_of("kind"), object.text_of("apiVersion")) else { return };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("", _) if kind.ends_with("List") && depth < MAX_LISTS => {
            for item in object.list("items") {
                add_nested(item, facts, depth.saturating_add(1));
            }
        }
        ("", "Service") => {
            traffic::note_unreadable(object, &mut facts.unreadable);
            facts.kubernetes.services.extend(traffic::service(object));
        }
        ("", "PersistentVolumeClaim") => {
            facts.kubernetes.claims.extend(object.at(&["metadata", "name"]).and_then(pod::word));
        }
        ("", "ConfigMap") => facts.kubernetes.config_maps.extend(config::config_map(object)),
        ("", "Namespace") => facts.kubernetes.namespaces.extend(traffic::namespace_labels(object)),
        ("networking.k8s.io" | "extensions", "Ingress") => {
            traffic::note_unreadable(object, &mut facts.unreadable);
            facts.kubernetes.ingresses.extend(traffic::ingress(object));
        }
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute") => {
            facts.kubernetes.ingresses.extend(traffic::gateway_route(object, kind));
        }
        ("policy", "PodDisruptionBudget") => {
            facts.kubernetes.budgets.extend(policy::disruption_budget(object));
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            facts.kubernetes.scalers.extend(scaler::autoscaler(object));
        }
        ("keda.sh", "ScaledObject") => facts.kubernetes.scalers.extend(scaler::scaled_object(object)),
        ("kubelet.config.k8s.io", "KubeletConfiguration") => {
            times::note(object, &policy::TIMES, &mut facts.unreadable);
            facts.workloads.push(policy::kubelet(object));
        }
        ("serving.knative.dev", "Service") => paas::add_knative(object, facts),
        _ => {
            if let Some((place, key)) = workload::mistyped(object, group, kind) {
                let message = format!("invalid {key} of a {kind}: expected a mapping");
                facts.unreadable.insert(place, message);
            } else if let Some(workload) = workload::workload(object, group, kind) {
                times::note(object, &workload::TIMES, &mut facts.unreadable);
                facts.workloads.push(workload);
            }
        }
    }
}
