use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{MARGIN, unit_ends_before};
use crate::model::{Platform, Project, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "Q001",
    name: "quadlet-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the stop timeout of the container",
    details: "
The service that Podman generates from a `.container` file stops with `podman rm -f`, which sends the stop signal and kills the container after `StopTimeout`,
10 s by default. A longer `TimeoutStopSec` of the service does not change that:

    drain + 2 (margin) > StopTimeout

`PodmanArgs=--stop-timeout=N` counts too. The drain time has to be declared: by `Label=ebbtide.dev/drain=20s` in `[Container]`, by `X-EbbtideDrain=20s` in
`[Service]`, or by a flag or a variable of a known server in `Exec` or `Environment`. If only the default of a known server is known, the finding is an info.
Drop-ins (`orders.container.d/*.conf`) are applied. Containers of `Type=oneshot` run to their end and are left out.

The pods of a `.kube` unit stop by `podman kube down`, which gives each container the `terminationGracePeriodSeconds` of its pod. Without that it is Podman's default of 10 s, not
the 30 s of Kubernetes. Podman before 5.1 kills them at once.
",
    sources: &[
        "podman-systemd.unit(5): StopTimeout=",
        "containers/podman, `pkg/systemd/quadlet/quadlet.go`: ExecStop is `podman rm -v -f -i`",
        "containers/podman#21134: TimeoutStopSec alone has no effect",
        "containers/podman, `pkg/specgen/generate/kube/kube.go`: terminationGracePeriodSeconds is the stop timeout, if it is set",
        "containers/podman#22397: `podman kube down` respects the stop timeout since 5.1",
    ],
    bad: &[Example { name: "orders.container", text: include_str!("../../fixtures/Q001/bad.container") }],
    good: &[Example { name: "orders.container", text: include_str!("../../fixtures/Q001/good.container") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Quadlet).filter(|workload| !workload.is_oneshot) {
        findings.extend(workload.containers.iter().filter_map(|container| {
            let name = workload.grace_name();
            overrun(&RULE, workload, container, |budget| {
                let needed = whole_seconds(budget.needed);
                if unit_ends_before(workload, budget.needed) {
                    let unit = whole_seconds(budget.needed.saturating_add(MARGIN));
                    return format!(
                        "set {name} to {needed} or more and TimeoutStopSec in [Service] to {unit}s or more, or shorten the drain"
                    );
                }
                format!("set {name} to {needed} or more, or shorten the drain")
            })
        }));
    }
}
