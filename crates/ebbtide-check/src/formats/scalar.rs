use std::time::Duration;

use crate::model::{Declared, seconds};
use crate::tree::Node;

/// Reads a whole number that is not negative.
pub(crate) fn count(node: Option<&Node>, default: u32) -> Declared<u32> {
    match node {
        None => Declared::Default(default),
        Some(node) => match node.integer().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Declared::Written(number, node.place),
            None => Declared::Unresolved(node.place),
        },
    }
}

/// Reads a number of seconds.
pub(crate) fn duration(node: Option<&Node>, default: Duration) -> Declared<Duration> {
    match node {
        None => Declared::Default(default),
        Some(node) => match node.integer().and_then(|number| u64::try_from(number).ok()) {
            Some(number) => Declared::Written(seconds(number), node.place),
            None => Declared::Unresolved(node.place),
        },
    }
}
