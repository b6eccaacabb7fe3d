use std::time::Duration;

use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{MARGIN, grace_label};
use crate::model::{Annotation, Platform, Project, go_duration, seconds};

pub(super) static RULE: Rule = Rule {
    id: "K021",
    name: "mesh-wait",
    severity: Severity::Error,
    summary: "The wait of a mesh proxy is longer than the grace period",
    details: "
The annotation `config.alpha.linkerd.io/proxy-wait-before-exit-seconds` makes Linkerd's proxy wait in a preStop hook, and Istio's proxy
drains for `terminationDrainDuration` of `proxy.istio.io/config`. Both run inside of the grace period:

    wait > terminationGracePeriodSeconds - 2
",
    sources: &[
        "linkerd/linkerd2, `charts/partials/templates/_proxy.tpl`: the wait is a preStop hook",
        "istio/istio, `pkg/config/mesh/mesh.go`: terminationDrainDuration",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K021/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K021/good.yaml") }],
    check,
};

/// Linkerd's wait, in seconds.
const LINKERD: &str = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds";
/// Istio's configuration of one proxy, in YAML.
const ISTIO: &str = "proxy.istio.io/config";

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(&grace) = workload.grace.value().filter(|grace| !grace.is_zero()) else { continue };
        for annotation in &workload.annotations {
            let Some(wait) = wait(annotation).filter(|wait| *wait > grace.saturating_sub(MARGIN)) else {
                continue;
            };
            let (place, label) = workload_grace(workload);
            let terms = vec![(wait, "wait of the proxy".to_owned()), (MARGIN, "margin".to_owned())];
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    "kills its mesh proxy while it waits",
                    annotation.place,
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

fn wait(annotation: &Annotation) -> Option<Duration> {
    match annotation.key.as_str() {
        LINKERD => annotation.value.parse().ok().map(seconds),
        ISTIO => {
            let (_, rest) = annotation.value.split_once("terminationDrainDuration")?;
            let value = rest.trim_start_matches(['"', '\'', ':', ' ']);
            go_duration(value.split(['"', '\'', '\n', ',', '}', ' ']).next()?)
        }
        _ => None,
    }
}
