//! What kustomizations make of the workloads of the files that they name.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::{Kustomization, scopes};
use super::names::Affix;
use super::patches::{Change, changes_of, files};
use crate::formats::kubernetes;
use crate::formats::paths::clean;
use crate::input::{Place, Problem, SourceId, Sources};
use crate::model::{Declared, Workload};
use crate::tree::{Node, parse_yaml};

/// The most kustomizations of one file that are distinguished. Of more than these none is applied.
const MAX_OVERLAYS: usize = 16;

/// Applies the patches of the kustomizations in the input, and leaves out the patches themselves, which are parts of workloads. A workload that
/// several kustomizations are made of, such as those of environments, is there as each of them makes it. Where a patch is not applied, the
/// workload is left out; if it sets nothing but the grace period or the number of replicas, that alone is not known. Returns the notes about
/// them.
pub(crate) fn apply_patches(
    workloads: &mut Vec<Workload>,
    uneditable: &mut Vec<Place>,
    builds: &Builds,
    sources: &Sources,
) -> Vec<Problem> {
    let all = &builds.kustomizations;
    if all.iter().all(|kustomization| kustomization.patches.is_empty() && kustomization.affix.is_empty()) {
        return Vec::new();
    }
    let parts = files(all.iter().flat_map(|kustomization| &kustomization.patches));
    let overlays = Overlays::new(all, uneditable, sources);
    let (mut notes, mut left_out, mut applied) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut trees: HashMap<SourceId, HashMap<Place, Node>> = HashMap::new();
    for workload in std::mem::take(workloads) {
        let path = clean(Path::new(sources.name(workload.place)));
        if parts.contains(&path) {
            left_out.push((path, workload.place));
            continue;
        }
        let chains = overlays.about(&path, &workload);
        applied
            .extend(chains.iter().flat_map(|made| &made.steps).filter_map(|step| step.change.patch.file()));
        // Those that do not change it make the same of it, but for the name.
        let (unchanged, changed): (Vec<_>, Vec<_>) =
            chains.into_iter().partition(|made| made.steps.is_empty());
        if !unchanged.is_empty() || changed.is_empty() {
            let mut names = unchanged.iter().map(|made| &made.names);
            let first = names.next().cloned().unwrap_or_default();
            let renamed = if names.all(|other| *other == first) { first } else { Vec::new() };
            workloads.push(Workload { renamed, ..workload.clone() });
        }
        if changed.is_empty() {
            continue;
        }
        let id = workload.place.source;
        let objects = trees.entry(id).or_insert_with(|| objects(id, sources));
        let object = objects.get(&workload.place).filter(|_| changed.len() <= MAX_OVERLAYS);
        for made in changed {
            let (patched, note) = patched(&workload, &made.steps, object, sources);
            workloads.extend(patched.map(|patched| Workload { renamed: made.names, ..patched }));
            notes.extend(note.filter(|note| !notes.contains(note)));
        }
    }
    // What they patch is elsewhere.
    left_out.retain(|(path, _)| !applied.contains(path.as_path()));
    notes.extend(left_out.into_iter().map(|(_, place)| Problem {
        place: Some(place),
        ..Problem::note(
            sources.name(place),
            "patch of a kustomization, and what it patches is not in the input",
        )
    }));
    notes
}

fn objects(id: SourceId, sources: &Sources) -> HashMap<Place, Node> {
    let parsed = sources.get(id).map(|source| parse_yaml(id, source.text())).unwrap_or_default();
    parsed.documents.iter().flat_map(|document| kubernetes::objects(&document.root)).collect()
}

/// Returns a workload as changes make it, and the note about one that is not applied.
fn patched(
    workload: &Workload,
    steps: &[Step<'_, '_>],
    object: Option<&Node>,
    sources: &Sources,
) -> (Option<Workload>, Option<Problem>) {
    let mut object = object.cloned();
    let mut left: Vec<&Change<'_>> = Vec::new();
    for step in steps {
        match object.as_ref().and_then(|object| step.change.apply(object, &step.names)) {
            Some(changed) => object = Some(changed),
            None => left.push(step.change),
        }
    }
    let read =
        object.filter(|_| left.len() < steps.len()).and_then(|object| kubernetes::workload_of(&object));
    if read.is_none() {
        left = steps.iter().map(|step| step.change).collect();
    }
    let mut patched = read.unwrap_or_else(|| workload.clone());
    let mut noted: Option<&Change<'_>> = None;
    let mut is_known = true;
    for change in left {
        let touched = &change.touched;
        if touched.replicas {
            patched.replicas = Declared::Unresolved(change.patch.place);
        }
        if touched.grace {
            patched.grace = Declared::Unresolved(change.patch.place);
            patched.grace_slot = None;
        }
        is_known &= !touched.others;
        if touched.grace || touched.others {
            noted = noted.filter(|noted| noted.touched.others).or(Some(change));
        }
    }
    let note = noted.map(|change| note(workload, change, sources));
    (Some(patched).filter(|_| is_known), note)
}

