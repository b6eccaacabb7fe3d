use super::{quadlet, service::service};
use crate::input::Source;
use crate::model::Workload;
use crate::tree::{Entry, Node, Value};

/// A unit file or a drop-in.
#[derive(Debug)]
pub(crate) struct UnitFile {
    /// The path of the unit: that of the file, or that of the unit that a drop-in belongs to.
    unit: String,
    path: String,
    is_drop_in: bool,
    root: Node,
}

impl UnitFile {
    pub(crate) fn new(path: &str, root: Node) -> Self {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        let is_unit = |unit: &&str| unit.ends_with(".service") || unit.ends_with(".container");
        let unit = folder.and_then(|folder| folder.strip_suffix(".d")).filter(is_unit);
        Self {
            unit: unit.unwrap_or(path).to_owned(),
            path: path.to_owned(),
            is_drop_in: unit.is_some(),
            root,
        }
    }
}

/// Returns whether a source is a unit of a service or of a container, or a drop-in of one: its first line is a section, and it has
/// `[Service]` or `[Container]`.
pub(crate) fn is_unit(source: &Source) -> bool {
    let mut lines =
        source.text().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let is_section = |line: &str| line.starts_with('[') && line.ends_with(']') && !line.contains(['"', ',']);
    lines.next().is_some_and(|first| {
        let is_known = |line: &str| matches!(line, "[Service]" | "[Container]");
        is_section(first) && (is_known(first) || lines.any(is_known))
    })
}

/// Returns whether a source has the name of a unit or of a drop-in.
pub(crate) fn has_unit_name(source: &Source) -> bool {
    [".service", ".container", ".timer", ".conf"].iter().any(|ending| source.name().ends_with(ending))
}

/// Turns unit files into workloads: each unit with its drop-ins, which are applied in the order of their names.
pub(crate) fn join(workloads: &mut Vec<Workload>, mut files: Vec<UnitFile>) {
    files.sort_by(|a, b| (&a.unit, a.is_drop_in, &a.path).cmp(&(&b.unit, b.is_drop_in, &b.path)));
    let mut files = files.into_iter().peekable();
    while let Some(UnitFile { unit, is_drop_in, mut root, .. }) = files.next() {
        while let Some(drop_in) = files.next_if(|next| next.unit == unit) {
            merge(&mut root, drop_in.root);
        }
        let name = unit.rsplit('/').next().unwrap_or(&unit);
        // Without the unit itself, what its drop-ins do not say is unknown.
        if root.get(quadlet::SECTION).is_some() || unit.ends_with(".container") {
            workloads.extend(quadlet::container(name, &root, !is_drop_in));
        } else {
            workloads.extend(service(name, &root, !is_drop_in));
        }
    }
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
            // Commands add up; an empty value came first if they are to be replaced, and is no longer visible: the drop-in's are
            // then all. Other keys have one value, the last.
            if entry.key.starts_with("Environment")
                || matches!(&*entry.key, "Label" | "PodmanArgs" | "PublishPort")
            {
                before.append(values);
                *values = before;
            }
        }
        entries.push(entry);
    }
}
