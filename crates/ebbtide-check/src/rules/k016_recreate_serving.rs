use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, Rollout};

pub(super) static RULE: Rule = Rule {
    id: "K016",
    name: "recreate-serving",
    severity: Severity::Warning,
    summary: "Every rollout stops all pods of a service before the first new one starts",
    details: "
With `strategy.type: Recreate` a rollout stops every pod, waits until they have exited, and starts the new ones then. The outage takes at
least as long as the exit of the slowest pod and the start of the first one. That is right for programs of which two must not run at once,
and wrong for a service that users wait for.

The rule is about Deployments that a Service selects.
",
    sources: &[
        "kubernetes/website, `content/en/docs/concepts/workloads/controllers/deployment.md`: Recreate Deployment",
    ],
    bad: &[Example { name: "docs.yaml", text: include_str!("../../fixtures/K016/bad.yaml") }],
    good: &[Example { name: "docs.yaml", text: include_str!("../../fixtures/K016/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let (Rollout::Recreate(place), Some(route)) = (&workload.rollout, workload.routes.first()) else {
            continue;
        };
        if workload.replicas.value() == Some(&0) {
            continue;
        }
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "is down during each rollout",
                *place,
                "all pods stop first",
            )
            .also(Some(route.place), "sends requests to it")
            .effect("from the signal until the first new pod is ready, every request fails")
            .remedy("use RollingUpdate; if two must not run at once, suppress this finding with that reason"),
        );
    }
}
