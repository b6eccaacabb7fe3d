use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::Kustomization;
use crate::formats::paths::clean;
use crate::input::{Place, Problem, SourceId, Sources};
use crate::model::{Declared, Workload};
use crate::tree::{Node, parse_yaml};

/// What a kustomization changes in the resources that it is made of.
#[derive(Debug)]
pub(super) struct Patch {
    body: Body,
    /// The kind and the name of the resources that it is about, if it says so itself.
    kind: Option<String>,
    name: Option<String>,
    place: Place,
}

#[derive(Debug)]
enum Body {
    File(PathBuf),
    Inline(String),
    /// The transformer of the number of replicas.
    Replicas,
}

/// Keys that only lead to others.
const OUTER: [&str; 4] = ["metadata", "spec", "template", "containers"];

/// Keys of which no rule reads the value, and those that say what is patched.
const HARMLESS: [&str; 10] = [
    "apiVersion",
    "kind",
    "name",
    "namespace",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "resources",
    "affinity",
    "tolerations",
];

/// Reads the patches of a kustomization.
pub(super) fn read(folder: &Path, root: &Node) -> Vec<Patch> {
    let file = |path: &str| Body::File(clean(&folder.join(path)));
    let with_target = ["patches", "patchesJson6902"].iter().flat_map(|key| root.list(key));
    let with_target = with_target.filter_map(|node| {
        let target = node.get("target");
        let text = |key: &str| target.and_then(|target| target.text_of(key)).map(str::to_owned);
        let body = match (node.text_of("path"), node.text_of("patch")) {
            (Some(path), _) => file(path),
            (None, Some(patch)) => Body::Inline(patch.to_owned()),
            (None, None) => return None,
        };
        Some(Patch { body, kind: text("kind"), name: text("name"), place: node.place })
    });
    let merges = root.list("patchesStrategicMerge").iter().filter_map(|node| {
        let text = node.text()?;
        let body = if text.contains('\n') { Body::Inline(text.to_owned()) } else { file(text) };
        Some(Patch { body, kind: None, name: None, place: node.place })
    });
    let replicas = root.list("replicas").iter().filter_map(|node| {
        let name = node.text_of("name")?.to_owned();
        Some(Patch { body: Body::Replicas, kind: None, name: Some(name), place: node.place })
    });
    with_target.chain(merges).chain(replicas).collect()
}

/// Leaves out the workloads that a kustomization in the input patches, and the patches themselves, which are parts of workloads. Where a patch
/// sets nothing but the grace period or the number of replicas, that alone is not known. Returns the notes about them.
pub(crate) fn apply_patches(
    workloads: &mut Vec<Workload>,
    builds: &Builds,
    sources: &Sources,
) -> Vec<Problem> {
    let all = &builds.kustomizations;
    if all.iter().all(|kustomization| kustomization.patches.is_empty()) {
        return Vec::new();
    }
    let ids: HashMap<PathBuf, SourceId> =
        sources.iter().map(|(id, source)| (clean(Path::new(source.name())), id)).collect();
    let mut parts: BTreeSet<PathBuf> = BTreeSet::new();
    let mut changes: Vec<(BTreeSet<PathBuf>, Vec<Change<'_>>)> = Vec::new();
    for kustomization in all.iter().filter(|kustomization| !kustomization.patches.is_empty()) {
        let own = kustomization.patches.iter();
        parts.extend(own.clone().filter_map(|patch| match &patch.body {
            Body::File(path) => Some(path.clone()),
            Body::Inline(_) | Body::Replicas => None,
        }));
        let all_changes = own.flat_map(|patch| changes_of(patch, &ids, sources));
        changes.push((scope(kustomization, all), all_changes.collect()));
    }
    let (mut notes, mut left_out, mut applied) = (Vec::new(), Vec::new(), BTreeSet::new());
    workloads.retain_mut(|workload| {
        let path = clean(Path::new(sources.name(workload.place)));
        if parts.contains(&path) {
            left_out.push((path, workload.place));
            return false;
        }
        let in_scope = changes.iter().filter(|(files, _)| files.contains(&path));
        let mut noted: Option<&Change<'_>> = None;
        let mut is_known = true;
        let in_scope = in_scope.flat_map(|(_, changes)| changes);
        let about: Vec<&Change<'_>> = in_scope.filter(|change| change.is_about(workload)).collect();
        for change in about {
            if let Body::File(path) = &change.patch.body {
                applied.insert(path);
            }
            let touched = &change.touched;
            if touched.replicas {
                workload.replicas = Declared::Unresolved(change.patch.place);
            }
            if touched.grace {
                workload.grace = Declared::Unresolved(change.patch.place);
                workload.grace_slot = None;
            }
            is_known &= !touched.others;
            if touched.grace || touched.others {
                noted = noted.filter(|noted| noted.touched.others).or(Some(change));
            }
        }
        notes.extend(noted.map(|change| note(workload, change, sources)));
        is_known
    });
    // What they patch is elsewhere.
    left_out.retain(|(path, _)| !applied.contains(path));
    notes.extend(left_out.into_iter().map(|(_, place)| Problem {
        place: Some(place),
        ..Problem::note(
            sources.name(place),
            "patch of a kustomization, and what it patches is not in the input",
        )
    }));
    notes
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

/// Returns the files whose resources the patches of a kustomization are about: those of a component are about whatever includes it.
fn scope(kustomization: &Kustomization, all: &[Kustomization]) -> BTreeSet<PathBuf> {
    let mut by_folder: HashMap<&Path, Vec<&Kustomization>> = HashMap::new();
    for other in all {
        by_folder.entry(&other.folder).or_default().push(other);
    }
    let mut files = kustomization.files(&by_folder);
    if kustomization.is_component {
        let including = all.iter().map(|other| other.files(&by_folder));
        files.extend(including.filter(|files| files.contains(&kustomization.folder)).flatten());
    }
    files
}

/// What a patch, or a document of one, does to the resources that it is about.
struct Change<'p> {
    patch: &'p Patch,
    kind: Option<String>,
    name: Option<String>,
    touched: Touched,
}

impl Change<'_> {
    fn is_about(&self, workload: &Workload) -> bool {
        // A target is a pattern.
        let matches = |pattern: &Option<String>, text: &str| {
            pattern
                .as_ref()
                .is_none_or(|own| own == text || own.contains(['*', '|', '+', '?', '[', '(', '^', '$']))
        };
        matches(&self.kind, &workload.kind) && matches(&self.name, &workload.name)
    }
}

