use super::env_file;
use crate::formats::scalar::{DRAIN, LAME_DUCK, build_arguments, declared_drain, slot};
use crate::formats::times::Form;
use crate::input::Place;
use crate::knowledge::split_words;
use crate::model::{
    Annotation, Build, Command, Container, Declared, Init, Platform, PreStop, PreStopAction, Role, Rollout,
    Variable, Word, Workload, go_duration, seconds,
};
use crate::tree::{Entry, Node};

/// The time of a service.
pub(super) const TIME: (&str, Form) = ("stop_grace_period", Form::LongUnits);

/// Keys of `deploy` that Swarm alone reads. `docker compose` applies the others, such as the number of replicas and limits of resources.
const OF_SWARM: [&str; 6] =
    ["endpoint_mode", "labels", "mode", "placement", "rollback_config", "update_config"];

/// The key of a build that has the text of the Dockerfile.
pub(super) const INLINE: &str = "dockerfile_inline";

pub(super) fn service(entry: &Entry) -> Workload {
    let node = &entry.node;
    let (key, form) = TIME;
    let written = form.declared(node.get(key), seconds(10));
    let written_grace = written.value().copied();
    // Compose rounds fractions down.
    let grace = match written {
        Declared::Written(time, place) => Declared::Written(seconds(time.as_secs()), place),
        other => other,
    };
    let mut workload = Workload::new(Platform::Compose, "service", &entry.key, entry.key_place, grace);
    workload.written_grace = written_grace;
    workload.grace_slot = slot(node, key);
    workload.annotations = pairs(node.get("labels"));
    workload.drain = workload
        .annotations
        .iter()
        .find(|label| label.key == DRAIN)
        .and_then(|label| declared_drain("label", &label.value, label.place));
    workload.lame_duck = workload
        .annotations
        .iter()
        .find(|label| label.key == LAME_DUCK)
        .and_then(|label| Some(Declared::Written(go_duration(&label.value)?, label.place)));
    let deploy = node.get("deploy");
    // A global service has a task on each node.
    let global = deploy.and_then(|deploy| deploy.get("mode")).filter(|mode| mode.text() == Some("global"));
    workload.replicas = match global.or_else(|| deploy.and_then(|deploy| deploy.get("replicas"))) {
        None => Declared::Default(1),
        Some(value) => match value.integer().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Declared::Written(number, value.place),
            None => Declared::Unresolved(value.place),
        },
    };
    let swarm = deploy.filter(|deploy| OF_SWARM.iter().any(|key| deploy.get(key).is_some()));
    workload.rollout = swarm.map_or(Rollout::Other, rollout);
    let of_both = ["replicas", "restart_policy"];
    workload.runs_always = swarm.is_some()
        || deploy.is_some_and(|deploy| of_both.iter().any(|key| deploy.get(key).is_some()))
        || matches!(node.text_of("restart"), Some("always" | "unless-stopped"));
    workload.containers.push(container(entry));
    // Nothing says that it serves or lasts, and `docker compose up` leaves it out.
    workload.is_on_demand = !node.list("profiles").is_empty()
        && !workload.runs_always
        && node.get("restart").is_none_or(|restart| restart.text() == Some("no"))
        && workload.containers.iter().all(|container| !container.has_ports);
    workload
}

/// Returns the services whose end a service waits for before it starts.
pub(super) fn awaited(node: &Node) -> impl Iterator<Item = &str> {
    let conditions = node.get("depends_on").map_or(&[][..], Node::entries).iter();
    let is_awaited =
        |entry: &&Entry| entry.node.text_of("condition") == Some("service_completed_successfully");
    conditions.filter(is_awaited).map(|entry| entry.key.as_str())
}

/// Reads the update order of Swarm: `stop-first` unless it is written.
fn rollout(deploy: &Node) -> Rollout {
    match deploy.at(&["update_config", "order"]) {
        None => Rollout::StopFirst(None),
        Some(order) if order.text() == Some("stop-first") => Rollout::StopFirst(Some(order.place)),
        Some(_) => Rollout::Other,
    }
}

