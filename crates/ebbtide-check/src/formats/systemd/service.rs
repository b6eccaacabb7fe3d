use std::time::Duration;

use super::quadlet;
use super::time::span;
use crate::formats::times::{Unreadable, note_text};
use crate::input::Place;
use crate::knowledge::split_words;
use crate::model::{
    Command, Container, Declared, Drain, Platform, Role, Slot, SlotPlace, UNBOUNDED, Unit, Variable, Word,
    Workload, seconds,
};
use crate::tree::Node;

/// A key that declares how long the program drains. systemd ignores keys that begin with `X-`.
const DRAIN: &str = "X-EbbtideDrain";

/// The time until SIGKILL, and the key that sets it together with the time for the start.
const STOP: &str = "TimeoutStopSec";
const BOTH: &str = "TimeoutSec";

/// Reads a service from its merged files.
pub(super) fn service(name: &str, root: &Node, is_whole: bool) -> Option<Workload> {
    let section = root.get("Service")?;
    let start = last(section, "ExecStart");
    let place = root.entry("Service").map_or(root.place, |entry| entry.key_place);
    let mut workload = Workload::new(Platform::Systemd, "unit", name, place, grace(section, place, is_whole));
    workload.grace_slot = match limit(section) {
        Some((STOP, _)) => None,
        Some((_, both)) => Some(both.place),
        None => is_whole.then_some(place),
    }
    .map(|place| Slot { key: STOP, at: SlotPlace::LineAfter(place) });
    workload.is_oneshot = last(section, "Type").and_then(Node::text) == Some("oneshot");
    workload.drain = last(section, DRAIN).and_then(|node| {
        Some(Drain {
            time: finite(node.text()?)?,
            from: DRAIN.to_owned(),
            place: Some(node.place),
            is_declared: true,
        })
    });
    let mut container = Container::new(name, Role::Main, place);
    container.entrypoint = start.and_then(started);
    container.variables = section.list("Environment").iter().flat_map(variables).collect();
    container.env_files = env_files(section);
    container.unset_variables = section.list("UnsetEnvironment").iter().flat_map(unset).collect();
    workload.containers.push(container);
    let text = |key: &str| last(section, key).map(declared);
    workload.unit = Some(Unit {
        remains: last(section, "RemainAfterExit").and_then(Node::boolean) == Some(true),
        kill_mode: text("KillMode"),
        kill_signal: text("KillSignal"),
        final_kill_signal: text("FinalKillSignal"),
        without_sigkill: last(section, "SendSIGKILL")
            .filter(|node| node.boolean() == Some(false))
            .map(|node| node.place),
        exec_stop: section.list("ExecStop").iter().filter_map(command).collect(),
        is_notify: last(section, "Type").and_then(Node::text).is_some_and(|kind| kind.starts_with("notify")),
        restart: text("Restart"),
        success_exit_status: last(section, "SuccessExitStatus")
            .and_then(Node::text)
            .map(|text| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
    });
    Some(workload)
}

/// Returns the assignment that sets the limit: the last one of `TimeoutStopSec` and of `TimeoutSec`, which sets it too.
fn limit(section: &Node) -> Option<(&str, &Node)> {
    section.entries().iter().rev().find_map(|entry| {
        let node = entry.node.items().last().filter(|_| matches!(&*entry.key, STOP | BOTH))?;
        Some((&*entry.key, node))
    })
}

/// Reads the limit of the stop. Zero and `infinity` are none.
pub(super) fn grace(section: &Node, place: Place, is_whole: bool) -> Declared<Duration> {
    let Some((_, node)) = limit(section) else {
        return if is_whole { Declared::Default(seconds(90)) } else { Declared::Unresolved(place) };
    };
    match node.text().and_then(span) {
        Some(time) if time.is_zero() => Declared::Written(UNBOUNDED, node.place),
        Some(time) => Declared::Written(time, node.place),
        None => Declared::Unresolved(node.place),
    }
}

/// Notes the times of a unit or a drop-in that systemd, or this check, cannot read. systemd then takes its default.
pub(crate) fn note_unreadable(root: &Node, unreadable: &mut Unreadable) {
    quadlet::note_unreadable(root, unreadable);
    let Some(section) = root.get("Service") else { return };
    let limit = "a time span, such as 90, 30s, 1min 30s or infinity";
    let drain = "a time span, such as 90, 30s or 1min 30s";
    let keys: [(&str, Read, &str); 3] = [(STOP, span, limit), (BOTH, span, limit), (DRAIN, finite, drain)];
    for (key, read, expected) in keys {
        for node in section.list(key) {
            let text = node.text().unwrap_or_default();
            note_text(key, (text, node.place), read(text).is_some(), expected, unreadable);
        }
    }
}

type Read = fn(&str) -> Option<Duration>;

/// Reads a time span that ends: a drain without an end is none that a grace period could be compared with.
fn finite(text: &str) -> Option<Duration> {
    span(text).filter(|time| *time != UNBOUNDED)
}

pub(super) fn last<'n>(section: &'n Node, key: &str) -> Option<&'n Node> {
    section.list(key).last()
}

pub(super) fn declared(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !text.contains('%') => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    }
}

/// Reads the command line of the program. With the sign `:` before it, systemd replaces no variables.
fn started(node: &Node) -> Option<Command> {
    let mut command = command(node)?;
    let text = node.text()?;
    let signs = text.len().saturating_sub(text.trim_start_matches(SIGNS).len());
    if text.get(..signs)?.contains(':') {
        command.words.iter_mut().skip(1).for_each(|word| word.text = word.text.replace('$', "$$"));
    }
    Some(command)
}

/// The signs before a program that change how it runs.
const SIGNS: [char; 6] = ['@', '-', ':', '+', '!', '|'];

/// Reads a command line, without the signs before the program that change how it runs.
pub(super) fn command(node: &Node) -> Option<Command> {
    split(node.text()?.trim_start_matches(SIGNS), node.place)
}

/// Reads the words of a command line as they are: those of Podman begin with no such signs.
pub(super) fn words(node: &Node) -> Option<Command> {
    split(node.text()?, node.place)
}

fn split(text: &str, place: Place) -> Option<Command> {
    let words: Vec<Word> = split_words(text).into_iter().map(|text| Word { text, place }).collect();
    (!words.is_empty()).then_some(Command { words, is_shell_form: false, place })
}

/// Returns the files of variables that a section names.
pub(super) fn env_files(section: &Node) -> Vec<Word> {
    let path = |node: &Node| Some(Word { text: node.text()?.to_owned(), place: node.place });
    section.list("EnvironmentFile").iter().filter_map(path).collect()
}

fn unset(node: &Node) -> impl Iterator<Item = Word> {
    let words = split_words(node.text().unwrap_or_default()).into_iter();
    words.map(|text| Word { text, place: node.place })
}

/// Removes the variables that `UnsetEnvironment=` names, also those of files: systemd does it at last.
pub(crate) fn unset_variables(workloads: &mut [Workload]) {
    for container in workloads.iter_mut().flat_map(|workload| &mut workload.containers) {
        let unset = std::mem::take(&mut container.unset_variables);
        container.variables.retain(|variable| {
            unset.iter().all(|word| match word.text.split_once('=') {
                Some((name, value)) => name != variable.name || Some(value) != variable.value.as_deref(),
                None => word.text != variable.name,
            })
        });
    }
}

pub(super) fn variables(node: &Node) -> Vec<Variable> {
    let words = split_words(node.text().unwrap_or_default()).into_iter();
    words
        .filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some(Variable { name: name.to_owned(), value: Some(value.to_owned()), place: node.place })
        })
        .collect()
}
