use std::ops::Range;

use super::expand::expand;
use super::links::Links;
use super::merge::MergedUnit;
use super::service::{declared, env_files, grace, last, variables, words};
use super::time::span;
use crate::formats::scalar::{DRAIN, LAME_DUCK, declared_drain};
use crate::formats::times::{Form, Unreadable, note_value};
use crate::input::Place;
use crate::knowledge::{split_words, split_words_at};
use crate::model::{
    Annotation, Command, Container, Declared, Drain, Init, Platform, Quadlet, Role, Slot, SlotPlace, Word,
    Workload, go_duration, seconds,
};
use crate::tree::{Node, parse_json_inside};

/// The section that Podman's generator turns into a service.
pub(super) const SECTION: &str = "Container";

/// The key of a unit that declares the drain time.
const OWN: &str = "X-EbbtideDrain";

/// The key that sets how long Podman waits for the container.
const STOP: &str = "StopTimeout";

/// The same among the options of `podman run`.
const STOP_OPTION: &str = "--stop-timeout";

/// Notes the stop timeouts of a container that are no whole numbers of seconds.
pub(super) fn note_unreadable(root: &Node, unreadable: &mut Unreadable) {
    let Some(section) = root.get(SECTION) else { return };
    for node in section.list(STOP) {
        note_value(STOP, node, Form::Seconds, unreadable);
    }
    if let Some(node) = Args::read(section).value(STOP_OPTION) {
        note_value(STOP_OPTION, &node, Form::Seconds, unreadable);
    }
}

/// Reads a container unit.
pub(super) fn container(unit: &MergedUnit, links: &Links<'_>) -> Option<Workload> {
    let MergedUnit { root, is_whole, .. } = unit;
    let (name, is_whole) = (unit.name(), *is_whole);
    let section = root.get(SECTION)?;
    let place = root.entry(SECTION).map_or(root.place, |entry| entry.key_place);
    let args = Args::read(section);
    let option = args.value(STOP_OPTION);
    let grace_period = match option.as_ref().or_else(|| last(section, STOP)) {
        Some(node) => Form::Seconds.written(node),
        None if is_whole => Declared::Default(seconds(10)),
        None => Declared::Unresolved(place),
    };
    let mut workload = Workload::new(Platform::Quadlet, "container", name, place, grace_period);
    let has_slot = is_whole && workload.grace.is_default();
    workload.grace_slot = has_slot.then_some(Slot { key: STOP, at: SlotPlace::LineAfter(place) });
    let service = root.get("Service");
    let of_service = |key: &str| service.and_then(|service| last(service, key));
    workload.is_oneshot = of_service("Type").and_then(Node::text) == Some("oneshot");
    workload.runs_always = runs_always(root);
    workload.annotations = section.list("Label").iter().flat_map(labels).collect();
    let label = |key: &str| workload.annotations.iter().find(|label| label.key == key);
    let own = own_drain(root);
    let drain = label(DRAIN).and_then(|label| declared_drain("label", &label.value, label.place)).or(own);
    let lame_duck =
        label(LAME_DUCK).and_then(|label| Some(Declared::Written(go_duration(&label.value)?, label.place)));
    (workload.drain, workload.lame_duck) = (drain, lame_duck);
    let unit_timeout = service.map_or_else(
        || if is_whole { Declared::Default(seconds(90)) } else { Declared::Unresolved(place) },
        |service| grace(service, place, is_whole),
    );
    workload.quadlet = Some(Quadlet { unit_timeout, place, played: None });
    let mut container = inner(name, section, place, &args);
    if let Some((service, exec)) = service.zip(container.arguments.as_mut())
        && env_files(service).is_empty()
    {
        // The generator leaves the variables to systemd, which knows none of the container's own.
        let of_service: Vec<_> = service.list("Environment").iter().flat_map(variables).collect();
        expand(exec, &of_service);
    }
    if let Some(image) = last(section, "Image") {
        let (image, build) = links.image(&unit.path, image);
        (container.image, container.build) = (Some(image), build);
    }
    workload.containers.push(container);
    Some(workload)
}

/// Returns the drain time that a unit declares for what it runs.
pub(super) fn own_drain(root: &Node) -> Option<Drain> {
    let node = last(root.get("Service")?, OWN)?;
    let (time, from) = (span(node.text()?)?, OWN.to_owned());
    Some(Drain { time, from, place: Some(node.place), is_declared: true })
}

/// Returns whether a unit is meant to run for long.
pub(super) fn runs_always(root: &Node) -> bool {
    let restart = root.get("Service").and_then(|service| last(service, "Restart")).and_then(Node::text);
    restart.is_some_and(|policy| policy != "no") || root.get("Install").is_some()
}

