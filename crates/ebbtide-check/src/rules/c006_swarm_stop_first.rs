use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, Rollout};

pub(super) static RULE: Rule = Rule {
    id: "C006",
    name: "swarm-stop-first",
    severity: Severity::Warning,
    summary: "Swarm stops the only task of a service before it starts the new one",
    details: "
`deploy.update_config.order` is `stop-first` by default. With one replica, each update has a time without any task. The rule is about
services with published ports whose `deploy` section has a key that only Swarm reads (`mode`, `update_config`, `rollback_config`, `placement`, `endpoint_mode`, `labels`);
`replicas`, `resources` and `restart_policy` are for `docker compose` too. A service that may write to a volume is left out: two tasks on the same data, as with
`start-first`, may damage it.
",
    sources: &[
        "compose-spec, `deploy.md`: order, stop-first by default",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C006/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C006/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Compose) {
        let Rollout::StopFirst(order) = &workload.rollout else { continue };
        let Some(container) =
            workload.containers.iter().find(|container| container.has_ports && !container.has_volume)
        else {
            continue;
        };
        if workload.replicas.value() != Some(&1) {
            continue;
        }
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "is down during each update",
                order.unwrap_or(container.place),
                "stops before the new task starts",
            )
            .also(workload.replicas.place(), "the only task")
            .effect("from the stop signal until the new task is ready, every request fails")
            .remedy("set `update_config: {order: start-first}`, or run two replicas"),
        );
    }
}
