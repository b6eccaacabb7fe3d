use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Allowed, Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "K028",
    name: "pdb-blocks-drain",
    severity: Severity::Info,
    summary: "A disruption budget allows no pod to leave its node",
    details: "
A PodDisruptionBudget that keeps all pods refuses each eviction. A drain of the node waits until its own limit, and what drives it then often deletes
the pods without the budget, all at once:

    minAvailable >= replicas, or maxUnavailable == 0

That is meant for programs of which an operator moves each pod manually. The rule needs a number of replicas that is written; the minimum of an autoscaler
counts as in [K015](K015.md). Rollouts are
not limited by a disruption budget.
",
    sources: &[
        "kubernetes/website, `content/en/docs/concepts/workloads/pods/disruptions.md`: evictions and rollouts",
        "docs.aws.amazon.com, EKS managed node groups: a drain fails after 15 minutes, and a forced update goes on",
    ],
    bad: &[Example { name: "ledger.yaml", text: include_str!("../../fixtures/K028/bad.yaml") }],
    good: &[Example { name: "ledger.yaml", text: include_str!("../../fixtures/K028/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for disruption in &workload.disruptions {
            let found = match (&disruption.allowed, &workload.replicas) {
                (Allowed::Unavailable(Declared::Written(amount, place)), _) if amount.is_zero() => {
                    Some((*place, "no pod may be missing".to_owned()))
                }
                (Allowed::Available(Declared::Written(amount, place)), Declared::Written(replicas, _))
                    if *replicas > 0 && amount.ceil(*replicas) >= *replicas =>
                {
                    Some((*place, format!("{} of {replicas} pods have to stay", amount.ceil(*replicas))))
                }
                _ => None,
            };
            let Some((place, label)) = found else { continue };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Info,
                    workload,
                    format!("cannot be moved to another node: PodDisruptionBudget {}", disruption.name),
                    place,
                    label,
                )
                .also(workload.replicas.place(), "the number of pods")
                .effect("a drain of a node waits until its own limit, and a forced one ends all pods without the budget")
                .remedy("set maxUnavailable to 1, or run one pod more than minAvailable"),
            );
        }
    }
}
