use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{MARGIN, grace_label, mesh_waits};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "K021",
    name: "mesh-wait",
    severity: Severity::Error,
    summary: "The wait of a mesh proxy is longer than the grace period",
    details: "
The annotation `config.alpha.linkerd.io/proxy-wait-before-exit-seconds` makes Linkerd's proxy wait in a preStop hook, and Istio's proxy
drains for `terminationDrainDuration` of `proxy.istio.io/config`. Both run inside of the grace period:

    wait > terminationGracePeriodSeconds - 2

The annotations are those of the pods: a mesh does not read those of a Deployment. The rule is not about pods that switch the injection of the proxy off (`sidecar.istio.io/inject: \"false\"`, `linkerd.io/inject: disabled`), nor about a proxy of Istio
that waits for its connections instead (`EXIT_ON_ZERO_ACTIVE_CONNECTIONS` in `proxyMetadata`).
",
    sources: &[
        "linkerd/linkerd2, `charts/partials/templates/_proxy.tpl`: the wait is a preStop hook",
        "istio/istio, `pkg/config/mesh/mesh.go`: terminationDrainDuration",
        "istio/istio, `pkg/kube/inject/inject.go`: what switches the injection off",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K021/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K021/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(&grace) = workload.grace.value().filter(|grace| !grace.is_zero()) else { continue };
        for (wait, declared) in mesh_waits(workload) {
            if wait <= grace.saturating_sub(MARGIN) {
                continue;
            }
            let (place, label) = workload_grace(workload);
            let terms = vec![(wait, "wait of the proxy".to_owned()), (MARGIN, "margin".to_owned())];
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    "kills its mesh proxy while it waits",
                    declared,
                    "the wait of the proxy",
                )
                .also(Some(place), label)
                .sum(&Sum::new(terms, grace, grace_label(workload, &workload.grace)))
                .effect(
                    "the proxy is killed with the connections that it carries: requests in flight are reset",
                )
                .remedy("shorten the wait, or set terminationGracePeriodSeconds to the wait and 2 s more"),
            );
        }
    }
}
