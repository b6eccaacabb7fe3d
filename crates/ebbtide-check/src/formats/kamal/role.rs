use std::path::Path;
use std::time::Duration;

use super::fields::{DOCKER, option_timeout, read_labels, read_options, runs_always, text, variables};
use crate::formats::scalar::{duration, slot};
use crate::input::Place;
use crate::knowledge::drain_of;
use crate::model::{Build, Container, Declared, KamalProxy, KamalRole, Platform, Role, Workload, seconds};
use crate::tree::Node;

/// The defaults of the times that the proxy waits.
const DRAIN: Duration = seconds(30);
const RESPONSE: Duration = seconds(30);

/// Keys of the first major version, which stops containers otherwise.
const FIRST_VERSION: [&str; 3] = ["traefik", "stop_wait_time", "healthcheck"];

/// The deployment file, merged with that of the destination.
pub(super) struct Config<'n> {
    pub(super) path: &'n str,
    pub(super) root: &'n Node,
    pub(super) destination: Option<&'n str>,
}

impl Config<'_> {
    /// Returns how the containers are called.
    pub(super) fn name(&self) -> String {
        let service = self.root.text_of("service").unwrap_or("(unnamed)");
        match self.destination {
            Some(destination) => format!("{service}-{destination}"),
            None => service.to_owned(),
        }
    }

    pub(super) fn is_first_version(&self) -> bool {
        FIRST_VERSION.iter().any(|key| self.root.get(key).is_some())
    }
}

/// Reads the roles. Servers without one have the role `web`.
pub(super) fn roles(config: &Config<'_>) -> Vec<Workload> {
    let Some(servers) = config.root.entry("servers") else { return Vec::new() };
    if !servers.node.items().is_empty() {
        return vec![role(config, "web", servers.key_place, None)];
    }
    let roles = servers.node.entries().iter();
    roles.map(|entry| role(config, &entry.key, entry.key_place, Some(&entry.node))).collect()
}

fn role(config: &Config<'_>, name: &str, place: Place, body: Option<&Node>) -> Workload {
    let root = config.root;
    let own = |key: &str| body.and_then(|body| body.get(key));
    let options = own("options");
    let is_primary = name == root.text_of("primary_role").unwrap_or("web");
    let proxy = own("proxy");
    let is_proxied = match proxy {
        Some(node) => node.boolean() != Some(false),
        None => is_primary,
    };
    let drain_timeout = duration(root.get("drain_timeout"), DRAIN);
    let option = option_timeout(options);
    let written = own("stop_timeout").or_else(|| root.get("stop_timeout"));
    let (grace, from) = match (written, is_proxied, &option) {
        (Some(node), ..) => (duration(Some(node), DOCKER), None),
        (None, false, _) => (drain_timeout.clone(), Some("drain_timeout")),
        (None, true, Some(option)) => (option.clone(), Some("stop-timeout")),
        (None, true, None) => (Declared::Default(DOCKER), None),
    };
    let grace = if config.is_first_version() { Declared::Unresolved(place) } else { grace };
    let mut workload = Workload::new(Platform::Kamal, "role", name, place, grace);
    workload.namespace = Some(config.name());
    workload.grace_from = from;
    // The option is then the place to change.
    let has_slot = !config.is_first_version() && from != Some("stop-timeout");
    workload.grace_slot = body.filter(|_| has_slot).and_then(|body| slot(body, "stop_timeout"));
    workload.runs_always = runs_always(options);
    read_labels(&mut workload, &[root.get("labels"), own("labels")]);
    let response = proxy.and_then(|proxy| proxy.get("response_timeout"));
    let response = response.or_else(|| root.at(&["proxy", "response_timeout"]));
    workload.kamal = (!config.is_first_version()).then(|| KamalRole {
        proxy: is_proxied
            .then(|| KamalProxy { drain_timeout, response_timeout: duration(response, RESPONSE) }),
        unused_timeout: match option {
            Some(Declared::Written(time, place)) if from != Some("stop-timeout") => Some((time, place)),
            _ => None,
        },
    });
    let mut container = Container::new(name, Role::Main, place);
    container.image = root.get("image").map(text);
    container.build = Some(build(config));
    container.has_ports = is_proxied;
    container.variables = variables(&[root.get("env"), own("env")]);
    read_options(&mut container, options, own("cmd"));
    container.drain = drain_of(&container.words(), &container.variables);
    workload.containers.push(container);
    workload
}

/// Returns where the image is built. The context is the folder of the project, which has the file in its folder `config`.
fn build(config: &Config<'_>) -> Build {
    let builder = config.root.get("builder");
    let folder = Path::new(config.path).parent().and_then(Path::file_name);
    let project = if folder.is_some_and(|folder| folder == "config") { ".." } else { "." };
    let setting = |key: &str| builder.and_then(|builder| builder.text_of(key));
    Build {
        context: format!("{project}/{}", setting("context").unwrap_or(".")),
        file: setting("dockerfile").unwrap_or("Dockerfile").to_owned(),
        is_last_stage: setting("target").is_none() && setting("pack").is_none(),
    }
}
