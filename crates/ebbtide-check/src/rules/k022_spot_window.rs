use std::time::Duration;

use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge;
use crate::model::{Platform, Project, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "K022",
    name: "spot-window",
    severity: Severity::Warning,
    summary: "A pod on spot nodes has a longer grace period than the node",
    details: "
When a spot node is reclaimed, the provider's notice is the time that pods have, whatever their grace period is: 15 s for ordinary pods on
GKE, 2 min on AWS. What does not fit is killed with the machine.

    terminationGracePeriodSeconds > notice

The rule is about pods that run on spot nodes alone: their node selector, or each term of their required node affinity, asks for one. With the default grace period it is an info.
",
    sources: &[
        "cloud.google.com, GKE Spot VMs: 15 s for ordinary pods",
        "aws/aws-eks-best-practices: the interruption notice of two minutes",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K022/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K022/good.yaml") }],
    check,
};

/// Labels of spot nodes, and the time that pods have.
const SPOT: [(&str, &str, Duration); 6] = [
    ("cloud.google.com/gke-spot", "true", seconds(15)),
    ("cloud.google.com/gke-preemptible", "true", seconds(15)),
    ("eks.amazonaws.com/capacityType", "SPOT", seconds(120)),
    ("karpenter.sh/capacity-type", "spot", seconds(120)),
    ("node.kubernetes.io/lifecycle", "spot", seconds(120)),
    ("alpha.eksctl.io/instance-lifecycle", "spot", seconds(120)),
];

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(&grace) = workload.grace.value() else { continue };
        for label in &workload.node_labels {
            let known = SPOT
                .iter()
                .find(|(key, value, _)| *key == label.key && value.eq_ignore_ascii_case(&label.value));
            let Some(&(_, _, notice)) = known.filter(|(_, _, notice)| grace > *notice) else { continue };
            let severity = if workload.grace.is_default() { Severity::Info } else { Severity::Warning };
            let (place, grace_label) = workload_grace(workload);
            let sum = Sum::new(
                vec![(grace, knowledge::grace_label(workload, &workload.grace))],
                notice,
                "notice of the node",
            );
            findings.push(
                Finding::new(
                    &RULE,
                    severity,
                    workload,
                    "expects more time than a spot node has",
                    label.place,
                    format!("{} of notice", show(notice)),
                )
                .also(Some(place), grace_label)
                .sum(&sum)
                .effect(
                    "when the node is reclaimed, what takes longer than the notice is lost with the machine",
                )
                .remedy("make the shutdown fit the notice, or run the pod on other nodes"),
            );
        }
    }
}
