use super::shape::{Resource, block, put, quoted, spelled};
use crate::formats::{Facts, kubernetes};
use crate::input::Problem;
use crate::tree::{Entry, Node, Scalar, Value};

/// The resources of the provider, and the objects that they are.
const KINDS: [(&str, &str, &str); 11] = [
    ("config_map", "v1", "ConfigMap"),
    ("deployment", "apps/v1", "Deployment"),
    ("stateful_set", "apps/v1", "StatefulSet"),
    ("daemonset", "apps/v1", "DaemonSet"),
    ("daemon_set", "apps/v1", "DaemonSet"),
    ("pod", "v1", "Pod"),
    ("service", "v1", "Service"),
    ("namespace", "v1", "Namespace"),
    ("ingress", "networking.k8s.io/v1", "Ingress"),
    ("pod_disruption_budget", "policy/v1", "PodDisruptionBudget"),
    ("horizontal_pod_autoscaler", "autoscaling/v2", "HorizontalPodAutoscaler"),
];

/// Blocks that are lists in a manifest, and what these are called.
const LISTS: [(&str, &str); 7] = [
    ("env_from", "envFrom"),
    ("container", "containers"),
    ("init_container", "initContainers"),
    ("env", "env"),
    ("port", "ports"),
    ("ports", "ports"),
    ("rule", "rules"),
];

/// Mappings whose keys are the user's.
const VERBATIM: [&str; 5] = ["data", "labels", "annotations", "match_labels", "node_selector"];

/// The nesting that is followed.
const MAX_DEPTH: usize = 32;

/// Adds a resource of the Kubernetes provider as the manifest that it stands for.
pub(super) fn object(path: &str, resource: &Resource<'_>, facts: &mut Facts) {
    let name = resource.kind.strip_prefix("kubernetes_").unwrap_or_default();
    if name == "manifest" {
        match resource.body.get("manifest") {
            Some(manifest) if kubernetes::is_object(manifest) => kubernetes::add(manifest, facts),
            Some(manifest) if manifest.tag.is_some() => facts.problems.push(Problem {
                place: Some(manifest.place),
                ..Problem::note(
                    path,
                    format!("manifest of {} is not in the file: {}", resource.id(), quoted(manifest)),
                )
            }),
            _ => {}
        }
        return;
    }
    let name =
        ["_v1", "_v2", "_v2beta2"].iter().find_map(|version| name.strip_suffix(version)).unwrap_or(name);
    let Some((_, version, kind)) = KINDS.iter().find(|(known, _, _)| *known == name) else { return };
    let verbatim: &[&str] = if *kind == "Service" { &["selector"] } else { &[] };
    let mut object = camel(resource.body, verbatim);
    put(&mut object, "apiVersion", Node::text_at(*version, resource.place));
    put(&mut object, "kind", Node::text_at(*kind, resource.place));
    name_by_label(&mut object, resource);
    spelled(facts, |facts| kubernetes::add(&object, facts));
}

/// Names an object whose name is computed by its label.
fn name_by_label(object: &mut Node, resource: &Resource<'_>) {
    let name = block(resource.body, "metadata").and_then(|metadata| metadata.text_of("name"));
    let Value::Map(entries) = &mut object.value else { return };
    if let (None, Some(metadata)) = (name, entries.iter_mut().find(|entry| entry.key == "metadata")) {
        put(&mut metadata.node, "name", Node::text_at(resource.name, resource.place));
    }
}

/// Returns a body with the keys of a manifest: `image_pull_policy` is `imagePullPolicy`, and blocks that may repeat are lists.
pub(super) fn camel(node: &Node, verbatim: &[&str]) -> Node {
    converted(node, verbatim, 0)
}

fn converted(node: &Node, verbatim: &[&str], depth: usize) -> Node {
    if depth > MAX_DEPTH {
        return node.clone();
    }
    let inner = |node: &Node| converted(node, verbatim, depth.saturating_add(1));
    let value = match &node.value {
        // The provider takes a number in quotes for a number.
        Value::Scalar(scalar) => Value::Scalar(match node.integer() {
            Some(number) if !scalar.is_plain => Scalar { text: number.to_string(), is_plain: true },
            _ => scalar.clone(),
        }),
        Value::List(items) => Value::List(items.iter().map(inner).collect()),
        Value::Map(entries) => {
            let mut result: Vec<Entry> = Vec::with_capacity(entries.len());
            for entry in entries {
                if VERBATIM.contains(&entry.key.as_str()) || verbatim.contains(&entry.key.as_str()) {
                    result.push(Entry { key: camel_case(&entry.key), ..entry.clone() });
                    continue;
                }
                let plural = LISTS.iter().find(|(single, _)| *single == entry.key).map(|(_, plural)| *plural);
                // `path` of a rule is a block, and that of a probe is text.
                let plural =
                    plural.or_else(|| (entry.key == "path" && is_map(&entry.node)).then_some("paths"));
                match plural {
                    Some(plural) => append(&mut result, entry, plural, inner(&entry.node)),
                    None => result.push(Entry {
                        key: camel_case(&entry.key),
                        key_place: entry.key_place,
                        node: single(inner(&entry.node)),
                    }),
                }
            }
            Value::Map(result)
        }
    };
    Node { value, place: node.place, tag: node.tag.clone() }
}

fn is_map(node: &Node) -> bool {
    matches!(&node.value, Value::Map(_)) || node.items().iter().any(|item| !item.entries().is_empty())
}

/// Returns the block of a list of one, as a plan has each block.
fn single(node: Node) -> Node {
    match node.value {
        Value::List(mut items) if items.len() == 1 && items.iter().all(|item| !item.entries().is_empty()) => {
            items.remove(0)
        }
        value => Node { value, ..node },
    }
}

/// Adds a block to the list of its kind.
fn append(entries: &mut Vec<Entry>, entry: &Entry, key: &str, node: Node) {
    let place = node.place;
    let mut added = match node.value {
        Value::List(items) => items,
        _ => vec![node],
    };
    match entries.iter_mut().find(|present| present.key == key).map(|present| &mut present.node.value) {
        Some(Value::List(items)) => items.append(&mut added),
        _ => entries.push(Entry {
            key: key.to_owned(),
            key_place: entry.key_place,
            node: Node { value: Value::List(added), place, tag: None },
        }),
    }
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        text + &letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>())
    })
}
