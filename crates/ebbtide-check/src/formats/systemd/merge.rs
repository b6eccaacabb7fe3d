//! Units with their drop-ins, which systemd finds in folders named after the unit, its template, the begin of its name, or its type: systemd.unit(5).

use std::collections::BTreeMap;

use crate::input::{DropIns, drop_ins_of, unit_folder};
use crate::tree::{Entry, Node, Value};

/// A unit file or a drop-in.
#[derive(Debug)]
pub(crate) struct UnitFile {
    path: String,
    /// The folder that systemd reads its units as those of: the first of the folders of a system.
    home: String,
    /// How many of those folders count more than the one that it is in.
    rank: usize,
    /// The units that it belongs to, if it is a drop-in.
    drop_ins: Option<DropIns>,
    /// Nothing if it only hides a file of its name that counts less.
    root: Option<Node>,
}

impl UnitFile {
    pub(crate) fn new(path: &str, root: Node) -> Self {
        Self { root: Some(root), ..Self::mask(path) }
    }

    /// Creates a file without settings, such as an empty one.
    pub(crate) fn mask(path: &str) -> Self {
        let (folder, _) = split(path);
        let (units, name) = split(folder);
        let drop_ins = drop_ins_of(name);
        let units = if drop_ins.is_some() { units } else { folder };
        let found = unit_folder(units);
        let home = found.and_then(|found| found.all().next()).unwrap_or_else(|| units.to_owned());
        Self { path: path.to_owned(), home, rank: found.map_or(0, |found| found.rank), drop_ins, root: None }
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

/// A unit before its drop-ins are applied.
struct Base {
    path: String,
    rank: usize,
    root: Option<Node>,
    is_masked: bool,
}

/// Merges the units with their drop-ins. An instance of a template that has drop-ins of its own is a unit beside the template.
pub(super) fn merged(files: Vec<UnitFile>) -> Vec<MergedUnit> {
    let (drop_ins, wholes): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.drop_ins.is_some());
    let mut units: BTreeMap<String, Base> = BTreeMap::new();
    for UnitFile { path, home, rank, root, .. } in wholes {
        let key = join(&home, name_of(&path));
        // A unit replaces that of a folder that counts less.
        if units.get(&key).is_none_or(|present| rank < present.rank) {
            let is_masked = root.is_none();
            units.insert(key, Base { path, rank, root, is_masked });
        }
    }
    // What is named in full by a folder alone: a unit that is elsewhere, or an instance.
    for file in &drop_ins {
        let Some(name) = file.drop_ins.as_ref().and_then(DropIns::unit) else { continue };
        let template = template_of(name).and_then(|template| units.get(&join(&file.home, &template)));
        let is_masked = template.is_some_and(|template| template.is_masked);
        let root = template.and_then(|template| template.root.clone());
        let path = join(split(split(&file.path).0).0, name);
        units.entry(join(&file.home, name)).or_insert(Base { path, rank: file.rank, root, is_masked });
    }
    let merge_all = |(key, Base { path, root: whole, .. }): (String, Base)| {
        let (home, name) = split(&key);
        let is_of = |file: &&UnitFile| {
            file.home == home && file.drop_ins.as_ref().is_some_and(|units| units.has(name))
        };
        let mut found: Vec<&UnitFile> = drop_ins.iter().filter(is_of).collect();
        // Of one name the most specific folder counts, which has the longest name, and of several such the first one.
        let folder = |file: &UnitFile| name_of(split(&file.path).0).len();
        found.sort_by_key(|file| (name_of(&file.path), std::cmp::Reverse(folder(file)), file.rank));
        found.dedup_by_key(|file| name_of(&file.path));
        let mut roots = whole.iter().chain(found.iter().filter_map(|file| file.root.as_ref())).cloned();
        let mut root = roots.next()?;
        roots.for_each(|drop_in| merge(&mut root, drop_in));
        Some(MergedUnit { path, root, is_whole: whole.is_some() })
    };
    units.into_iter().filter(|(_, base)| !base.is_masked).filter_map(merge_all).collect()
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
    split(path).1
}

/// Returns the folder of a path and its name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
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