fn container(entry: &Entry) -> Container {
    let node = &entry.node;
    let mut container = Container::new(&*entry.key, Role::Main, entry.key_place);
    container.image = node.get("image").map(declared);
    container.build = node.get("build").filter(|build| build.get(INLINE).is_none()).map(build);
    container.entrypoint = node.get("entrypoint").and_then(command);
    container.arguments = node.get("command").and_then(command);
    container.variables = environment(node.get("environment"));
    container.env_files = env_file::named(node);
    container.folder = node.text_of("working_dir").map(str::to_owned);
    container.has_ports = !node.list("ports").is_empty();
    container.has_volume = node.list("volumes").iter().any(is_written);
    container.in_memory = in_memory(node);
    container.stop_signal = node.get("stop_signal").map(declared);
    let has_init = node.get("init").and_then(Node::boolean);
    container.init = has_init.filter(|init| *init).map(|_| Init { signals_group: false });
    container.has_unread_init = has_init.is_none() && node.get("init").is_some();
    container.pre_stop = node.list("pre_stop").first().map(pre_stop);
    container
}

/// Returns whether a service may write to a volume: it has one that is not read-only, in memory, or a socket.
fn is_written(volume: &Node) -> bool {
    let Some(text) = volume.text() else {
        let is_kept = volume.text_of("type").is_none_or(|kind| kind != "tmpfs");
        return is_kept && volume.get("read_only").and_then(Node::boolean) != Some(true);
    };
    let mut parts = text.split(':');
    let is_socket = parts.next().is_some_and(|source| source.ends_with(".sock"));
    let is_read_only = parts.any(|part| part.split(',').any(|option| option == "ro"));
    !is_socket && !is_read_only
}

/// Returns the folders that are file systems in memory: `tmpfs` is a path or a list of them, each with options.
fn in_memory(service: &Node) -> Vec<String> {
    let short = service.get("tmpfs").into_iter().flat_map(|node| node.items().iter().chain(Some(node)));
    let short = short.filter_map(|node| node.text()?.split(':').next());
    let volumes = service.list("volumes").iter().filter(|volume| volume.text_of("type") == Some("tmpfs"));
    short.chain(volumes.filter_map(|volume| volume.text_of("target"))).map(str::to_owned).collect()
}

fn pre_stop(node: &Node) -> PreStop {
    let action = match node.get("command").and_then(command) {
        Some(command) => PreStopAction::Exec(command),
        None => PreStopAction::Network,
    };
    // Its time does not count: the grace period begins after it.
    PreStop { action, least: None, place: node.place }
}

fn build(node: &Node) -> Build {
    let context = node.text().or_else(|| node.text_of("context")).unwrap_or(".");
    let file = node.text_of("dockerfile").unwrap_or("Dockerfile");
    let target = node.get("target").map(declared);
    // Paths are relative to the file that has them.
    let place = node.get("context").unwrap_or(node).place;
    let arguments = build_arguments(node.get("args"));
    Build { context: context.to_owned(), file: file.to_owned(), target, arguments, place }
}

/// Reads a list of words, or a string that is split without a shell.
fn command(node: &Node) -> Option<Command> {
    let place = node.place;
    let words: Vec<Word> = match node.text() {
        Some(text) => split_words(text).into_iter().map(|text| Word { text, place }).collect(),
        None => node
            .items()
            .iter()
            .filter_map(|item| Some(Word { text: item.text()?.to_owned(), place: item.place }))
            .collect(),
    };
    (!words.is_empty()).then_some(Command { words, is_shell_form: false, place })
}

/// Reads a mapping, or a list of `NAME=value`. A variable without a value has that of the shell which runs Compose.
fn environment(node: Option<&Node>) -> Vec<Variable> {
    let Some(node) = node else { return Vec::new() };
    let of = |name: &str, value: Option<&str>, place: Place| Variable {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        place,
    };
    let entries = node.entries().iter();
    let entries =
        entries.map(|entry| of(&entry.key, entry.node.text(), entry.key_place.to(entry.node.place)));
    let items = node.items().iter().filter_map(|item| {
        let (name, value) = item.text()?.split_once('=').unzip();
        Some(of(name.or(item.text())?, value, item.place))
    });
    entries.chain(items).collect()
}

fn declared(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !text.contains('$') => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    }
}

/// Reads a mapping, or a list of `key=value`.
fn pairs(node: Option<&Node>) -> Vec<Annotation> {
    let pair = |key: &str, value: &str, place: Place| Annotation {
        key: key.to_owned(),
        value: value.to_owned(),
        place,
    };
    let Some(node) = node else { return Vec::new() };
    let entries = node
        .entries()
        .iter()
        .filter_map(|entry| Some(pair(&entry.key, entry.node.text()?, entry.key_place.to(entry.node.place))));
    let items = node.items().iter().filter_map(|item| {
        let (key, value) = item.text()?.split_once('=')?;
        Some(pair(key, value, item.place))
    });
    entries.chain(items).collect()
}
