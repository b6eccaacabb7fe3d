use std::time::Duration;

use super::conditions;
use crate::formats::times::{UNITS, Unreadable, complaint};
use crate::input::{Place, Sources};
use crate::model::{go_duration, seconds};
use crate::tree::{Node, Value};

/// The setting of the agent that is the stop timeout of containers without one.
const SETTING: &str = "ECS_CONTAINER_STOP_TIMEOUT=";

/// The nesting in which the script of a machine is: `LaunchTemplateData`, `UserData`, `Fn::Base64`, `Fn::Sub`.
const MAX_DEPTH: usize = 6;

/// Returns the stop timeout that the user data of a launch template or configuration sets.
pub(super) fn timeout(properties: &Node) -> Option<(Duration, Place)> {
    in_scripts(data(properties)?, 0)
}

fn in_scripts(node: &Node, depth: usize) -> Option<(Duration, Place)> {
    if depth > MAX_DEPTH {
        return None;
    }
    let inner = depth.saturating_add(1);
    if let Some([first, second]) = conditions::branches(node) {
        let (one, other) = (in_scripts(first, inner)?, in_scripts(second, inner)?);
        return (one.0 == other.0).then_some(one);
    }
    match &node.value {
        // The text of `!Sub` is read too: the setting itself has no variable.
        Value::Scalar(scalar) => Some((setting(&scalar.text)?, node.place)),
        Value::List(items) => items.iter().find_map(|item| in_scripts(item, inner)),
        Value::Map(entries) => entries.iter().find_map(|entry| in_scripts(&entry.node, inner)),
    }
}

/// Returns the place of the setting in the script that it was read from. It is that of the script where the text has the script in another form.
pub(super) fn narrow(script: Place, sources: &Sources) -> Place {
    let found = || {
        let text = sources.get(script.source)?.text().get(script.start()..script.end())?;
        let start = script.start().saturating_add(text.find(SETTING)?);
        let end = start.saturating_add(SETTING.len()).saturating_add(value(text)?.len());
        Some(Place::new(script.source, start, end))
    };
    found().unwrap_or(script)
}

/// Notes the setting if its value is no time. The agent then takes its default.
pub(super) fn note_unreadable(properties: &Node, unreadable: &mut Unreadable) {
    let Some(data) = data(properties) else { return };
    note_in_scripts(data, 0, unreadable);
}

fn note_in_scripts(node: &Node, depth: usize, unreadable: &mut Unreadable) {
    if depth > MAX_DEPTH {
        return;
    }
    let inner = depth.saturating_add(1);
    match &node.value {
        Value::Scalar(scalar) => {
            if let Some(value) =
                value(&scalar.text).filter(|value| time(value).is_none() && !value.is_empty())
            {
                let key = SETTING.trim_end_matches('=');
                unreadable.insert(node.place, complaint(value, key, UNITS));
            }
        }
        Value::List(items) => items.iter().for_each(|item| note_in_scripts(item, inner, unreadable)),
        Value::Map(entries) => {
            entries.iter().for_each(|entry| note_in_scripts(&entry.node, inner, unreadable));
        }
    }
}

fn data(properties: &Node) -> Option<&Node> {
    properties.get("UserData").or_else(|| properties.at(&["LaunchTemplateData", "UserData"]))
}

fn setting(script: &str) -> Option<Duration> {
    time(value(script)?)
}

/// Returns the value of the setting; an empty one if it is a variable.
fn value(script: &str) -> Option<&str> {
    let (_, rest) = script.split_once(SETTING)?;
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || "-._".contains(letter)))
        .unwrap_or(rest.len());
    rest.get(..end)
}

fn time(value: &str) -> Option<Duration> {
    go_duration(value).or_else(|| value.parse().ok().map(seconds))
}