fn note(workload: &Workload, change: &Change<'_>, sources: &Sources) -> Problem {
    let what = if change.touched.others {
        workload.title()
    } else {
        format!("grace period of {}", workload.title())
    };
    let patched = sources.name(change.patch.place);
    Problem {
        place: Some(workload.place),
        ..Problem::note(
            sources.name(workload.place),
            format!("{what} is patched by {patched}: --render checks what that makes of it"),
        )
    }
}

/// What a kustomization makes of a workload, and the names that it gives it.
struct Made<'o, 'k> {
    steps: Vec<Step<'o, 'k>>,
    names: Vec<String>,
}

/// A change, and the names that the workload has had before it.
struct Step<'o, 'k> {
    change: &'o Change<'k>,
    names: Vec<String>,
}

/// The kustomizations with what their patches change.
pub(super) struct Overlays<'k> {
    all: Vec<Overlay<'k>>,
    by_folder: HashMap<&'k Path, Vec<usize>>,
}

struct Overlay<'k> {
    kustomization: &'k Kustomization,
    /// The files whose resources its patches are about.
    scope: BTreeSet<PathBuf>,
    changes: Vec<Change<'k>>,
    /// Whether another one is made of it.
    is_included: bool,
}

impl<'k> Overlays<'k> {
    fn new(all: &'k [Kustomization], uneditable: &mut Vec<Place>, sources: &Sources) -> Self {
        let ids: HashMap<PathBuf, SourceId> =
            sources.iter().map(|(id, source)| (clean(Path::new(source.name())), id)).collect();
        Self::with(all, |kustomization| {
            let patches = kustomization.patches.iter();
            patches.flat_map(|patch| changes_of(patch, &ids, uneditable, sources)).collect()
        })
    }

    /// Creates those of which the names alone count.
    pub(super) fn of_names(all: &'k [Kustomization]) -> Self {
        Self::with(all, |_| Vec::new())
    }

    fn with(all: &'k [Kustomization], mut changes: impl FnMut(&'k Kustomization) -> Vec<Change<'k>>) -> Self {
        let mut by_folder: HashMap<&Path, Vec<usize>> = HashMap::new();
        for (at, kustomization) in all.iter().enumerate() {
            by_folder.entry(&kustomization.folder).or_default().push(at);
        }
        let included: BTreeSet<&Path> =
            all.iter().flat_map(|other| &other.resources).map(PathBuf::as_path).collect();
        let mut overlay = |(kustomization, scope): (&'k Kustomization, BTreeSet<PathBuf>)| {
            let changes = changes(kustomization);
            let is_included = included.contains(kustomization.folder.as_path());
            Overlay { kustomization, scope, changes, is_included }
        };
        Self { all: all.iter().zip(scopes(all)).map(&mut overlay).collect(), by_folder }
    }

    /// Returns the changes of a workload, in the order in which they are applied, for each kustomization that is part of no other.
    fn about<'o>(&'o self, path: &'o Path, workload: &Workload) -> Vec<Made<'o, 'k>> {
        let made = |chain: Vec<&'o Overlay<'k>>| {
            let mut names = vec![workload.name.clone()];
            let mut steps = Vec::new();
            for overlay in chain {
                let affix = &overlay.kustomization.affix;
                let renamed = names.last().filter(|_| !affix.is_empty()).map(|name| affix.around(name));
                names.extend(renamed);
                for change in &overlay.changes {
                    let known = change.known(&names, !affix.is_empty());
                    if change.is_about(workload, known) {
                        steps.push(Step { change, names: known.to_vec() });
                    }
                }
            }
            Made { steps, names: names.split_off(1) }
        };
        self.chains(path).map(made).collect()
    }

    /// Returns what the names in a file begin and end with in the end: once for each result.
    pub(super) fn affixes<'o>(&'o self, path: &'o Path) -> Vec<Affix> {
        let whole = |chain: Vec<&Overlay<'k>>| {
            let affixes = chain.iter().map(|overlay| &overlay.kustomization.affix);
            affixes.fold(Affix::default(), |inner, outer| inner.within(outer))
        };
        let mut all: Vec<Affix> = self.chains(path).map(whole).collect();
        all.dedup();
        all
    }

    /// Returns the kustomizations that a file is a part of, the inner ones first, for each that is part of no other.
    fn chains<'o>(&'o self, path: &'o Path) -> impl Iterator<Item = Vec<&'o Overlay<'k>>> {
        let last =
            (0..).zip(&self.all).filter(|(_, overlay)| !overlay.is_included && overlay.scope.contains(path));
        last.map(move |(at, _)| {
            let mut order = Vec::new();
            self.visit(at, &mut BTreeSet::new(), &mut order);
            order.retain(|overlay| overlay.scope.contains(path));
            order
        })
    }

    /// Adds what a kustomization is made of, and then itself.
    fn visit<'o>(&'o self, at: usize, seen: &mut BTreeSet<usize>, order: &mut Vec<&'o Overlay<'k>>) {
        let Some(overlay) = self.all.get(at).filter(|_| seen.insert(at)) else { return };
        for folder in &overlay.kustomization.resources {
            for inner in self.by_folder.get(folder.as_path()).into_iter().flatten() {
                self.visit(*inner, seen, order);
            }
        }
        order.push(overlay);
    }
}
