use std::collections::BTreeMap;
use std::time::Duration;

use super::times::Form;
use crate::input::Place;
use crate::model::{Command, Declared, Drain, Slot, SlotPlace, Variable, Word, go_duration, is_variable};
use crate::tree::{Entry, Node};

/// The key of an annotation, a label or a field that declares how long the program drains.
pub(crate) const DRAIN: &str = "ebbtide.dev/drain";
/// The key that declares how long it keeps serving after the signal.
pub(crate) const LAME_DUCK: &str = "ebbtide.dev/lame-duck";

/// Reads the value of [`DRAIN`]; `kind` is what the format calls the entry.
pub(crate) fn declared_drain(kind: &str, value: &str, place: Place) -> Option<Drain> {
    let time = go_duration(value)?;
    Some(Drain { time, from: format!("{kind} {DRAIN}"), place: Some(place), is_declared: true })
}

/// Reads the variables of a mapping from names to values.
pub(crate) fn variables(map: Option<&Node>) -> Vec<Variable> {
    let variable = |entry: &Entry| Variable {
        name: entry.key.clone(),
        value: entry.node.text().map(str::to_owned),
        place: entry.node.place,
    };
    map.map_or(&[][..], Node::entries).iter().map(variable).collect()
}

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
    Form::Seconds.declared(node, default)
}

/// Returns where a key can be added to a mapping that does not have it. What a merge key brings is written elsewhere.
pub(crate) fn slot(map: &Node, key: &'static str) -> Option<Slot> {
    if map.entry(key).is_some() {
        return None;
    }
    let is_inside = |place: Place| {
        place.source == map.place.source
            && place.start() >= map.place.start()
            && place.end() <= map.place.end()
    };
    let mut entries = map.entries().iter().filter(|entry| is_inside(entry.key_place.to(entry.node.place)));
    let first = entries.next()?;
    Some(Slot {
        key,
        at: SlotPlace::Map {
            map: map.place,
            first_key: first.key_place,
            first_value: first.node.place,
            second_key: entries.next().map(|entry| entry.key_place),
        },
    })
}

/// Reads a text. A reference to a variable is not known before the deploy.
pub(crate) fn text(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !text.contains("${") && !text.contains("{{") => {
            Declared::Written(text.to_owned(), node.place)
        }
        _ => Declared::Unresolved(node.place),
    }
}

/// Reads build arguments: a mapping, or a list of `NAME=value`. One without a value is that of the machine which builds.
pub(crate) fn build_arguments(node: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let Some(node) = node else { return BTreeMap::new() };
    let known = |value: &str| (!is_variable(value)).then(|| value.to_owned());
    let entries = node.entries().iter().map(|entry| (entry.key.clone(), entry.node.text().and_then(known)));
    let items = node.items().iter().filter_map(|item| {
        let text = item.written()?;
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        Some((name.to_owned(), value.and_then(known)))
    });
    entries.chain(items).collect()
}

/// Reads a list of words that runs without a shell. What is only known at the deploy stays as it is written.
pub(crate) fn command(node: &Node) -> Option<Command> {
    let word = |item: &Node| Some(Word { text: item.written()?.to_owned(), place: item.place });
    let words: Vec<Word> = node.items().iter().filter_map(word).collect();
    (!words.is_empty()).then_some(Command { words, is_shell_form: false, place: node.place })
}
