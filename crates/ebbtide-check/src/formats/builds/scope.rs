//! What kustomizations add to everything that they are made of: a namespace, labels, selectors.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::Kustomization;
use crate::formats::kubernetes::{Overlaid, Overlay};
use crate::formats::paths::clean;
use crate::input::{SourceId, Sources};
use crate::tree::Node;

/// The most visits of kustomizations: those that share bases on many levels have more results than can be distinguished.
const MAX_VISITS: usize = 10_000;

/// The nesting of kustomizations that is followed.
const MAX_DEPTH: usize = 32;

/// The fields of a kustomization that are about each of its resources.
#[derive(Debug, Default)]
pub(super) struct Common {
    namespace: Option<String>,
    labels: Vec<(String, String)>,
    selectors: Vec<(String, String)>,
}

impl Common {
    pub(super) fn read(root: &Node) -> Self {
        let pairs = |node: Option<&Node>| {
            let entries = node.map_or(&[][..], Node::entries).iter();
            entries.filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned()))).collect()
        };
        let mut selectors: Vec<_> = pairs(root.get("commonLabels"));
        let mut templates = Vec::new();
        for item in root.list("labels") {
            let is = |key: &str| item.get(key).and_then(Node::boolean) == Some(true);
            if is("includeSelectors") {
                selectors.extend(pairs(item.get("pairs")));
            } else if is("includeTemplates") {
                templates.extend(pairs(item.get("pairs")));
            }
        }
        let labels = selectors.iter().cloned().chain(templates).collect();
        Self { namespace: root.text_of("namespace").map(str::to_owned), labels, selectors }
    }

    /// Adds it inside of what outer kustomizations add, which replaces it.
    fn within(&self, outer: &Overlay) -> Overlay {
        let added = |own: &[(String, String)], outer: &[(String, String)]| {
            let kept = own.iter().filter(|(key, _)| outer.iter().all(|(other, _)| other != key));
            kept.chain(outer).cloned().collect()
        };
        Overlay {
            outermost: outer.outermost,
            namespace: outer.namespace.clone().or_else(|| self.namespace.clone()),
            labels: added(&self.labels, &outer.labels),
            selectors: added(&self.selectors, &outer.selectors),
        }
    }
}

/// Returns what the kustomizations in the input add to the objects of each file.
pub(crate) fn overlaid(builds: &Builds, sources: &Sources) -> Overlaid {
    let all = &builds.kustomizations;
    if all.is_empty() {
        return Overlaid::default();
    }
    let included: BTreeSet<&Path> =
        all.iter().flat_map(|other| &other.resources).map(PathBuf::as_path).collect();
    let mut walk = Walk {
        by_folder: HashMap::new(),
        ids: sources.iter().map(|(id, source)| (clean(Path::new(source.name())), id)).collect(),
        visits: 0,
        found: Overlaid::default(),
    };
    for kustomization in all {
        walk.by_folder.entry(&kustomization.folder).or_default().push(kustomization);
    }
    let is_outermost = |own: &&Kustomization| !own.is_component && !included.contains(own.folder.as_path());
    for (outermost, kustomization) in all.iter().filter(is_outermost).enumerate() {
        walk.visit(kustomization, &Overlay { outermost, ..Overlay::default() }, 0);
    }
    if walk.visits < MAX_VISITS { walk.found } else { Overlaid::default() }
}

struct Walk<'k> {
    by_folder: HashMap<&'k Path, Vec<&'k Kustomization>>,
    ids: HashMap<PathBuf, SourceId>,
    visits: usize,
    found: Overlaid,
}

impl<'k> Walk<'k> {
    fn visit(&mut self, kustomization: &'k Kustomization, outer: &Overlay, depth: usize) {
        if depth > MAX_DEPTH || self.visits >= MAX_VISITS {
            return;
        }
        self.visits = self.visits.saturating_add(1);
        let overlay = kustomization.common.within(outer);
        for path in &kustomization.resources {
            if let Some(id) = self.ids.get(path) {
                self.found.add(*id, overlay.clone());
            }
            for inner in self.by_folder.get(path.as_path()).cloned().unwrap_or_default() {
                self.visit(inner, &overlay, depth.saturating_add(1));
            }
        }
    }
}
