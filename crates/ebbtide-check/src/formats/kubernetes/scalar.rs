use std::time::Duration;

use crate::formats::times::Form;
use crate::input::Place;
use crate::model::{Declared, is_variable};
use crate::tree::Node;

/// Reads a text.
pub(super) fn text(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !is_variable(text) => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    }
}

/// Returns the place of an object's name, else that of the object.
pub(super) fn name_place(object: &Node) -> Place {
    object.at(&["metadata", "name"]).map_or(object.place, |node| node.place)
}

/// Reads a whole number that is not negative.
pub(super) fn count(node: Option<&Node>, default: u32) -> Declared<u32> {
    let Some(node) = node else { return Declared::Default(default) };
    match Form::Number.read(node).and_then(|number| u32::try_from(number.as_secs()).ok()) {
        Some(number) => Declared::Written(number, node.place),
        None => Declared::Unresolved(node.place),
    }
}

/// Reads a number of seconds.
pub(super) fn duration(node: Option<&Node>, default: Duration) -> Declared<Duration> {
    Form::Number.declared(node, default)
}