fn changes_of<'p>(patch: &'p Patch, ids: &HashMap<PathBuf, SourceId>, sources: &Sources) -> Vec<Change<'p>> {
    let unknown = Touched { others: true, ..Touched::default() };
    let (kind, name) = (patch.kind.clone(), patch.name.clone());
    let whole = |touched| vec![Change { patch, kind: kind.clone(), name: name.clone(), touched }];
    let (id, text) = match &patch.body {
        Body::Replicas => return whole(Touched { replicas: true, ..Touched::default() }),
        Body::Inline(text) => (patch.place.source, text.as_str()),
        Body::File(path) => match ids.get(path).and_then(|id| Some((*id, sources.get(*id)?.text()))) {
            Some(file) => file,
            // Without a target it is not known what it is about.
            None if patch.kind.is_none() && patch.name.is_none() => return Vec::new(),
            None => return whole(unknown),
        },
    };
    let parsed = parse_yaml(id, text);
    if !parsed.errors.is_empty() {
        return whole(unknown);
    }
    let change = |root: &Node| {
        let mut touched = Touched::default();
        touched.add_document(root);
        let own = |key: &str, value: Option<&Node>| {
            let target = if key == "kind" { &patch.kind } else { &patch.name };
            let has_target = patch.kind.is_some() || patch.name.is_some();
            let of_body = value.and_then(Node::text).map(str::to_owned);
            if has_target { target.clone() } else { of_body }
        };
        let (kind, name) = (own("kind", root.get("kind")), own("name", root.at(&["metadata", "name"])));
        Change { patch, kind, name, touched }
    };
    parsed.documents.iter().map(|document| change(&document.root)).collect()
}

/// What a patch sets.
#[derive(Debug, Default)]
struct Touched {
    grace: bool,
    replicas: bool,
    others: bool,
}

impl Touched {
    /// Adds a document of a strategic merge, or a list of operations on JSON.
    fn add_document(&mut self, root: &Node) {
        if root.items().is_empty() {
            self.add_value(root);
        }
        for operation in root.items() {
            let steps = operation.text_of("path").unwrap_or_default().split('/');
            let is_index = |step: &str| step == "-" || step.bytes().all(|byte| byte.is_ascii_digit());
            let mut steps = steps.filter(|step| !is_index(step));
            match steps.find(|step| !OUTER.contains(step)) {
                Some(step) => self.add_key(step),
                None => match operation.get("value").filter(|_| operation.text_of("op") != Some("remove")) {
                    Some(value) => self.add_value(value),
                    None => self.others = true,
                },
            }
        }
    }

    fn add_value(&mut self, value: &Node) {
        for node in value.items() {
            self.add_value(node);
        }
        for entry in value.entries() {
            if OUTER.contains(&&*entry.key) {
                self.add_value(&entry.node);
            } else {
                self.add_key(&entry.key);
            }
        }
    }

    fn add_key(&mut self, key: &str) {
        match key {
            "terminationGracePeriodSeconds" => self.grace = true,
            "replicas" => self.replicas = true,
            _ => self.others |= !HARMLESS.contains(&key),
        }
    }
}
