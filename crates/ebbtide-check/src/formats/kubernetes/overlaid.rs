use std::collections::HashMap;

use crate::input::SourceId;

/// What kustomizations add to the objects of the files that they are made of.
#[derive(Debug, Default)]
pub(crate) struct Overlaid {
    by_source: HashMap<SourceId, Vec<Overlay>>,
}

/// One result of a file: what the kustomizations around it add together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    /// The number of the outermost kustomization, whose objects are deployed together.
    pub(crate) outermost: usize,
    /// The namespace that replaces that of each object.
    pub(crate) namespace: Option<String>,
    /// What is added to the labels of pods.
    pub(crate) labels: Vec<(String, String)>,
    /// What is added to selectors.
    pub(crate) selectors: Vec<(String, String)>,
}

impl Overlaid {
    pub(crate) fn add(&mut self, source: SourceId, overlay: Overlay) {
        self.by_source.entry(source).or_default().push(overlay);
    }

    pub(super) fn of(&self, source: SourceId) -> &[Overlay] {
        self.by_source.get(&source).map_or(&[], Vec::as_slice)
    }

    /// Returns what every result of a file has. What only some of them have, such as those of some environments, is not known to be there.
    pub(super) fn in_each<'o, T>(
        &'o self,
        source: SourceId,
        find: impl Fn(&'o Overlay) -> Vec<&'o T>,
        is_same: impl Fn(&T, &T) -> bool,
    ) -> Vec<&'o T> {
        let mut all = self.of(source).iter();
        let mut found = all.next().map(&find).unwrap_or_default();
        for overlay in all {
            let others = find(overlay);
            found.retain(|item| others.iter().any(|other| is_same(item, other)));
        }
        found
    }
}

impl Overlay {
    /// Returns whether objects of two results are deployed to one namespace of one cluster. Without a namespace it is that of the deploy.
    pub(super) fn is_beside(&self, own: &Option<String>, other: &Self, others: &Option<String>) -> bool {
        let namespace =
            |overlay: &Self, own: &Option<String>| overlay.namespace.as_ref().or(own.as_ref()).cloned();
        self.outermost == other.outermost && namespace(self, own) == namespace(other, others)
    }
}

/// Returns pairs with those that are added, which replace others of the same key.
pub(super) fn merged<'p>(
    own: &'p [(String, String)],
    added: &'p [(String, String)],
) -> impl Iterator<Item = (&'p str, &'p str)> {
    let kept = own.iter().filter(|(key, _)| added.iter().all(|(other, _)| other != key));
    kept.chain(added).map(|(key, value)| (key.as_str(), value.as_str()))
}
