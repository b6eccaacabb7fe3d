use super::fields::{DOCKER, option_timeout, read_labels, read_options, runs_always, text, variables};
use super::role::Config;
use crate::formats::scalar::slot;
use crate::model::{Container, Declared, Platform, Role, Workload};
use crate::tree::Entry;

/// Reads an accessory, such as a database, which Kamal stops with `docker stop` and no time of its own.
pub(super) fn accessory(config: &Config<'_>, entry: &Entry) -> Workload {
    let body = &entry.node;
    let options = body.get("options");
    let grace = option_timeout(options).unwrap_or(Declared::Default(DOCKER));
    let mut workload = Workload::new(Platform::Kamal, "accessory", &entry.key, entry.key_place, grace);
    workload.namespace = Some(config.name());
    workload.grace_from = Some("stop-timeout");
    workload.grace_slot = options.and_then(|options| slot(options, "stop-timeout"));
    workload.runs_always = runs_always(options);
    read_labels(&mut workload, &[body.get("labels")]);
    let mut container = Container::new(&*entry.key, Role::Main, entry.key_place);
    container.image = body.get("image").map(text);
    container.has_ports = body.get("port").is_some() || body.get("proxy").is_some();
    container.variables = variables(&[body.get("env")]);
    read_options(&mut container, options, body.get("cmd"));
    workload.containers.push(container);
    workload
}
