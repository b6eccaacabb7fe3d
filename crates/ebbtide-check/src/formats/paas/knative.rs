use crate::formats::Facts;
use crate::formats::scalar::command;
use crate::formats::times::{self, Form};
use crate::input::Place;
use crate::model::{Command, Container, Declared, Platform, Role, Variable, Workload, seconds};
use crate::tree::Node;

/// The begins of the annotations and labels that Cloud Run's own files have.
const CLOUD_RUN: [&str; 2] = ["run.googleapis.com/", "cloud.googleapis.com/"];

/// The longest time of a request.
const TIME: (&str, Form) = ("timeoutSeconds", Form::Number);

/// Adds a Service of Knative, or of Cloud Run, which has the same form and another limit.
pub(crate) fn add(object: &Node, facts: &mut Facts) {
    let Some(spec) = object.at(&["spec", "template", "spec"]) else { return };
    times::note(spec, &[TIME], &mut facts.unreadable);
    let metadata = [object.get("metadata"), object.at(&["spec", "template", "metadata"])];
    let keys = metadata
        .iter()
        .flatten()
        .flat_map(|metadata| [metadata.get("annotations"), metadata.get("labels")])
        .flatten()
        .flat_map(Node::entries);
    let mut keys = keys.map(|entry| entry.key.as_str());
    let is_cloud_run = keys.any(|key| CLOUD_RUN.iter().any(|begin| key.starts_with(begin)));
    let name = object.at(&["metadata", "name"]);
    let (text, place) =
        (name.and_then(Node::text).unwrap_or("(unnamed)"), name.map_or(object.place, |name| name.place));
    let mut workload = if is_cloud_run {
        cloud_run(text, place)
    } else {
        // The pods have the limit of a request as their grace period.
        let (key, form) = TIME;
        let grace = form.declared(spec.get(key), seconds(300));
        Workload::new(Platform::Knative, "Knative Service", text, place, grace)
    };
    workload.namespace = object.at(&["metadata", "namespace"]).and_then(Node::text).map(str::to_owned);
    for metadata in metadata.into_iter().flatten() {
        crate::formats::kubernetes::add_annotations(&mut workload, metadata);
    }
    workload.containers = spec.list("containers").iter().map(container).collect();
    facts.workloads.push(workload);
}

/// Creates a service of Cloud Run, which has ten seconds to stop whatever its files say.
pub(crate) fn cloud_run(name: &str, place: Place) -> Workload {
    Workload::new(Platform::CloudRun, "Cloud Run service", name, place, Declared::Default(seconds(10)))
}

/// Reads a container of Cloud Run or Knative.
pub(crate) fn container(node: &Node) -> Container {
    let name = node.get("name");
    let place = name.or_else(|| node.get("image")).map_or(node.place, |named| named.place);
    let mut container = Container::new(name.and_then(Node::text).unwrap_or("app"), Role::Main, place);
    container.image = node.get("image").map(crate::formats::scalar::text);
    let words = |key: &str| -> Option<Command> { command(node.get(key)?) };
    container.entrypoint = words("command");
    container.arguments = words("args");
    container.variables = node
        .list("env")
        .iter()
        .filter_map(|variable| {
            let value = variable.get("value");
            Some(Variable {
                name: variable.text_of("name")?.to_owned(),
                value: value.and_then(Node::text).map(str::to_owned),
                place: value.map_or(variable.place, |value| value.place),
            })
        })
        .collect();
    container.has_unread_variables = !node.list("envFrom").is_empty();
    container.has_ports = !node.list("ports").is_empty();
    container
}
