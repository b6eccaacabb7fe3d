use std::collections::BTreeMap;

use crate::formats::Facts;
use crate::formats::times::{self, Form};
use crate::input::Place;
use crate::knowledge::split_words;
use crate::model::{Build, Command, Container, Platform, Role, Variable, Word, Workload, seconds};
use crate::tree::Node;

/// The types of services that run until they are stopped.
const KINDS: [&str; 3] = ["web", "pserv", "worker"];

/// The time of a service.
const TIME: (&str, Form) = ("maxShutdownDelaySeconds", Form::Seconds);

/// Keys of which a service has one beside its name and its type.
const KEYS: [&str; 12] = [
    "runtime",
    "env",
    "image",
    "plan",
    "envVars",
    "buildCommand",
    "startCommand",
    "dockerCommand",
    "dockerfilePath",
    "healthCheckPath",
    "numInstances",
    "maxShutdownDelaySeconds",
];

/// Returns whether a document is a blueprint of Render: a list of services with a name and a type, and by the name of the file or by another key.
pub(crate) fn is_render(path: &str, root: &Node) -> bool {
    let is_named = matches!(path.rsplit(['/', '\\']).next(), Some("render.yaml" | "render.yml"));
    root.list("services").iter().any(|service| {
        service.text_of("name").is_some()
            && service
                .text_of("type")
                .is_some_and(|kind| KINDS.contains(&kind) || kind == "cron" || kind == "keyvalue")
            && (is_named || KEYS.iter().any(|key| service.get(key).is_some()))
    })
}

/// Adds the services of a blueprint.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    for service in root.list("services") {
        if service.text_of("type").is_some_and(|kind| KINDS.contains(&kind)) {
            times::note(service, &[TIME], &mut facts.unreadable);
            facts.workloads.push(workload(service, root.list("envVarGroups")));
        }
    }
}

fn workload(service: &Node, groups: &[Node]) -> Workload {
    let name = service.get("name");
    let (text, place) =
        (name.and_then(Node::text).unwrap_or("(unnamed)"), name.map_or(service.place, |name| name.place));
    let (key, form) = TIME;
    let grace = form.declared(service.get(key), seconds(30));
    let mut workload = Workload::new(Platform::Render, "service", text, place, grace);
    workload.block = Some(service.place);
    let mut container = Container::new(text, Role::Main, place);
    let of_shell = service.get("startCommand").and_then(|node| {
        let words = vec![Word { text: node.text()?.to_owned(), place: node.place }];
        Some(Command { words, is_shell_form: true, place: node.place })
    });
    let of_image = service.get("dockerCommand").and_then(|node| {
        let words = split_words(node.text()?).into_iter();
        let words: Vec<Word> = words.map(|text| Word { text, place: node.place }).collect();
        (!words.is_empty()).then_some(Command { words, is_shell_form: false, place: node.place })
    });
    container.arguments = of_shell.or(of_image);
    container.build = build(service, place);
    let own = service.list("envVars");
    for name in own.iter().filter_map(|variable| variable.get("fromGroup")) {
        let is_meant =
            |group: &&Node| group.text_of("name").is_some() && group.text_of("name") == name.text();
        match groups.iter().find(is_meant) {
            Some(group) => container.variables.extend(variables(group.list("envVars"))),
            None => container.has_unread_variables = true,
        }
    }
    // Those of the service count more than those of a group.
    container.variables.extend(variables(own));
    container.has_ports = service.text_of("type") != Some("worker");
    workload.containers.push(container);
    workload
}

/// Reads variables. A value that Render makes, or that its users type in, is not known.
fn variables(list: &[Node]) -> impl Iterator<Item = Variable> {
    list.iter().filter_map(|variable| {
        let value = variable.get("value");
        Some(Variable {
            name: variable.text_of("key")?.to_owned(),
            value: value.and_then(Node::text).map(str::to_owned),
            place: value.map_or(variable.place, |value| value.place),
        })
    })
}

/// Where the image is built: the path is relative to the root of the repository, in which the blueprint is.
fn build(service: &Node, place: Place) -> Option<Build> {
    let runtime = service.text_of("runtime").or_else(|| service.text_of("env"));
    // What the root of a part of the repository changes is not known.
    if runtime != Some("docker") || service.get("rootDir").is_some() {
        return None;
    }
    let file = service.text_of("dockerfilePath").unwrap_or("Dockerfile").to_owned();
    Some(Build { context: ".".to_owned(), file, target: None, arguments: BTreeMap::new(), place })
}
