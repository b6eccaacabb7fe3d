use std::time::Duration;

use crate::formats::Facts;
use crate::formats::scalar::{build_arguments, command, text, variables};
use crate::formats::times::{self, Form};
use crate::input::Place;
use crate::knowledge::split_words;
use crate::model::{Build, Command, Container, Declared, Platform, Role, Word, Workload, seconds};
use crate::tree::Node;

/// Keys of which the configuration of an application has one beside its name, unless the file has the name of one.
const KEYS: [&str; 10] = [
    "build",
    "vm",
    "primary_region",
    "http_service",
    "services",
    "kill_timeout",
    "kill_signal",
    "processes",
    "deploy",
    "mounts",
];

/// The time of an application.
const TIME: (&str, Form) = ("kill_timeout", Form::SecondsOrUnits);

/// Returns whether a document is the configuration of an application of Fly.
pub(crate) fn is_fly(name: &str, root: &Node) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let is_named = file.starts_with("fly.") && file.ends_with(".toml");
    root.text_of("app").is_some() && (is_named || KEYS.iter().any(|key| root.get(key).is_some()))
}

/// Adds the process groups of an application, each of which runs in machines of its own.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    let Some(app) = root.entry("app") else { return };
    times::note(root, &[TIME], &mut facts.unreadable);
    let name = app.node.text().unwrap_or_default();
    let variables = variables(root.get("env"));
    let processes = root.get("processes").map_or(&[][..], Node::entries);
    let mut add = |group: Option<&str>, place, run: Option<Command>| {
        let mut workload =
            Workload::new(Platform::Fly, "application", group.unwrap_or(name), place, grace(root));
        workload.block = group.map(|_| place);
        workload.longest_grace = Some(longest_grace(root, group));
        workload.namespace = group.map(|_| name.to_owned());
        let mut container = Container::new(group.unwrap_or(name), Role::Main, place);
        container.image = root.at(&["build", "image"]).map(text);
        container.build = build(root, app.node.place);
        let set = |key: &str| root.at(&["experimental", key]).and_then(command);
        // `exec` replaces the entry point with the arguments of each process.
        (container.entrypoint, container.arguments) = match set("exec") {
            Some(exec) => (Some(exec), None),
            None => (set("entrypoint"), run.or_else(|| set("cmd"))),
        };
        container.variables.clone_from(&variables);
        container.has_ports = group.is_none_or(|group| group == "app");
        container.stop_signal = root.get("kill_signal").map(text);
        container.default_signal = Some("SIGINT");
        workload.containers.push(container);
        facts.workloads.push(workload);
    };
    if processes.is_empty() {
        add(None, app.node.place, None);
    }
    for process in processes {
        let place = process.node.place;
        let words = split_words(process.node.text().unwrap_or_default()).into_iter();
        let words: Vec<Word> = words.map(|text| Word { text, place }).collect();
        let run = (!words.is_empty()).then_some(Command { words, is_shell_form: false, place });
        add(Some(&process.key), process.key_place, run);
    }
}

/// Where the image is built: by the Dockerfile beside the file, unless it is a ready one or a buildpack's.
fn build(root: &Node, place: Place) -> Option<Build> {
    let section = root.get("build");
    let is_other = |key: &str| section.and_then(|section| section.get(key)).is_some();
    if ["image", "builder", "buildpacks", "builtin"].into_iter().any(is_other) {
        return None;
    }
    let written = section.and_then(|section| section.get("dockerfile"));
    let file = written.and_then(Node::text).unwrap_or("Dockerfile").to_owned();
    let target = section.and_then(|section| section.get("build-target")).map(text);
    let arguments = build_arguments(section.and_then(|section| section.get("args")));
    Some(Build { context: ".".to_owned(), file, target, arguments, place })
}

/// Returns the longest kill timeout of the machines of a process group: 300 s on shared ones, and a day on those with processors of their own. A file
/// without a size does not say which they are.
fn longest_grace(root: &Node, group: Option<&str>) -> Declared<Duration> {
    let unknown = Declared::Unresolved(root.place);
    let group = group.unwrap_or("app");
    let is_of_group = |machine: &&Node| {
        let named = machine.get("processes").map(|node| node.items().iter().filter_map(Node::text).collect());
        named.is_none_or(|named: Vec<&str>| named.is_empty() || named.contains(&group))
    };
    let mut machines = root.list("vm").iter().filter(is_of_group);
    let (Some(machine), None) = (machines.next(), machines.next()) else { return unknown };
    let kind = ["cpu_kind", "size"].iter().find_map(|key| machine.get(key));
    let Some((kind, place)) = kind.and_then(|kind| Some((kind.text()?, kind.place))) else { return unknown };
    match kind.split('-').next() {
        Some("shared") => Declared::Written(seconds(300), place),
        _ => Declared::Written(seconds(86_400), place),
    }
}

/// Reads `kill_timeout`: 5 s by default.
fn grace(root: &Node) -> Declared<Duration> {
    let (key, form) = TIME;
    form.declared(root.get(key), seconds(5))
}
