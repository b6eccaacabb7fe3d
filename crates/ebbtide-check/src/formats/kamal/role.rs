use std::path::Path;
use std::time::Duration;

use super::fields::{DOCKER, option_timeout, read_labels, read_options, runs_always, text, variables};
use crate::formats::scalar::{build_arguments, duration, slot};
use crate::input::Place;
use crate::model::{Build, Container, Declared, KamalProxy, KamalRole, Platform, Role, Workload, seconds};
use crate::tree::Node;

/// The defaults of the times that the proxy waits.
const DRAIN: Duration = seconds(30);
const RESPONSE: Duration = seconds(30);

/// Keys of the root that Kamal 1 has and Kamal 2 refuses.
pub(super) const FIRST: [&str; 3] = [WAIT, "traefik", "healthcheck"];

/// Keys of the root that came with Kamal 2.
pub(super) const SECOND: [&str; 4] = ["proxy", "drain_timeout", "deploy_timeout", "stop_timeout"];

/// The time that Kamal 1 passes to `docker stop`.
const WAIT: &str = "stop_wait_time";

/// The major version that a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    First,
    Second,
    /// It has keys of both, and each version refuses those of the other.
    Neither,
}

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

    fn version(&self) -> Version {
        let has = |keys: &[&str]| keys.iter().any(|key| self.root.get(key).is_some());
        match (has(&FIRST), has(&SECOND)) {
            (false, _) => Version::Second,
            (true, false) => Version::First,
            (true, true) => Version::Neither,
        }
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
    let version = config.version();
    let is_primary = name == root.text_of("primary_role").unwrap_or("web");
    let proxy = own(if version == Version::First { "traefik" } else { "proxy" });
    let is_proxied = match proxy {
        Some(node) => node.boolean() != Some(false),
        None => is_primary,
    };
    let drain_timeout = duration(root.get("drain_timeout"), DRAIN);
    let option = option_timeout(options);
    let written = own("stop_timeout").or_else(|| root.get("stop_timeout"));
    let (grace, from) = match (version, written, &option) {
        (Version::Neither, ..) => (Declared::Unresolved(place), None),
        (Version::First, ..) => match (root.get(WAIT), &option) {
            (Some(node), _) => (duration(Some(node), DOCKER), Some(WAIT)),
            (None, Some(option)) => (option.clone(), Some("stop-timeout")),
            (None, None) => (Declared::Default(DOCKER), Some(WAIT)),
        },
        (Version::Second, Some(node), _) => (duration(Some(node), DOCKER), None),
        (Version::Second, None, _) if !is_proxied => (drain_timeout.clone(), Some("drain_timeout")),
        (Version::Second, None, Some(option)) => (option.clone(), Some("stop-timeout")),
        (Version::Second, None, None) => (Declared::Default(DOCKER), None),
    };
    let mut workload = Workload::new(Platform::Kamal, "role", name, place, grace);
    workload.namespace = Some(config.name());
    workload.grace_from = from;
    // The option is then the place to change.
    let has_slot = version == Version::Second && from != Some("stop-timeout");
    workload.grace_slot = body.filter(|_| has_slot).and_then(|body| slot(body, "stop_timeout"));
    workload.runs_always = runs_always(options);
    read_labels(&mut workload, &[root.get("labels"), own("labels")]);
    let response = proxy.and_then(|proxy| proxy.get("response_timeout"));
    let response = response.or_else(|| root.at(&["proxy", "response_timeout"]));
    workload.kamal = (version == Version::Second).then(|| KamalRole {
        proxy: is_proxied
            .then(|| KamalProxy { drain_timeout, response_timeout: duration(response, RESPONSE) }),
        unused_timeout: match option {
            Some(Declared::Written(time, place)) if from != Some("stop-timeout") => Some((time, place)),
            _ => None,
        },
    });
    let mut container = Container::new(name, Role::Main, place);
    container.image = root.get("image").map(text);
    container.build = build(config, place);
    container.has_ports = is_proxied;
    container.variables = variables(&[root.get("env"), own("env")]);
    read_options(&mut container, options, own("cmd"));
    workload.containers.push(container);
    workload
}

/// Returns where the image is built, if that is by a Dockerfile. The context is the folder of the project, which has the file in its folder `config`.
fn build(config: &Config<'_>, place: Place) -> Option<Build> {
    let builder = config.root.get("builder");
    let folder = Path::new(config.path).parent().and_then(Path::file_name);
    let project = if folder.is_some_and(|folder| folder == "config") { ".." } else { "." };
    let setting = |key: &str| builder.and_then(|builder| builder.text_of(key));
    // With `pack` there is no Dockerfile.
    builder.and_then(|builder| builder.get("pack")).is_none().then(|| Build {
        context: format!("{project}/{}", setting("context").unwrap_or(".")),
        file: setting("dockerfile").unwrap_or("Dockerfile").to_owned(),
        target: builder.and_then(|builder| builder.get("target")).map(text),
        arguments: build_arguments(builder.and_then(|builder| builder.get("args"))),
        place,
    })
}
