//! What kustomizations make of the workloads of the files that they name.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::{Kustomization, scopes};
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
    if all.iter().all(|kustomization| kustomization.patches.is_empty()) {
        return Vec::new();
    }
    let parts = files(all.iter().flat_map(|kustomization| &kustomization.patches));
    let overlays = Overlays::new(all, uneditable, sources);
    let (mut notes, mut left_out, mut applied) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut trees: HashMap<SourceId, Vec<Node>> = HashMap::new();
    for workload in std::mem::take(workloads) {
        let path = clean(Path::new(sources.name(workload.place)));
        if parts.contains(&path) {
            left_out.push((path, workload.place));
            continue;
        }
        let chains = overlays.about(&path, &workload);
        applied.extend(chains.iter().flatten().filter_map(|change| change.patch.file()));
        if chains.iter().all(Vec::is_empty) {
            workloads.push(workload);
            continue;
        }
        let id = workload.place.source;
        let documents = trees.entry(id).or_insert_with(|| documents(id, sources));
        let object = documents.iter().find_map(|root| kubernetes::object_at(root, workload.place));
        let object = object.filter(|_| chains.len() <= MAX_OVERLAYS);
        let mut is_unchanged = false;
        for chain in chains {
            // Those that do not change it make the same of it.
            if chain.is_empty() && std::mem::replace(&mut is_unchanged, true) {
                continue;
            }
            let (patched, note) = patched(&workload, &chain, object, sources);
            workloads.extend(patched);
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

fn documents(id: SourceId, sources: &Sources) -> Vec<Node> {
    let parsed = sources.get(id).map(|source| parse_yaml(id, source.text())).unwrap_or_default();
    parsed.documents.into_iter().map(|document| document.root).collect()
}

/// Returns a workload as changes make it, and the note about one that is not applied.
fn patched(
    workload: &Workload,
    changes: &[&Change<'_>],
    object: Option<&Node>,
    sources: &Sources,
) -> (Option<Workload>, Option<Problem>) {
    let mut object = object.cloned();
    let mut left: Vec<&Change<'_>> = Vec::new();
    for change in changes {
        match object.as_ref().and_then(|object| change.apply(object)) {
            Some(changed) => object = Some(changed),
            None => left.push(change),
        }
    }
    let read =
        object.filter(|_| left.len() < changes.len()).and_then(|object| kubernetes::workload_of(&object));
    if read.is_none() {
        left = changes.to_vec();
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

/// The kustomizations with what their patches change.
struct Overlays<'k> {
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
        let mut by_folder: HashMap<&Path, Vec<usize>> = HashMap::new();
        for (at, kustomization) in all.iter().enumerate() {
            by_folder.entry(&kustomization.folder).or_default().push(at);
        }
        let included: BTreeSet<&Path> =
            all.iter().flat_map(|other| &other.resources).map(PathBuf::as_path).collect();
        let mut overlay = |(kustomization, scope): (&'k Kustomization, BTreeSet<PathBuf>)| {
            let patches = kustomization.patches.iter();
            let changes = patches.flat_map(|patch| changes_of(patch, &ids, uneditable, sources)).collect();
            let is_included = included.contains(kustomization.folder.as_path());
            Overlay { kustomization, scope, changes, is_included }
        };
        Self { all: all.iter().zip(scopes(all)).map(&mut overlay).collect(), by_folder }
    }

    /// Returns the changes of a workload, in the order in which they are applied, for each kustomization that is part of no other.
    fn about<'o>(&'o self, path: &Path, workload: &Workload) -> Vec<Vec<&'o Change<'k>>> {
        let last =
            (0..).zip(&self.all).filter(|(_, overlay)| !overlay.is_included && overlay.scope.contains(path));
        let chain = |(at, _)| {
            let mut order = Vec::new();
            self.visit(at, &mut BTreeSet::new(), &mut order);
            let overlays = order.into_iter().filter(|overlay| overlay.scope.contains(path));
            overlays.flat_map(|overlay| &overlay.changes).filter(|change| change.is_about(workload)).collect()
        };
        last.map(chain).collect()
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
