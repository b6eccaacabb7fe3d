use std::collections::HashSet;

use super::container::container;
use super::scalar::{self, duration};
use crate::formats::scalar::{DRAIN, LAME_DUCK, declared_drain, slot};
use crate::model::{Annotation, Container, Declared, Role, Word, Workload, go_duration, seconds};
use crate::tree::Node;

/// Adds what a pod's metadata and specification say.
pub(super) fn fill(workload: &mut Workload, metadata: Option<&Node>, spec: &Node) {
    workload.grace = duration(spec.get("terminationGracePeriodSeconds"), seconds(30));
    workload.grace_slot = slot(spec, "terminationGracePeriodSeconds");
    workload.shares_process_namespace =
        spec.get("shareProcessNamespace").and_then(Node::boolean).unwrap_or_default();
    workload.os = spec.at(&["os", "name"]).map(scalar::text);
    workload.node_labels = node_labels(spec);
    workload.priority_class = spec.text_of("priorityClassName").map(str::to_owned);
    workload.containers = containers(spec);
    workload.claims = claims(spec);
    if let Some(metadata) = metadata {
        workload.labels =
            pairs(metadata.get("labels")).into_iter().map(|label| (label.key, label.value)).collect();
        add_annotations(workload, metadata);
    }
}

/// Adds the annotations of an object. Those of the pod come after those of its controller, and win.
pub(crate) fn add_annotations(workload: &mut Workload, metadata: &Node) {
    for annotation in pairs(metadata.get("annotations")) {
        match annotation.key.as_str() {
            DRAIN => workload.drain = declared_drain("annotation", &annotation.value, annotation.place),
            LAME_DUCK => {
                workload.lame_duck = Some(match go_duration(&annotation.value) {
                    Some(time) => Declared::Written(time, annotation.place),
                    None => Declared::Unresolved(annotation.place),
                });
            }
            _ => {}
        }
        workload.annotations.push(annotation);
    }
}

/// Returns the labels that every node has to have on which a pod may run: those of the selector, and those that each term of the required affinity asks
/// for.
fn node_labels(spec: &Node) -> Vec<Annotation> {
    let affinity = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = spec.at(&affinity).map_or(&[][..], |required| required.list("nodeSelectorTerms"));
    let mut of_terms = terms.iter().map(|term| term.list("matchExpressions").iter().filter_map(only_value));
    let mut labels = pairs(spec.get("nodeSelector"));
    let first: Vec<Annotation> = of_terms.next().into_iter().flatten().collect();
    let others: Vec<Vec<Annotation>> = of_terms.map(Iterator::collect).collect();
    let is_in = |label: &Annotation, all: &[Annotation]| {
        all.iter().any(|other| (&other.key, &other.value) == (&label.key, &label.value))
    };
    let required = first.into_iter().filter(|label| others.iter().all(|other| is_in(label, other)));
    let required: Vec<_> = required.filter(|label| !is_in(label, &labels)).collect();
    labels.extend(required);
    labels
}

/// Returns the label that an expression asks for, if it allows one value alone.
fn only_value(expression: &Node) -> Option<Annotation> {
    let [value] = expression.list("values") else { return None };
    let key = expression.text_of("key").filter(|_| expression.text_of("operator") == Some("In"))?;
    Some(Annotation { key: key.to_owned(), value: value.text()?.to_owned(), place: value.place })
}

fn containers(spec: &Node) -> Vec<Container> {
    let init = spec.list("initContainers").iter().filter_map(|node| {
        let is_sidecar = node.text_of("restartPolicy") == Some("Always");
        container(node, if is_sidecar { Role::Sidecar } else { Role::Init })
    });
    let main = spec.list("containers").iter().filter_map(|node| container(node, Role::Main));
    init.chain(main).collect()
}

/// Returns the claims of the volumes that a container mounts. A pod may name others: nothing writes to them.
fn claims(spec: &Node) -> Vec<Word> {
    let containers = ["initContainers", "containers"].iter().flat_map(|key| spec.list(key));
    let mounts =
        containers.flat_map(|node| node.list("volumeMounts").iter().chain(node.list("volumeDevices")));
    let mounted: HashSet<&str> = mounts.filter_map(|mount| mount.text_of("name")).collect();
    let volumes = spec.list("volumes").iter();
    let is_mounted = |volume: &&Node| volume.text_of("name").is_some_and(|name| mounted.contains(name));
    volumes
        .filter(is_mounted)
        .filter_map(|volume| volume.at(&["persistentVolumeClaim", "claimName"]).and_then(word))
        .collect()
}

pub(super) fn word(node: &Node) -> Option<Word> {
    Some(Word { text: node.text()?.to_owned(), place: node.place })
}

fn pairs(node: Option<&Node>) -> Vec<Annotation> {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries
        .filter_map(|entry| {
            let value = entry.node.text()?.to_owned();
            Some(Annotation { key: entry.key.clone(), value, place: entry.key_place.to(entry.node.place) })
        })
        .collect()
}
