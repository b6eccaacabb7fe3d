use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::merge::MergedUnit;
use super::quadlet::{own_drain, runs_always};
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
    /// The sources by their paths.
    paths: OnceCell<HashMap<PathBuf, SourceId>>,
    played: BTreeSet<SourceId>,
    problems: Vec<Problem>,
}

impl<'s> Player<'s> {
    pub(super) fn new(objects: &'s Objects, sources: &'s Sources) -> Self {
        Self { objects, sources, paths: OnceCell::new(), played: BTreeSet::new(), problems: Vec::new() }
    }

    /// Adds the pods that a unit runs. The same file may be named by several units.
    pub(super) fn play(&mut self, unit: &MergedUnit, workloads: &mut Vec<Workload>) {
        let Some(section) = unit.root.get(SECTION).filter(|_| unit.is_whole) else { return };
        let folder = Path::new(&unit.path).parent().unwrap_or(Path::new(""));
        let mut files = BTreeSet::new();
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
        let mut pods: Vec<Workload> = workloads.iter().filter(played).cloned().collect();
        if let Some(drain) = own_drain(&unit.root) {
            match pods.as_mut_slice() {
                [pod] => {
                    pod.drain.get_or_insert(drain);
                }
                // It does not say which of them it is about.
                _ => self.not_read(
                    drain.place,
                    "X-EbbtideDrain of a unit of several pods: annotate the pods instead",
                ),
            }
        }
        workloads.extend(pods.into_iter().map(|pod| self.pod(pod, &unit.root, section, &files)));
        self.played.extend(files);
    }

    /// Notes the times of the unit of a pod: systemd stops the containers of a pod, which are units of their own, before the pod.
    pub(super) fn pod_unit(&mut self, unit: &MergedUnit) {
        let time = unit.root.get("Pod").and_then(|section| last(section, "StopTimeout"));
        if let Some(node) = time {
            self.not_read(
                Some(node.place),
                "StopTimeout of a pod: its containers stop before it, each by the StopTimeout of its own unit",
            );
        }
        if let Some(drain) = own_drain(&unit.root) {
            self.not_read(
                drain.place,
                "X-EbbtideDrain of a pod: add it to the units of its containers instead",
            );
        }
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
        let all = || self.sources.iter().map(|(id, source)| (clean(Path::new(source.name())), id)).collect();
        let found = self.paths.get_or_init(all).get(&clean(&folder.join(name))).copied();
        if found.is_none() {
            self.not_read(Some(place), format!("Yaml={name} is not in the input: its pods are not checked"));
        }
        found
    }

    fn not_read(&mut self, place: Option<Place>, message: impl Into<String>) {
        let path = place.map_or_else(String::new, |place| self.sources.name(place).to_owned());
        self.problems.push(Problem { path, place, message: message.into(), is_failure: false });
    }

    /// Returns a pod as Podman runs it: one of each, with Podman's default for the time to stop, and without what Podman does not have.
    fn pod(&self, mut pod: Workload, root: &Node, section: &Node, files: &BTreeSet<SourceId>) -> Workload {
        let place = root.entry(SECTION).map_or(root.place, |entry| entry.key_place);
        let service = root.get("Service");
        let is_removed = |claim: &&Word| {
            let is_declared = |own: &Word| files.contains(&own.place.source) && own.text == claim.text;
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
        // The unit restarts a pod, whatever the restart policy of that.
        pod.is_on_demand = false;
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
