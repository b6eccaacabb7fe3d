use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::MergedUnit;
use super::quadlet::runs_always;
use super::service::{grace, last};
use crate::formats::kubernetes::Objects;
use crate::formats::paths::clean;
use crate::input::{Place, Problem, SourceId, Sources};
use crate::knowledge::split_words;
use crate::model::{Declared, Platform, Played, Quadlet, Role, Rollout, Word, Workload, seconds};
use crate::tree::Node;

const SECTION: &str = "Kube";

/// The kinds of Kubernetes that `podman kube play` runs.
const KINDS: [&str; 4] = ["Pod", "Deployment", "DaemonSet", "Job"];

/// Joins `.kube` units with the files of Kubernetes that they name: Podman runs those pods, by rules of its own.
pub(super) struct Player<'s> {
    objects: &'s Objects,
    sources: &'s Sources,
    played: BTreeSet<SourceId>,
    problems: Vec<Problem>,
}

impl<'s> Player<'s> {
    pub(super) fn new(objects: &'s Objects, sources: &'s Sources) -> Self {
        Self { objects, sources, played: BTreeSet::new(), problems: Vec::new() }
    }

    /// Adds the pods that a unit runs. The same file may be named by several units.
    pub(super) fn play(&mut self, unit: &MergedUnit, workloads: &mut Vec<Workload>) {
        let Some(section) = unit.root.get(SECTION).filter(|_| unit.is_whole) else { return };
        let folder = Path::new(&unit.path).parent().unwrap_or(Path::new(""));
        let mut files = Vec::new();
        for node in section.list("Yaml") {
            for name in split_words(node.text().unwrap_or_default()) {
                files.extend(self.file(folder, &name, node.place));
            }
        }
        let played = |workload: &&Workload| {
            workload.platform == Platform::Kubernetes
                && KINDS.contains(&&*workload.kind)
                && files.contains(&workload.place.source)
        };
        let pods: Vec<Workload> = workloads.iter().filter(played).cloned().collect();
        workloads.extend(pods.into_iter().map(|pod| self.pod(pod, &unit.root, section)));
        self.played.extend(files);
    }

    /// Removes what runs in no cluster, and returns the files that are not in the input.
    pub(super) fn finish(self, workloads: &mut Vec<Workload>) -> Vec<Problem> {
        workloads.retain(|workload| {
            workload.platform != Platform::Kubernetes
                || !KINDS.contains(&&*workload.kind)
                || !self.played.contains(&workload.place.source)
        });
        self.problems
    }

    /// Returns the source that a path, relative to the unit, names.
    fn file(&mut self, folder: &Path, name: &str, place: Place) -> Option<SourceId> {
        let path: PathBuf = clean(&folder.join(name));
        let mut all = self.sources.iter();
        let found = all.find(|(_, source)| clean(Path::new(source.name())) == path);
        if found.is_none() {
            let message = format!("Yaml={name} is not in the input: its pods are not checked");
            let path = self.sources.name(place).to_owned();
            self.problems.push(Problem { path, place: Some(place), message, is_failure: false });
        }
        found.map(|(id, _)| id)
    }

    /// Returns a pod as Podman runs it: one of each, with Podman's default for the time to stop, and without what Podman does not have.
    fn pod(&self, mut pod: Workload, root: &Node, section: &Node) -> Workload {
        let place = root.entry(SECTION).map_or(root.place, |entry| entry.key_place);
        let service = root.get("Service");
        let is_removed = |claim: &&Word| {
            let is_declared = |own: &Word| own.place.source == claim.place.source && own.text == claim.text;
            pod.kind == "Pod" || self.objects.claims.iter().any(is_declared)
        };
        let forced = last(section, "KubeDownForce").filter(|node| node.boolean() == Some(true));
        let claims: Vec<Word> = pod.claims.iter().filter(is_removed).cloned().collect();
        let removal = forced.filter(|_| !claims.is_empty()).map(|node| (node.place, claims));
        let hooks = pod.main().filter_map(|container| container.pre_stop.as_ref());
        let played = Played { unused_hooks: hooks.map(|hook| hook.place).collect(), removal };
        let unit_timeout =
            service.map_or(Declared::Default(seconds(90)), |service| grace(service, place, true));
        pod.platform = Platform::Quadlet;
        pod.quadlet = Some(Quadlet { unit_timeout, place, played: Some(played) });
        pod.grace_from = Some("terminationGracePeriodSeconds");
        if pod.grace.is_default() {
            pod.grace = Declared::Default(seconds(10));
        }
        let kind = service.and_then(|service| last(service, "Type")).and_then(Node::text);
        pod.is_oneshot = pod.is_batch() || kind == Some("oneshot");
        pod.runs_always = runs_always(root);
        (pod.replicas, pod.rollout) = (Declared::Default(1), Rollout::Other);
        pod.routes.clear();
        pod.disruptions.clear();
        for container in &mut pod.containers {
            container.pre_stop = None;
            (container.readiness, container.startup) = (None, None);
            // That an init container goes on running is none of the fields that Podman supports.
            if container.role == Role::Sidecar {
                container.role = Role::Init;
            }
        }
        pod
    }
}
