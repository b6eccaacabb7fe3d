use std::path::Path;

use super::accessory::accessory;
use super::role::{Config, FIRST, SECOND, roles};
use crate::formats::times::{self, Form, Unreadable};
use crate::knowledge::drain_of;
use crate::model::{Declared, Workload};
use crate::tree::{Node, Value};

/// Keys of the root of which a file of a destination has one.
const KEYS: [&str; 7] =
    ["servers", "accessories", "proxy", "drain_timeout", "stop_timeout", "deploy_timeout", "stop_wait_time"];

/// The deployment file, or that of a destination, which is merged with it.
#[derive(Debug)]
pub(crate) struct KamalFile {
    path: String,
    root: Node,
}

impl KamalFile {
    pub(crate) fn new(path: &str, root: Node) -> Self {
        Self { path: path.to_owned(), root }
    }

    /// Returns the path of the deployment file and the name of the destination, if this is the file of one: `deploy.staging.yml` belongs
    /// to `deploy.yml`.
    fn destination(&self) -> Option<(String, &str)> {
        destination(&self.path)
    }
}

/// Returns whether a document is the deployment file of an application, or the part of it that a destination replaces.
pub(crate) fn is_kamal(path: &str, root: &Node) -> bool {
    if root.get("apiVersion").is_some() || root.get("services").is_some() {
        return false;
    }
    if root.text_of("service").is_none() {
        return destination(path).is_some() && KEYS.iter().any(|key| root.get(key).is_some());
    }
    let has_image = root.text_of("image").is_some() || root.get("registry").is_some();
    let servers = root.get("servers");
    let has_servers =
        servers.is_some_and(|node| !node.items().is_empty() || node.entries().iter().all(is_role));
    let has_accessories = root.get("accessories").is_some_and(|node| !node.entries().is_empty());
    // The servers, too, may be in the files of the destinations alone.
    let is_split = servers.is_none() && root.get("registry").is_some() && root.get("image").is_some();
    has_image && (has_servers || has_accessories || is_split)
}

/// Notes the times of a file that are no whole numbers of seconds, and keys of two versions: Kamal refuses keys that it does not have.
pub(crate) fn note_unreadable(root: &Node, unreadable: &mut Unreadable) {
    const TIMES: [&str; 5] =
        ["drain_timeout", "stop_timeout", "stop_wait_time", "response_timeout", "stop-timeout"];
    times::note(root, &TIMES.map(|key| (key, Form::Seconds)), unreadable);
    let entry =
        |keys: &[&str]| keys.iter().find_map(|key| root.entry(key).filter(|entry| !entry.node.is_null()));
    if let (Some(first), Some(second)) = (entry(&FIRST), entry(&SECOND)) {
        let (old, new) = (&first.key, &second.key);
        let message = format!("key `{old}` of Kamal 1 beside `{new}` of Kamal 2: no version accepts both");
        unreadable.insert(first.key_place, message);
    }
}

fn is_role(role: &crate::tree::Entry) -> bool {
    !role.node.items().is_empty() || role.node.get("hosts").is_some() || role.node.is_null()
}

/// Turns the files into workloads: those of each deployment file, and those that a destination changes.
pub(crate) fn join(workloads: &mut Vec<Workload>, files: Vec<KamalFile>) {
    let (parts, whole): (Vec<KamalFile>, Vec<KamalFile>) =
        files.into_iter().partition(|file| file.destination().is_some());
    for file in &whole {
        let own = read(&Config { path: &file.path, root: &file.root, destination: None });
        for part in &parts {
            let Some((base, destination)) = part.destination() else { continue };
            if base != file.path && other_ending(&base) != file.path {
                continue;
            }
            let merged = merge(&file.root, &part.root);
            let config = Config { path: &file.path, root: &merged, destination: Some(destination) };
            let changed = read(&config).into_iter().filter(|new| !own.iter().any(|old| is_same(old, new)));
            workloads.extend(changed);
        }
        workloads.extend(own);
    }
}

fn read(config: &Config<'_>) -> Vec<Workload> {
    let accessories = config.root.get("accessories").map_or(&[][..], Node::entries);
    let mut all = roles(config);
    all.extend(accessories.iter().map(|entry| accessory(config, entry)));
    all
}

fn destination(path: &str) -> Option<(String, &str)> {
    let name = Path::new(path).file_name()?.to_str()?;
    let folder = path.strip_suffix(name)?;
    let rest = name.strip_prefix("deploy.")?;
    let (destination, ending) = rest.rsplit_once('.')?;
    matches!(ending, "yml" | "yaml").then(|| (format!("{folder}deploy.{ending}"), destination))
}

fn other_ending(path: &str) -> String {
    match path.strip_suffix(".yml") {
        Some(stem) => format!("{stem}.yaml"),
        None => path.strip_suffix(".yaml").map(|stem| format!("{stem}.yml")).unwrap_or_default(),
    }
}

/// Merges mappings; any other value replaces the one before it.
fn merge(base: &Node, over: &Node) -> Node {
    let (Value::Map(entries), Value::Map(added)) = (&base.value, &over.value) else { return over.clone() };
    let mut entries = entries.clone();
    for entry in added {
        match entries.iter_mut().find(|present| present.key == entry.key) {
            Some(present) => present.node = merge(&present.node, &entry.node),
            None => entries.push(entry.clone()),
        }
    }
    Node { value: Value::Map(entries), ..base.clone() }
}

/// Returns whether a destination changes nothing of what the rules read: a finding would come twice.
fn is_same(old: &Workload, new: &Workload) -> bool {
    let commands = |workload: &Workload| -> Vec<_> {
        workload.containers.iter().flat_map(|container| container.words()).map(|word| word.place).collect()
    };
    let drains = |workload: &Workload| -> Vec<_> {
        let own = workload.containers.iter().map(|container| drain_of(workload, container));
        own.chain([workload.drain.clone()])
            .map(|drain| drain.map(|drain| (drain.time, drain.place)))
            .collect()
    };
    let signals = |workload: &Workload| -> Vec<_> {
        workload
            .containers
            .iter()
            .map(|container| container.stop_signal.as_ref().and_then(Declared::place))
            .collect()
    };
    let proxy = |workload: &Workload| {
        let role = workload.kamal.as_ref()?;
        let proxy = role.proxy.as_ref()?;
        Some((proxy.drain_timeout.clone(), proxy.response_timeout.clone()))
    };
    (&old.kind, &old.name, &old.grace) == (&new.kind, &new.name, &new.grace)
        && (commands(old), drains(old), signals(old), proxy(old))
            == (commands(new), drains(new), signals(new), proxy(new))
}
