use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{Budget, MARGIN, grace_label, sidecar_drains};
use crate::model::{Platform, Project, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "K020",
    name: "native-sidecar-budget",
    severity: Severity::Warning,
    summary: "The grace period has no time left for the sidecars",
    details: "
Native sidecars receive their signal when every main container has exited, one after the other in reverse order. What is left of the
grace period is theirs; if nothing is left they have 2 s. Their preStop hooks run from the begin of the stop, at the same time as those of
the main containers.

    max(preStop + drain of the main containers) + sum(drain of the sidecars) + 2 > terminationGracePeriodSeconds

The drain of a main container has to be declared. The drain of a sidecar is declared, or known: istio-proxy needs 5 s, or `terminationDrainDuration` of
the annotation `proxy.istio.io/config` or of the variable `PROXY_CONFIG` of its container.
",
    sources: &[
        "kubernetes/enhancements, KEP-753: termination ordering",
        "istio/istio, `pkg/config/mesh/mesh.go`: terminationDrainDuration, 5 s",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K020/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K020/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(&grace) = workload.grace.value() else { continue };
        let budgets = workload.main().filter_map(|container| Budget::of(workload, container));
        let Some(main) = budgets.filter(|budget| budget.drain.is_declared).max_by_key(|budget| budget.needed)
        else {
            continue;
        };
        let sidecars: Vec<_> = sidecar_drains(workload).collect();
        let mut terms = vec![
            (main.pre_stop, "preStop".to_owned()),
            (main.drain.time, "drain of the main containers".to_owned()),
        ];
        terms.retain(|(time, _)| !time.is_zero());
        terms.extend(sidecars.iter().map(|(sidecar, time)| (*time, format!("drain of `{}`", sidecar.name))));
        terms.push((MARGIN, "margin".to_owned()));
        let sum = Sum::new(terms, grace, grace_label(workload, &workload.grace));
        // If the main containers alone do not fit, it is K001.
        let Some((first, _)) = sidecars.first().filter(|_| sum.total() > grace && !main.overruns()) else {
            continue;
        };
        let (place, label) = workload_grace(workload);
        findings.push(
            Finding::new(&RULE, Severity::Warning, workload, "leaves no time for its sidecars to drain", place, label)
                .also(Some(first.place), "receives its signal when the main containers have exited")
                .also(main.drain.place, "the main container's drain")
                .sum(&sum)
                .effect("the sidecars are killed with what they still have to send: last responses, logs or metrics are lost")
                .remedy(format!("set terminationGracePeriodSeconds to at least {}", whole_seconds(sum.total()))),
        );
    }
}
