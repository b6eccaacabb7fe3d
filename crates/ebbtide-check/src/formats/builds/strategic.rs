//! Strategic merge patches: `kubectl` and kustomize merge the lists of built-in kinds whose elements have a key.

use crate::tree::{Entry, Node, Value};

/// The lists of pods that are merged, each with the key of its elements. All others are replaced.
const MERGED: [(&str, &str); 9] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("env", "name"),
    ("volumes", "name"),
    ("imagePullSecrets", "name"),
    ("ports", "containerPort"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
];

/// Keys of the object itself, which say what is patched and stay as they are.
const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
const NAMES: [&str; 3] = ["name", "namespace", "generateName"];

/// Returns an object with a patch merged into it. `None`: the patch has a directive, or a value whose merge is not certain.
pub(super) fn merge(object: &Node, patch: &Node) -> Option<Node> {
    let mut patch = patch.clone();
    let Value::Map(entries) = &mut patch.value else { return None };
    entries.retain(|entry| !IDENTITY.contains(&&*entry.key));
    for metadata in entries.iter_mut().filter(|entry| entry.key == "metadata") {
        if let Value::Map(entries) = &mut metadata.node.value {
            entries.retain(|entry| !NAMES.contains(&&*entry.key));
        }
    }
    let mut merged = object.clone();
    merge_map(&mut merged, &patch)?;
    Some(merged)
}

fn merge_map(base: &mut Node, patch: &Node) -> Option<()> {
    let Value::Map(entries) = &mut base.value else { return None };
    for entry in patch.entries() {
        if entry.key.starts_with('$') || entry.node.tag.is_some() {
            return None;
        }
        let found = entries.iter().position(|present| present.key == entry.key);
        match found.and_then(|at| entries.get_mut(at)) {
            _ if entry.node.is_null() => entries.retain(|present| present.key != entry.key),
            Some(present) => merge_value(present, entry)?,
            None => entries.push(added(entry)?),
        }
    }
    Some(())
}

fn merge_value(present: &mut Entry, patch: &Entry) -> Option<()> {
    match (&mut present.node.value, &patch.node.value) {
        (Value::Map(_), Value::Map(_)) if present.node.tag.is_none() => {
            merge_map(&mut present.node, &patch.node)
        }
        (Value::List(items), Value::List(patches)) if present.node.tag.is_none() => {
            match MERGED.iter().find(|(list, _)| *list == patch.key) {
                Some((_, key)) => merge_list(items, patches, key),
                None => {
                    *present = added(patch)?;
                    Some(())
                }
            }
        }
        _ => {
            *present = added(patch)?;
            Some(())
        }
    }
}

/// Merges the elements that have the key of a present one, and puts the others before them.
fn merge_list(items: &mut Vec<Node>, patches: &[Node], key: &str) -> Option<()> {
    let mut new = Vec::new();
    for patch in patches {
        let own = patch.text_of(key).filter(|_| patch.tag.is_none())?;
        match items.iter_mut().find(|item| item.text_of(key) == Some(own)) {
            Some(item) => merge_map(item, patch)?,
            None => new.push(whole(patch)?),
        }
    }
    items.splice(..0, new);
    Some(())
}

/// Returns an entry that is added: what is null in it is not there.
fn added(entry: &Entry) -> Option<Entry> {
    Some(Entry { node: whole(&entry.node)?, ..entry.clone() })
}

fn whole(node: &Node) -> Option<Node> {
    let is_directive = |entry: &Entry| entry.key.starts_with('$');
    let value = match &node.value {
        _ if node.entries().iter().any(is_directive) => return None,
        Value::Map(entries) => {
            let present = entries.iter().filter(|entry| !entry.node.is_null());
            Value::Map(present.map(added).collect::<Option<_>>()?)
        }
        Value::List(items) => Value::List(items.iter().map(whole).collect::<Option<_>>()?),
        Value::Scalar(_) => node.value.clone(),
    };
    Some(Node { value, ..node.clone() })
}
