use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::names::Affix;
use super::patches::{self, Patch};
use super::scope::Common;
use super::unapplied::{self, Unapplied};
use crate::formats::paths::clean;
use crate::input::Place;
use crate::model::repository;
use crate::tree::Node;

/// A kustomization: the files that it is made of, and what it changes in them.
#[derive(Debug)]
pub(super) struct Kustomization {
    pub(super) folder: PathBuf,
    /// The files and folders, in the order in which they are read.
    pub(super) resources: Vec<PathBuf>,
    /// What it adds to each of them.
    pub(super) common: Common,
    /// The names without tags, and those that take their place.
    pub(super) renames: Vec<(String, String)>,
    pub(super) patches: Vec<Patch>,
    pub(super) affix: Affix,
    /// What else may change its resources.
    pub(super) unapplied: Vec<Unapplied>,
    /// The fields that generate resources.
    pub(super) generators: Vec<(&'static str, Place)>,
    pub(super) components: Vec<(PathBuf, Place)>,
    /// Whether it is a part of the kustomizations that name it.
    pub(super) is_component: bool,
}

/// Returns whether a document is a kustomization. Its kind may be left out.
pub(super) fn is_kustomization(name: &str, root: &Node) -> bool {
    let is_named = matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization");
    let kind = root.text_of("kind");
    let keys =
        ["resources", "bases", "images", "components", "patches", "patchesStrategicMerge", "patchesJson6902"];
    let has_keys =
        keys.iter().chain(&unapplied::KEYS).chain(&unapplied::GENERATORS).any(|key| root.get(key).is_some());
    is_named && (matches!(kind, Some("Kustomization" | "Component")) || kind.is_none() && has_keys)
}

pub(super) fn read(folder: PathBuf, root: &Node) -> Kustomization {
    let folder = clean(&folder);
    let named = ["resources", "bases", "components"].iter().flat_map(|key| root.list(key));
    let resources = named.filter_map(Node::text).map(|path| clean(&folder.join(path))).collect();
    let rename = |image: &Node| {
        let (name, new) = (image.text_of("name")?, image.text_of("newName")?);
        Some((repository(name)?.to_owned(), repository(new)?.to_owned()))
    };
    let component = |node: &Node| Some((clean(&folder.join(node.text()?)), node.place));
    let components = root.list("components").iter().filter_map(component).collect();
    Kustomization {
        resources,
        common: Common::read(root),
        renames: root.list("images").iter().filter_map(rename).collect(),
        patches: patches::read(&folder, root),
        affix: Affix::read(root),
        unapplied: unapplied::read(root),
        generators: unapplied::generators(root),
        components,
        is_component: root.text_of("kind") == Some("Component"),
        folder,
    }
}

impl Kustomization {
    /// Returns the files that it is made of, through other kustomizations too.
    pub(super) fn files(&self, all: &HashMap<&Path, Vec<&Self>>) -> BTreeSet<PathBuf> {
        let mut files: BTreeSet<PathBuf> = BTreeSet::new();
        let mut left: Vec<&Path> = self.resources.iter().map(PathBuf::as_path).collect();
        while let Some(path) = left.pop() {
            if files.insert(path.to_owned()) {
                let inner = all.get(path).into_iter().flatten();
                left.extend(inner.flat_map(|other| &other.resources).map(PathBuf::as_path));
            }
        }
        files
    }
}

/// Returns the files whose resources each kustomization is about: those of a component are about whatever includes it.
pub(super) fn scopes(all: &[Kustomization]) -> Vec<BTreeSet<PathBuf>> {
    let mut by_folder: HashMap<&Path, Vec<&Kustomization>> = HashMap::new();
    for kustomization in all {
        by_folder.entry(&kustomization.folder).or_default().push(kustomization);
    }
    let files: Vec<BTreeSet<PathBuf>> =
        all.iter().map(|kustomization| kustomization.files(&by_folder)).collect();
    let scope = |(kustomization, own): (&Kustomization, &BTreeSet<PathBuf>)| {
        let mut scope = own.clone();
        if kustomization.is_component {
            let including = files.iter().filter(|files| files.contains(&kustomization.folder));
            scope.extend(including.flatten().cloned());
        }
        scope
    };
    all.iter().zip(&files).map(scope).collect()
}
