use std::time::Duration;

use crate::input::Place;
use crate::model::{Declared, seconds};
use crate::tree::Node;

/// Reads a whole number that is not negative.
pub(super) fn count(node: Option<&Node>, default: u32) -> Declared<u32> {
    match node {
        None => Declared::Default(default),
        Some(node) => match node.integer().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Declared::Written(number, node.place),
            None => Declared::Unresolved(node.place),
        },
    }
}

/// Reads a number of seconds.
pub(super) fn duration(node: Option<&Node>, default: Duration) -> Declared<Duration> {
    match node {
        None => Declared::Default(default),
        Some(node) => match node.integer().and_then(|number| u64::try_from(number).ok()) {
            Some(number) => Declared::Written(seconds(number), node.place),
            None => Declared::Unresolved(node.place),
        },
    }
}

/// Reads a text.
pub(super) fn text(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !is_variable(text) => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    }
}

/// Returns whether a text is replaced before the deploy.
pub(super) fn is_variable(text: &str) -> bool {
    text.contains("${") || text.contains("{{") || text.contains("$(")
}

/// Returns the place of an object's name, else that of the object.
pub(super) fn name_place(object: &Node) -> Place {
    object.at(&["metadata", "name"]).map_or(object.place, |node| node.place)
}
