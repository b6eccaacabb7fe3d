//! `Fn::If` of CloudFormation: which of two values holds is only known at the deploy.

use crate::input::Place;
use crate::tree::{Entry, Node, Value};

/// Replaces each `!If [CONDITION, A, B]` by what holds whichever it is: the value, if both are the same; of two mappings the settings that both
/// have, the others being unknown. `choices` has the places of those that are replaced: an edit would change one of two.
pub(super) fn resolve(node: &mut Node, choices: &mut Vec<Place>) {
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter_mut().for_each(|item| resolve(item, choices)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| resolve(&mut entry.node, choices)),
    }
    let Some([first, second]) = branches(node) else { return };
    let common = match (&first.value, &second.value) {
        _ if is_same(first, second) => Some(first.clone()),
        (Value::Map(_), Value::Map(_)) if !is_function(first) && !is_function(second) => {
            Some(common(first, second, node.place))
        }
        _ => None,
    };
    if let Some(common) = common {
        choices.push(node.place);
        *node = common;
    }
}

/// Makes a setting that may be missing of one that is `!If […]` with a mapping in one branch: its values are unknown.
pub(super) fn settings(node: &Node) -> Option<Node> {
    let [first, second] = branches(node)?;
    let nothing = Node { value: Value::Map(Vec::new()), place: node.place, tag: None };
    let or_nothing = |node: &Node| if is_function(node) { nothing.clone() } else { node.clone() };
    Some(common(&or_nothing(first), &or_nothing(second), node.place))
}

/// Returns the values that a condition chooses from.
pub(super) fn branches(node: &Node) -> Option<&[Node; 2]> {
    let arguments = match (&node.value, node.tag.as_deref(), node.entries()) {
        (Value::List(items), Some("If"), _) => items,
        (_, None, [entry]) if entry.key == "Fn::If" => match &entry.node.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => return None,
        },
        _ => return None,
    };
    arguments.get(1..)?.first_chunk().filter(|_| arguments.len() == 3)
}

/// Returns whether a value is a function, such as `!Ref X`.
fn is_function(node: &Node) -> bool {
    super::fields::is_computed(node)
}

fn common(first: &Node, second: &Node, place: Place) -> Node {
    let (one, other) = (first.entries(), second.entries());
    let only = other.iter().filter(|entry| first.entry(&entry.key).is_none());
    let entries = one.iter().chain(only).map(|entry| {
        let both = first.entry(&entry.key).zip(second.entry(&entry.key));
        if both.is_some_and(|(one, other)| is_same(&one.node, &other.node)) {
            return entry.clone();
        }
        let node = Node { tag: Some("If".into()), ..Node::text_at("", entry.node.place) };
        Entry { node, ..entry.clone() }
    });
    Node { value: Value::Map(entries.collect()), place, tag: None }
}

/// Returns whether two values are the same wherever they are written.
fn is_same(first: &Node, second: &Node) -> bool {
    first.tag == second.tag
        && match (&first.value, &second.value) {
            (Value::Scalar(one), Value::Scalar(other)) => one.text == other.text,
            (Value::List(one), Value::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
            }
            (Value::Map(one), Value::Map(other)) => {
                let has = |entry: &Entry| {
                    second.entry(&entry.key).is_some_and(|found| is_same(&entry.node, &found.node))
                };
                one.len() == other.len() && one.iter().all(has)
            }
            _ => false,
        }
}
