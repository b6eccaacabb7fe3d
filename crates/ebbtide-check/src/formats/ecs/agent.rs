use std::time::Duration;

use crate::input::Place;
use crate::model::{go_duration, seconds};
use crate::tree::{Node, Value};

/// The setting of the agent that is the stop timeout of containers without one.
const SETTING: &str = "ECS_CONTAINER_STOP_TIMEOUT=";

/// The nesting in which the script of a machine is: `LaunchTemplateData`, `UserData`, `Fn::Base64`, `Fn::Sub`.
const MAX_DEPTH: usize = 6;

/// Returns the stop timeout that the user data of a launch template or configuration sets.
pub(super) fn timeout(properties: &Node) -> Option<(Duration, Place)> {
    let data = properties.get("UserData").or_else(|| properties.at(&["LaunchTemplateData", "UserData"]))?;
    in_scripts(data, 0)
}

fn in_scripts(node: &Node, depth: usize) -> Option<(Duration, Place)> {
    if depth > MAX_DEPTH {
        return None;
    }
    let inner = depth.saturating_add(1);
    match &node.value {
        // The text of `!Sub` is read too: the setting itself has no variable.
        Value::Scalar(scalar) => Some((setting(&scalar.text)?, node.place)),
        Value::List(items) => items.iter().find_map(|item| in_scripts(item, inner)),
        Value::Map(entries) => entries.iter().find_map(|entry| in_scripts(&entry.node, inner)),
    }
}

fn setting(script: &str) -> Option<Duration> {
    let (_, rest) = script.split_once(SETTING)?;
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let value = rest.get(..end)?;
    go_duration(value).or_else(|| value.parse().ok().map(seconds))
}
