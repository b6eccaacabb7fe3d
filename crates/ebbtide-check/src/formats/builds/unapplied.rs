//! What a kustomization may change beside its patches: the result is not computed, so that the workloads it may be about are left out. What it generates
//! is noted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::scopes;
use crate::formats::paths::clean;
use crate::formats::scalar::{DRAIN, LAME_DUCK};
use crate::input::{Place, Problem, Sources};
use crate::model::Workload;
use crate::tree::Node;

/// The fields that may change any value of the resources.
pub(super) const KEYS: [&str; 4] = ["replacements", "transformers", "vars", "configurations"];

/// The fields that generate resources which are in no file.
pub(super) const GENERATORS: [&str; 3] = ["generators", "helmCharts", "helmChartInflationGenerator"];

/// The fields that add metadata to all resources, where the times of this check may be.
const METADATA: [&str; 3] = ["commonAnnotations", "commonLabels", "labels"];

/// A field of a kustomization that is not applied.
#[derive(Debug)]
pub(super) struct Unapplied {
    key: &'static str,
    place: Place,
    /// The kinds and the names of the resources that it is about, if it says so.
    targets: Option<Vec<(Option<String>, Option<String>)>>,
}

/// Reads the fields that are not applied.
pub(super) fn read(root: &Node) -> Vec<Unapplied> {
    let mut found = Vec::new();
    for key in KEYS {
        for node in root.list(key) {
            let targets = if key == "replacements" { targets(node) } else { None };
            found.push(Unapplied { key, place: node.place, targets });
        }
    }
    for key in METADATA {
        if let Some(node) = root.get(key).filter(|node| has_time(node)) {
            found.push(Unapplied { key, place: node.place, targets: None });
        }
    }
    found
}

/// Returns the fields that generate resources, each with its place.
pub(super) fn generators(root: &Node) -> Vec<(&'static str, Place)> {
    let written = |key: &&'static str| !root.list(key).is_empty();
    let named = GENERATORS.into_iter().filter(written);
    named.filter_map(|key| Some((key, root.entry(key)?.key_place))).collect()
}

/// Returns what a replacement is about. One in a file of its own may be about anything.
fn targets(replacement: &Node) -> Option<Vec<(Option<String>, Option<String>)>> {
    let target = |target: &Node| {
        let text = |key: &str| target.at(&["select", key]).and_then(Node::text).map(str::to_owned);
        (text("kind"), text("name"))
    };
    Some(replacement.get("targets")?.items().iter().map(target).collect())
}

fn has_time(node: &Node) -> bool {
    let entries = node.entries().iter();
    entries.clone().any(|entry| matches!(&*entry.key, DRAIN | LAME_DUCK) || has_time(&entry.node))
        || node.items().iter().any(has_time)
}

/// Leaves out the workloads that a kustomization in the input may change by more than its patches. Returns the notes about them.
pub(crate) fn leave_out(workloads: &mut Vec<Workload>, builds: &Builds, sources: &Sources) -> Vec<Problem> {
    let all = &builds.kustomizations;
    let folders: BTreeSet<&Path> = all.iter().map(|kustomization| &*kustomization.folder).collect();
    let mut changes: Vec<(BTreeSet<PathBuf>, &[Unapplied])> = Vec::new();
    let mut missing: Vec<(BTreeSet<PathBuf>, Place)> = Vec::new();
    for (kustomization, files) in all.iter().zip(scopes(all)) {
        let absent = kustomization.components.iter().find(|(path, _)| !folders.contains(&**path));
        if kustomization.unapplied.is_empty() && absent.is_none() {
            continue;
        }
        missing.extend(absent.map(|(_, place)| (files.clone(), *place)));
        changes.push((files, &kustomization.unapplied));
    }
    let mut notes: Vec<Problem> =
        all.iter().flat_map(|own| &own.generators).map(generated(sources)).collect();
    workloads.retain(|workload| {
        let path = clean(Path::new(sources.name(workload.place)));
        let in_scope = changes.iter().filter(|(files, _)| files.contains(&path));
        let change = in_scope.flat_map(|(_, own)| *own).find(|own| own.may_change(workload, sources));
        let absent = missing.iter().find(|(files, _)| files.contains(&path));
        let reason = match (change, absent) {
            (Some(own), _) => format!("`{}` of {}", own.key, sources.name(own.place)),
            (None, Some((_, place))) => {
                format!("a component that {} names and that is not in the input", sources.name(*place))
            }
            (None, None) => return true,
        };
        let message =
            format!("{} may be changed by {reason}: --render checks what that makes of it", workload.title());
        notes.push(Problem {
            place: Some(workload.place),
            ..Problem::note(sources.name(workload.place), message)
        });
        false
    });
    notes
}

fn generated(sources: &Sources) -> impl Fn(&(&'static str, Place)) -> Problem {
    |(key, place)| {
        let message = format!("what `{key}` generates is in no file: --render checks it");
        Problem { place: Some(*place), ..Problem::note(sources.name(*place), message) }
    }
}

impl Unapplied {
    fn may_change(&self, workload: &Workload, sources: &Sources) -> bool {
        // `vars` and their configuration replace `$(NAME)`.
        if matches!(self.key, "vars" | "configurations") {
            let text = sources.get(workload.place.source).map_or("", |source| source.text());
            return text.contains("$(");
        }
        let is = |own: &Option<String>, text: &str| own.as_deref().is_none_or(|own| own == text);
        let is_about = |(kind, name): &(Option<String>, Option<String>)| {
            is(kind, &workload.kind) && name.as_deref().is_none_or(|name| workload.is_named(name))
        };
        self.targets.as_ref().is_none_or(|targets| targets.iter().any(is_about))
    }
}
