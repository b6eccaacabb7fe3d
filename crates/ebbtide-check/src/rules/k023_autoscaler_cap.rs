use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, seconds};

pub(super) static RULE: Rule = Rule {
    id: "K023",
    name: "autoscaler-cap",
    severity: Severity::Info,
    summary: "The grace period is longer than a scale-down waits",
    details: "
The cluster autoscaler waits at most `--max-graceful-termination-sec` for the pods of a node that it removes: 600 s by default. A longer
grace period holds for rollouts, and is shortened when the node is removed. A pod with the annotation `cluster-autoscaler.kubernetes.io/safe-to-evict: \"false\"` keeps its node, and is left
out.
",
    sources: &[
        "kubernetes/autoscaler, `cluster-autoscaler/FAQ.md`: max-graceful-termination-sec",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K023/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K023/good.yaml") }],
    check,
};

/// The default of the cluster autoscaler.
const LONGEST: Duration = seconds(600);

/// The annotation that keeps a node from being removed while the pod runs, if it is `false`.
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Declared::Written(grace, place) = &workload.grace else { continue };
        let keeps_node = workload.annotations.iter().rev().find(|annotation| annotation.key == SAFE_TO_EVICT);
        if *grace <= LONGEST || keeps_node.is_some_and(|annotation| annotation.value == "false") {
            continue;
        }
        let sum = Sum::new(
            vec![(*grace, workload.platform.grace_name().to_owned())],
            LONGEST,
            "--max-graceful-termination-sec, default",
        );
        findings.push(
            Finding::new(&RULE, Severity::Info, workload, "may have less time when its node is removed", *place, "longer than 10 min")
                .sum(&sum)
                .note("the cluster autoscaler has its default")
                .effect("on a scale-down the pod is killed after 10 min")
                .remedy("raise --max-graceful-termination-sec, or annotate the pod with cluster-autoscaler.kubernetes.io/safe-to-evict: \"false\""),
        );
    }
}
