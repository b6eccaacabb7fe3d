//! The names that kustomizations give: `namePrefix` and `nameSuffix`.

use std::path::Path;

use super::Builds;
use super::overlays::Overlays;
use crate::formats::paths::clean;
use crate::input::{Place, Sources};
use crate::model::Workload;
use crate::tree::Node;

/// What a kustomization puts before and after each name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Affix {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

impl Affix {
    pub(super) fn read(root: &Node) -> Self {
        let text = |key: &str| root.text_of(key).unwrap_or_default().to_owned();
        Self { prefix: text("namePrefix"), suffix: text("nameSuffix") }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.suffix.is_empty()
    }

    pub(super) fn around(&self, name: &str) -> String {
        format!("{}{name}{}", self.prefix, self.suffix)
    }

    /// Returns this one with another around it.
    pub(super) fn within(&self, outer: &Self) -> Self {
        Self {
            prefix: format!("{}{}", outer.prefix, self.prefix),
            suffix: format!("{}{}", self.suffix, outer.suffix),
        }
    }
}

/// Gives what workloads refer to the names that kustomizations give it: a Service, an Ingress, a PodDisruptionBudget.
pub(crate) fn rename(workloads: &mut [Workload], builds: &Builds, sources: &Sources) {
    let all = &builds.kustomizations;
    if all.iter().all(|kustomization| kustomization.affix.is_empty()) {
        return;
    }
    let overlays = Overlays::of_names(all);
    for workload in workloads {
        let own = (workload.name.clone(), workload.renamed.last().cloned());
        let title = |title: &str, place: Place| {
            let all = overlays.affixes(&clean(Path::new(sources.name(place))));
            let is_own = |affix: &&Affix| Some(affix.around(&own.0)) == own.1;
            let affix = all.iter().find(is_own).or(all.first().filter(|_| all.len() == 1))?;
            // The name is after the kind and the namespace.
            let (before, name) = title.split_at(title.rfind(['/', ' ']).map_or(0, |at| at.saturating_add(1)));
            Some(format!("{before}{}", affix.around(name)))
        };
        for route in &mut workload.routes {
            route.name = title(&route.name, route.place).unwrap_or_else(|| route.name.clone());
        }
        for budget in &mut workload.disruptions {
            budget.name = title(&budget.name, budget.place).unwrap_or_else(|| budget.name.clone());
        }
    }
}