fn inner(name: &str, section: &Node, place: Place, args: &Args) -> Container {
    let mut container = Container::new(name, Role::Main, place);
    container.entrypoint = last(section, "Entrypoint").and_then(entrypoint);
    container.arguments = last(section, "Exec").and_then(words);
    container.variables = section.list("Environment").iter().flat_map(variables).collect();
    container.env_files = env_files(section);
    container.folder = last(section, "WorkingDir").and_then(Node::text).map(str::to_owned);
    container.has_ports = !section.list("PublishPort").is_empty();
    let in_memory = section.list("Tmpfs").iter().filter_map(|node| node.text()?.split(':').next());
    container.in_memory = in_memory.map(str::to_owned).collect();
    let signal = args.value("--stop-signal").map(|node| declared(&node));
    container.stop_signal = signal.or_else(|| last(section, "StopSignal").map(declared));
    let has_init = last(section, "RunInit").and_then(Node::boolean).unwrap_or(false) || args.has("--init");
    // Podman's init is catatonit.
    container.init = has_init.then_some(Init { signals_group: true });
    container
}

/// The options that are passed to `podman run` as they are, after those of the keys.
struct Args(Vec<Arg>);

struct Arg {
    word: Word,
    /// The word as it is written, with its quotes.
    written: String,
}

impl Args {
    fn read(section: &Node) -> Self {
        let words = section.list("PodmanArgs").iter().flat_map(|node| {
            let line = node.text().unwrap_or_default();
            split_words_at(line).into_iter().map(move |(text, range)| {
                let written = line.get(range.clone()).unwrap_or_default().to_owned();
                Arg { word: Word { text, place: part(node, range) }, written }
            })
        });
        Self(words.collect())
    }

    /// Returns whether an option without a value is set.
    fn has(&self, option: &str) -> bool {
        self.0
            .iter()
            .any(|arg| arg.word.text.strip_prefix(option).is_some_and(|rest| matches!(rest, "" | "=true")))
    }

    /// Returns the last value of an option, `--option=value` or `--option value`.
    fn value(&self, option: &str) -> Option<Node> {
        let mut found = None;
        let mut args = self.0.iter();
        while let Some(arg) = args.next() {
            match arg.word.text.strip_prefix(option) {
                Some("") => {
                    found = args.next().map(|value| Node::text_at(&*value.word.text, value.word.place));
                }
                Some(rest) => {
                    let value = rest.strip_prefix('=').map(|value| Node::text_at(value, arg.part(value)));
                    found = value.or(found);
                }
                None => {}
            }
        }
        found
    }
}

impl Arg {
    /// Returns the place of the value at the end alone, which an edit replaces. That of the whole word, if the value is not written as it is.
    fn part(&self, value: &str) -> Place {
        let Place { source, .. } = self.word.place;
        let (start, end) = (self.word.place.start(), self.word.place.end());
        let written = Some(&*self.written).filter(|written| written.len() == end.saturating_sub(start));
        let unquoted = written.map(|written| written.trim_end_matches(['"', '\'']));
        match written.into_iter().chain(unquoted).find_map(|text| text.strip_suffix(value)) {
            Some(before) => {
                let start = start.saturating_add(before.len());
                Place::new(source, start, start.saturating_add(value.len()))
            }
            None => self.word.place,
        }
    }
}

/// Returns the place of a part of a value. Where the value has several lines, its text is not what is written, and the place is that of the whole.
fn part(node: &Node, range: Range<usize>) -> Place {
    let Place { source, .. } = node.place;
    let (start, end) = (node.place.start(), node.place.end());
    let length = node.text().map_or(0, str::len);
    if end.saturating_sub(start) != length {
        return node.place;
    }
    Place::new(source, start.saturating_add(range.start), start.saturating_add(range.end))
}

/// Reads a program, or the words of a command as JSON.
fn entrypoint(node: &Node) -> Option<Command> {
    let (text, place) = (node.text()?, node.place);
    if !text.starts_with('[') {
        return Some(Command {
            words: vec![Word { text: text.to_owned(), place }],
            is_shell_form: false,
            place,
        });
    }
    let parsed = parse_json_inside(place, text).documents.pop()?;
    crate::formats::scalar::command(&parsed.root)
}

fn labels(node: &Node) -> Vec<Annotation> {
    let words = split_words(node.text().unwrap_or_default()).into_iter();
    words
        .filter_map(|word| {
            let (key, value) = word.split_once('=')?;
            Some(Annotation { key: key.to_owned(), value: value.to_owned(), place: node.place })
        })
        .collect()
}
