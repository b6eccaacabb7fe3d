use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::inline::Lines;
use super::target::Target;
use super::touched::Touched;
use super::{operations, strategic};
use crate::formats::paths::clean;
use crate::input::{Place, SourceId, Sources};
use crate::model::Workload;
use crate::tree::{Node, parse_yaml};

/// What a kustomization changes in the resources that it is made of.
#[derive(Debug)]
pub(super) struct Patch {
    body: Body,
    /// The resources that it is about, if it says so itself.
    target: Option<Target>,
    pub(super) place: Place,
    /// Whether it is applied after the names are changed: it may name the new one too.
    is_late: bool,
}

#[derive(Debug)]
enum Body {
    File(PathBuf),
    /// A text, with the place of its scalar.
    Inline(String, Place),
    /// The transformer of the number of replicas.
    Replicas,
}

/// Reads the patches of a kustomization, in the order in which it applies them.
pub(super) fn read(folder: &Path, root: &Node) -> Vec<Patch> {
    let file = |path: &str| Body::File(clean(&folder.join(path)));
    let of_key = |key: &'static str| root.list(key).iter().map(move |node| (node, key == "patchesJson6902"));
    let with_target = ["patches", "patchesJson6902"].into_iter().flat_map(of_key);
    let with_target = with_target.filter_map(|(node, is_late)| {
        let body = match (node.text_of("path"), node.get("patch")) {
            (Some(path), _) => file(path),
            (None, Some(patch)) => Body::Inline(patch.text()?.to_owned(), patch.place),
            (None, None) => return None,
        };
        Some(Patch { body, target: node.get("target").map(Target::read), place: node.place, is_late })
    });
    let merges = root.list("patchesStrategicMerge").iter().filter_map(|node| {
        let text = node.text()?;
        let body = if text.contains('\n') { Body::Inline(text.to_owned(), node.place) } else { file(text) };
        Some(Patch { body, target: None, place: node.place, is_late: false })
    });
    let replicas = root.list("replicas").iter().filter_map(|node| {
        let target = Target::of_name(node.text_of("name")?);
        Some(Patch { body: Body::Replicas, target: Some(target), place: node.place, is_late: true })
    });
    merges.chain(with_target).chain(replicas).collect()
}

impl Patch {
    /// Returns the file that it is.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.body {
            Body::File(path) => Some(path),
            Body::Inline(..) | Body::Replicas => None,
        }
    }
}

/// What a patch, or a document of one, does to the resources that it is about.
pub(super) struct Change<'p> {
    pub(super) patch: &'p Patch,
    target: Target,
    pub(super) touched: Touched,
    /// What is merged, or the operations. Nothing if that is not known.
    body: Option<Node>,
}

impl Change<'_> {
    /// Returns how many of the names of a workload it may use, of which the kustomization itself gives the last one: kustomize finds a resource
    /// by each name that it has had.
    pub(super) fn known<'n>(&self, names: &'n [String], is_renaming: bool) -> &'n [String] {
        let last = usize::from(is_renaming && !self.patch.is_late);
        names.get(..names.len().saturating_sub(last)).unwrap_or(names)
    }

    pub(super) fn is_about(&self, workload: &Workload, names: &[String]) -> bool {
        self.target.may_be(&workload.kind, names)
    }

    /// Returns an object with the change. `None`: what it makes of the object is not certain.
    pub(super) fn apply(&self, object: &Node, names: &[String]) -> Option<Node> {
        let body = self.body.as_ref().filter(|_| self.target.is(object, names))?;
        if body.items().is_empty() {
            is_built_in(object).then(|| strategic::merge(object, body))?
        } else {
            operations::apply(object, body)
        }
    }
}

/// Returns whether the schema of an object is one that kustomize has.
fn is_built_in(object: &Node) -> bool {
    let version = object.text_of("apiVersion").unwrap_or_default();
    matches!(version.split_once('/').map_or("", |(group, _)| group), "" | "apps" | "batch" | "extensions")
}

/// Returns the changes of a patch, one for each of its documents. No place in one is edited.
pub(super) fn changes_of<'p>(
    patch: &'p Patch,
    ids: &HashMap<PathBuf, SourceId>,
    uneditable: &mut Vec<Place>,
    sources: &Sources,
) -> Vec<Change<'p>> {
    let whole = |touched| {
        let target = patch.target.clone().unwrap_or_default();
        vec![Change { patch, target, touched, body: None }]
    };
    let (id, text, lines) = match &patch.body {
        Body::Replicas => return whole(Touched::replicas()),
        Body::Inline(text, scalar) => {
            uneditable.push(*scalar);
            let source = sources.get(scalar.source);
            let lines = source.and_then(|source| Lines::find(source, *scalar, text));
            (scalar.source, text.as_str(), Some(lines))
        }
        Body::File(path) => match ids.get(path).and_then(|id| Some((*id, sources.get(*id)?.text()))) {
            Some((id, text)) => {
                uneditable.push(Place::new(id, 0, text.len()));
                (id, text, None)
            }
            // Without a target it is not known what it is about.
            None if patch.target.is_none() => return Vec::new(),
            None => return whole(Touched::unknown()),
        },
    };
    let parsed = parse_yaml(id, text);
    if !parsed.errors.is_empty() {
        return whole(Touched::unknown());
    }
    let change = |mut root: Node| {
        let mut touched = Touched::default();
        touched.add_document(&root);
        let target = patch.target.clone().unwrap_or_else(|| Target::of_object(&root));
        let body = match &lines {
            None => Some(root),
            Some(lines) => lines.as_ref().map(|lines| {
                lines.relocate(&mut root);
                root
            }),
        };
        Change { patch, target, touched, body }
    };
    parsed.documents.into_iter().map(|document| change(document.root)).collect()
}

/// Returns the files that are patches.
pub(super) fn files<'p>(patches: impl Iterator<Item = &'p Patch>) -> BTreeSet<PathBuf> {
    patches.filter_map(|patch| patch.file().map(Path::to_owned)).collect()
}
