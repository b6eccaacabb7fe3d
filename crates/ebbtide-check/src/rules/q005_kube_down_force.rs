use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "Q005",
    name: "kube-down-force",
    severity: Severity::Warning,
    summary: "Each stop of the unit removes the volumes of its pods",
    details: "
`KubeDownForce=true` passes `--force` to `podman kube down`, which runs at each stop of a `.kube` unit: also at a restart, and at a reboot of the machine. It removes the
volumes of the persistent volume claims that a Pod names or that the files of the unit declare, with the data in them. A claim is found if a container mounts it, and that is of
a Pod, or a file of the unit declares the claim. A claim that no container mounts is not found: nothing writes to its volume, and Podman does not remove a volume that a
container of another unit uses.
",
    sources: &[
        "podman-kube.unit(5), KubeDownForce=: removes all resources, including volumes",
        "containers/podman, `pkg/domain/infra/abi/play.go`, `PlayKubeDown`: the names of the volumes; `VolumeRm` without force keeps those in use",
        "containers/podman, `pkg/systemd/quadlet/quadlet.go`: ExecStopPost of a .kube unit is `podman kube down`",
    ],
    bad: &[
        Example { name: "wiki.kube", text: include_str!("../../fixtures/Q005/bad.kube") },
        Example { name: "wiki.yaml", text: include_str!("../../fixtures/Q005/pod.yaml") },
    ],
    good: &[
        Example { name: "wiki.kube", text: include_str!("../../fixtures/Q005/good.kube") },
        Example { name: "wiki.yaml", text: include_str!("../../fixtures/Q005/pod.yaml") },
    ],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Quadlet) {
        let played = workload.quadlet.as_ref().and_then(|quadlet| quadlet.played.as_ref());
        let Some((place, claims)) = played.and_then(|played| played.removal.as_ref()) else { continue };
        let mut names: Vec<&str> = claims.iter().map(|claim| &*claim.text).collect();
        names.sort_unstable();
        names.dedup();
        let title = format!("loses its data at each stop: the volume {}", names.join(", "));
        let first = claims.first().map(|claim| claim.place);
        findings.push(
            Finding::new(&RULE, Severity::Warning, workload, title, *place, "removes volumes too")
                .also(first, "mounts the volume")
                .effect("a restart of the unit and a reboot of the machine begin with empty volumes")
                .remedy("remove KubeDownForce"),
        );
    }
}
