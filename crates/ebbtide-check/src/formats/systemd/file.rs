use super::kube::Player;
use super::links::Links;
use super::merge::{UnitFile, merged};
use super::{quadlet, service::service};
use crate::formats::kubernetes;
use crate::input::{Place, Problem, Source, SourceId, Sources, UNITS, UnitRole, drop_ins_of, unit_kind};
use crate::model::Workload;

/// Begins of lines that a unit has which was meant to have a shutdown, also if it is broken.
const MARKS: [&str; 11] = [
    "[Unit]",
    "[Install]",
    "[Service",
    "[Container",
    "[Kube",
    "[Build",
    "[Image",
    "ExecStart",
    "Image=",
    "ImageTag=",
    "Yaml=",
];

/// Returns whether a source is a unit of a service, or of a container, of pods or of an image of Podman, or a drop-in of one: its first line is a
/// section, and it has the section of its kind.
pub(crate) fn is_unit(source: &Source) -> bool {
    let mut lines =
        source.text().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let is_section = |line: &str| line.starts_with('[') && line.ends_with(']') && !line.contains(['"', ',']);
    let is_known = |line: &str| {
        let kind = UNITS.iter().find(|kind| kind.section == line);
        kind.is_some_and(|kind| match kind.role {
            UnitRole::Program => true,
            // Other programs have sections of the names that images and pods have here.
            UnitRole::Image | UnitRole::Pod => source.name().ends_with(kind.ending),
            UnitRole::Resource => false,
        })
    };
    lines.next().is_some_and(|first| is_section(first) && (is_known(first) || lines.any(is_known)))
}

/// Returns whether a source that is no unit hides files of its name in folders that count less: an empty unit, or a drop-in.
pub(crate) fn is_mask(source: &Source) -> bool {
    let (folder, name) = source.name().rsplit_once('/').unwrap_or(("", source.name()));
    let is_drop_in = drop_ins_of(folder.rsplit('/').next().unwrap_or(folder)).is_some();
    if is_drop_in { name.ends_with(".conf") } else { source.text().is_empty() && has_unit_name(source) }
}

/// Returns what a source of the name of a unit with a shutdown lacks, if it was meant to be one: in a folder, services of D-Bus have such names too.
pub(crate) fn broken(source: &Source) -> Option<&'static str> {
    let is_named =
        unit_kind(source.name()).is_some_and(|kind| matches!(kind.role, UnitRole::Program | UnitRole::Image));
    let mut lines = source.text().lines().map(str::trim);
    let is_meant = source.is_required() || lines.any(|line| MARKS.iter().any(|mark| line.starts_with(mark)));
    (is_named && is_meant)
        .then_some("no unit: expected a section [Service], [Container], [Kube], [Build] or [Image]")
}

/// Returns the first line that shows what a broken unit was meant to be.
pub(crate) fn broken_line(id: SourceId, source: &Source) -> Option<Place> {
    let mut start = 0_usize;
    source.text().split_inclusive('\n').find_map(|line| {
        let place = Place::new(id, start, start.saturating_add(line.trim_end().len()));
        start = start.saturating_add(line.len());
        let is_meant =
            line.trim_start().starts_with('[') || MARKS.iter().any(|mark| line.trim().starts_with(mark));
        is_meant.then_some(place)
    })
}

/// Returns that a source is a unit of Podman whose stop is that of other units.
pub(crate) fn without_program(source: &Source) -> Option<&'static str> {
    let kind = unit_kind(source.name())?;
    let has_section = || source.text().lines().any(|line| line.trim() == kind.section);
    match kind.role {
        UnitRole::Pod if has_section() => {
            Some("unit of a pod: its containers stop by the units of their own")
        }
        UnitRole::Resource if has_section() => Some(match kind.ending {
            ".volume" => "unit of a volume, which has no program to stop",
            _ => "unit of a network, which has no program to stop",
        }),
        _ => None,
    }
}

/// Returns whether a source has the name of a unit or of a drop-in.
pub(crate) fn has_unit_name(source: &Source) -> bool {
    let name = source.name();
    unit_kind(name).is_some() || name.ends_with(".timer") || name.ends_with(".conf")
}

/// Turns unit files into workloads: each unit with its drop-ins, which are applied in the order of their file names. Returns what could not be read.
pub(crate) fn join(
    workloads: &mut Vec<Workload>,
    files: Vec<UnitFile>,
    objects: &kubernetes::Objects,
    sources: &Sources,
) -> Vec<Problem> {
    let units = merged(files);
    let links = Links::new(&units);
    let mut player = Player::new(objects, sources);
    for unit in &units {
        let has =
            |section: &str, ending: &str| unit.root.get(section).is_some() || unit.path.ends_with(ending);
        if has(quadlet::SECTION, ".container") {
            workloads.extend(quadlet::container(unit, &links));
        } else if has("Kube", ".kube") {
            player.play(unit, workloads);
        } else if unit.path.ends_with(".pod") {
            player.pod_unit(unit);
        } else if unit_kind(&unit.path).is_none_or(|kind| kind.role == UnitRole::Program) {
            workloads.extend(service(unit.name(), &unit.root, unit.is_whole));
        }
    }
    player.finish(workloads)
}
