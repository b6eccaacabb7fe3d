use std::borrow::Cow;
use std::collections::BTreeSet;

use super::conditions;
use super::fields::{field, has_unread, is_computed, list, read_items, text};
use crate::formats::scalar::{DRAIN, LAME_DUCK, declared_drain, duration, slot};
use crate::formats::times::Form;
use crate::input::Place;
use crate::model::{Command, Container, Declared, Init, Platform, Role, Variable, Word, Workload, seconds};
use crate::tree::Node;

/// A task definition and its logical id.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) id: Option<String>,
    /// Whether it certainly does not run on Fargate alone.
    pub(super) runs_on_machines: bool,
    pub(super) workload: Workload,
}

pub(super) fn task(node: &Node, id: Option<&str>, place: Place) -> Found {
    let name = id.or_else(|| field(node, "family").and_then(Node::text)).unwrap_or("(unnamed)");
    let grace = Declared::Default(seconds(30));
    let mut workload = Workload::new(Platform::Ecs, "task definition", name, place, grace);
    let compatibilities = list(node, "requiresCompatibilities").iter().filter_map(Node::text);
    workload.is_fargate = compatibilities.collect::<Vec<_>>().contains(&"FARGATE");
    workload.containers = read_items(node, "containerDefinitions").map(container).collect();
    let ended = ended(node);
    for container in workload.containers.iter_mut().filter(|container| ended.contains(&*container.name)) {
        container.role = Role::Init;
    }
    let runs_on_machines = !workload.is_fargate && !has_unread(node, "requiresCompatibilities");
    Found { id: id.map(str::to_owned), runs_on_machines, workload }
}

/// Returns the containers that another one waits for to end: they have ended before that one starts, and nothing stops them.
fn ended(task: &Node) -> BTreeSet<&str> {
    let dependencies = read_items(task, "containerDefinitions").flat_map(|node| list(node, "dependsOn"));
    dependencies.filter(|item| condition(item) == Some(Condition::End)).filter_map(dependency).collect()
}

/// What a container waits for that depends on another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// The other one runs. It then stops after the one that depends on it.
    Start,
    End,
}

/// Returns `None` for a condition that is only known at the deploy.
fn condition(item: &Node) -> Option<Condition> {
    match field(item, "condition") {
        Some(node) if is_computed(node) => None,
        Some(node) => match node.text()? {
            "COMPLETE" | "SUCCESS" => Some(Condition::End),
            text => (!text.contains("${")).then_some(Condition::Start),
        },
        None => Some(Condition::Start),
    }
}

fn dependency(item: &Node) -> Option<&str> {
    field(item, "containerName")?.text()
}

fn container(node: &Node) -> Container {
    let name = field(node, "name");
    let place = name.map_or(node.place, |name| name.place);
    let mut container = Container::new(name.and_then(Node::text).unwrap_or_default(), Role::Main, place);
    container.image = field(node, "image").map(text);
    container.entrypoint = field(node, "entryPoint").and_then(command);
    container.arguments = field(node, "command").and_then(command);
    container.variables = list(node, "environment").iter().filter_map(variable).collect();
    container.variables.extend(list(node, "secrets").iter().filter_map(secret));
    container.has_unread_variables = field(node, "environmentFiles")
        .is_some_and(|files| is_computed(files) || !files.items().is_empty())
        || has_unread(node, "environment")
        || has_unread(node, "secrets");
    // One that is only known at the deploy is no folder of the image.
    container.folder = field(node, "workingDirectory").map(|node| node.text().unwrap_or("$").to_owned());
    container.has_ports = !list(node, "portMappings").is_empty();
    // One that is only known at the deploy may be `false`.
    container.is_essential =
        field(node, "essential").is_none_or(|essential| essential.boolean() == Some(true));
    let dependencies = list(node, "dependsOn");
    container.has_unread_dependencies =
        has_unread(node, "dependsOn") || dependencies.iter().any(|item| condition(item).is_none());
    let started = dependencies.iter().filter(|item| condition(item) == Some(Condition::Start));
    container.depends_on = started.filter_map(dependency).map(str::to_owned).collect();
    // The API refuses a string, and CloudFormation makes a number of it.
    let of_api = node.get("stopTimeout").map(|node| Form::Number.written(node));
    container.grace = Some(of_api.unwrap_or_else(|| duration(node.get("StopTimeout"), seconds(30))));
    let is_template = node.entries().iter().any(|entry| entry.key.starts_with(char::is_uppercase));
    container.grace_slot = slot(node, if is_template { "StopTimeout" } else { "stopTimeout" });
    let (linux, labels) = (settings(node, "linuxParameters"), settings(node, "dockerLabels"));
    let has_init = linux.as_deref().and_then(|linux| field(linux, "initProcessEnabled"));
    let is_enabled = has_init.and_then(Node::boolean);
    container.init = is_enabled.filter(|init| *init).map(|_| Init { signals_group: false });
    container.has_unread_init =
        linux.as_deref().is_some_and(is_computed) || (has_init.is_some() && is_enabled.is_none());
    let labels = labels.as_deref();
    container.lame_duck =
        labels.and_then(|labels| labels.get(LAME_DUCK)).map(|node| Form::Units.written(node));
    let labelled = labels
        .and_then(|labels| labels.get(DRAIN))
        .and_then(|label| declared_drain("label", label.text()?, label.place));
    container.drain = labelled;
    container
}

/// Returns a mapping of settings. What a condition may add to it has no value.
fn settings<'n>(node: &'n Node, key: &str) -> Option<Cow<'n, Node>> {
    let node = field(node, key)?;
    Some(conditions::settings(node).map_or(Cow::Borrowed(node), Cow::Owned))
}

/// Reads a command line. A word that is only known at the deploy is an empty one: those after it keep their position, and the image's command
/// is not taken for it.
fn command(node: &Node) -> Option<Command> {
    let word = |item: &Node| Word { text: item.text().unwrap_or_default().to_owned(), place: item.place };
    let items = if is_computed(node) { std::slice::from_ref(node) } else { node.items() };
    let words: Vec<Word> = items.iter().map(word).collect();
    (!words.is_empty()).then_some(Command { words, is_shell_form: false, place: node.place })
}

fn secret(node: &Node) -> Option<Variable> {
    let name = field(node, "name")?;
    Some(Variable { name: name.text()?.to_owned(), value: None, place: name.place })
}

fn variable(node: &Node) -> Option<Variable> {
    let value = field(node, "value")?;
    Some(Variable {
        name: field(node, "name")?.text()?.to_owned(),
        value: value.text().map(str::to_owned),
        place: value.place,
    })
}
