//! Units with their drop-ins, which systemd finds in folders named after the unit, its template, the begin of its name, or its type.

use std::collections::BTreeMap;

use crate::input::{DropIns, drop_ins_of};
use crate::tree::{Entry, Node, Value};

/// A unit file or a drop-in.
#[derive(Debug)]
pub(crate) struct UnitFile {
    path: String,
    /// The units that it belongs to, if it is a drop-in, with the folder that these are in.
    drop_ins: Option<(String, DropIns)>,
    root: Node,
}

impl UnitFile {
    pub(crate) fn new(path: &str, root: Node) -> Self {
        let of_folder = |folder: &str| {
            let (units, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            Some((units.to_owned(), drop_ins_of(name)?))
        };
        let drop_ins = path.rsplit_once('/').and_then(|(folder, _)| of_folder(folder));
        Self { path: path.to_owned(), drop_ins, root }
    }
}

/// A unit with its drop-ins.
#[derive(Debug)]
pub(super) struct MergedUnit {
    pub(super) path: String,
    pub(super) root: Node,
    /// Whether the unit itself is in the input. Without it, what its drop-ins do not say is unknown.
    pub(super) is_whole: bool,
}

impl MergedUnit {
    pub(super) fn name(&self) -> &str {
        name_of(&self.path)
    }
}

/// Merges the units with their drop-ins. An instance of a template that has drop-ins of its own is a unit beside the template.
pub(super) fn merged(files: Vec<UnitFile>) -> Vec<MergedUnit> {
    let (drop_ins, wholes): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.drop_ins.is_some());
    let mut units: BTreeMap<String, Option<Node>> =
        wholes.into_iter().map(|file| (file.path, Some(file.root))).collect();
    // What is named in full by a folder alone: a unit that is elsewhere, or an instance.
    for (folder, of) in drop_ins.iter().filter_map(|file| file.drop_ins.as_ref()) {
        let Some(name) = of.unit() else { continue };
        let path = join(folder, name);
        let template = template_of(name).and_then(|template| units.get(&join(folder, &template))?.clone());
        units.entry(path).or_insert(template);
    }
    let merge_all = |(path, whole): (String, Option<Node>)| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = name_of(&path);
        let mut found: Vec<&UnitFile> = drop_ins
            .iter()
            .filter(|file| file.drop_ins.as_ref().is_some_and(|(of, units)| of == folder && units.has(name)))
            .collect();
        // Of one name the most specific folder counts, which has the longest name.
        found.sort_by_key(|file| (name_of(&file.path), std::cmp::Reverse(file.path.len())));
        found.dedup_by_key(|file| name_of(&file.path));
        let mut roots = whole.iter().chain(found.iter().map(|file| &file.root)).cloned();
        let mut root = roots.next()?;
        roots.for_each(|drop_in| merge(&mut root, drop_in));
        Some(MergedUnit { path, root, is_whole: whole.is_some() })
    };
    units.into_iter().filter_map(merge_all).collect()
}

/// Returns the name of the template of an instance: `web@.service` of `web@1.service`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, ending) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{ending}"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn merge(base: &mut Node, drop_in: Node) {
    let (Value::Map(sections), Value::Map(added)) = (&mut base.value, drop_in.value) else { return };
    for section in added {
        match sections.iter_mut().find(|present| present.key == section.key) {
            Some(present) => merge_section(present, section),
            None => sections.push(section),
        }
    }
}

fn merge_section(base: &mut Entry, added: Entry) {
    let (Value::Map(entries), Value::Map(added)) = (&mut base.node.value, added.node.value) else { return };
    for mut entry in added {
        let Some(at) = entries.iter().position(|present| present.key == entry.key) else {
            entries.push(entry);
            continue;
        };
        let present = entries.remove(at);
        if let (Value::List(mut before), Value::List(values)) = (present.node.value, &mut entry.node.value) {
            // Of commands the drop-in's are all: an empty value comes first where a unit may have one alone. Other keys have one value, the last.
            let is_added = entry.node.tag.is_none();
            if is_added
                && (entry.key.starts_with("Environment")
                    || matches!(&*entry.key, "Label" | "PodmanArgs" | "PublishPort" | "Yaml"))
            {
                before.append(values);
                *values = before;
            }
        }
        entries.push(entry);
    }
}
