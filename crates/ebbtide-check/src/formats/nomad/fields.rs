use std::time::Duration;

use crate::formats::times::Form;
use crate::input::Place;
use crate::model::Declared;
use crate::tree::{Entry, Node};

/// A block with a label: its name, where that is, and its body.
#[derive(Clone, Copy)]
pub(super) struct Block<'n> {
    pub(super) name: &'n str,
    pub(super) place: Place,
    pub(super) body: &'n Node,
}

/// Returns the value under a key of HCL. The API has the same keys in capitals: `kill_timeout` is `KillTimeout`.
pub(super) fn field<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let value = node.get(key).or_else(|| node.get(&capitals(key)))?;
    // HCL's JSON may have a list of one for a block.
    Some(value.items().first().filter(|item| !item.entries().is_empty()).unwrap_or(value))
}

/// Returns the blocks of a type: those of HCL, with the name as their label, or the list that the API has under another key.
pub(super) fn blocks<'n>(node: &'n Node, kind: &str, list: &str) -> Vec<Block<'n>> {
    let labelled = |entry: &'n Entry| {
        let inner = std::slice::from_ref(&entry.node).iter().chain(entry.node.items());
        let labels = inner.flat_map(Node::entries).filter(|label| !label.node.entries().is_empty());
        labels.map(|label| Block { name: &label.key, place: label.key_place, body: &label.node })
    };
    let in_hcl = node.entries().iter().filter(|entry| entry.key == kind).flat_map(labelled);
    let in_api = node.list(list).iter().map(|body| {
        let name = body.get("Name").or_else(|| body.get("ID"));
        let text = name.and_then(Node::text).unwrap_or("(unnamed)");
        Block { name: text, place: name.map_or(body.place, |name| name.place), body }
    });
    in_hcl.chain(in_api).collect()
}

/// Returns the blocks of a type without labels.
pub(super) fn unlabelled<'n>(node: &'n Node, kind: &str, list: &str) -> Vec<&'n Node> {
    let in_hcl = node.entries().iter().filter(|entry| entry.key == kind).flat_map(|entry| {
        if entry.node.items().is_empty() { std::slice::from_ref(&entry.node) } else { entry.node.items() }
    });
    in_hcl.chain(node.list(list)).collect()
}

/// The times of a job and of a client.
pub(super) const TIMES: [(&str, Form); 7] = [
    ("kill_timeout", Form::NanosecondsOrUnits),
    ("KillTimeout", Form::NanosecondsOrUnits),
    ("shutdown_delay", Form::NanosecondsOrUnits),
    ("ShutdownDelay", Form::NanosecondsOrUnits),
    ("progress_deadline", Form::NanosecondsOrUnits),
    ("ProgressDeadline", Form::NanosecondsOrUnits),
    ("max_kill_timeout", Form::NanosecondsOrUnits),
];

/// Reads a duration: text with units, or a number of nanoseconds.
pub(super) fn duration(node: Option<&Node>, default: Duration) -> Declared<Duration> {
    Form::NanosecondsOrUnits.declared(node, default)
}

fn capitals(key: &str) -> String {
    let words = key.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect()
}
