use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "N003",
    name: "progress-deadline",
    severity: Severity::Error,
    summary: "The kill timeout is longer than the progress deadline, and the job is refused",
    details: "
Nomad refuses a service job whose tasks may take longer to stop than the deployment may take to make progress:

    kill_timeout > update.progress_deadline (10 min by default)

A progress deadline of 0 turns the check off. The jobs of the types `batch`, `system` and `sysbatch` are not refused.
",
    sources: &["hashicorp/nomad, `nomad/structs/structs.go`: the validation of tasks"],
    bad: &[Example { name: "encoder.nomad.hcl", text: include_str!("../../fixtures/N003/bad.hcl") }],
    good: &[Example { name: "encoder.nomad.hcl", text: include_str!("../../fixtures/N003/good.hcl") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Nomad) {
        let Some(&deadline) = workload.progress_deadline.value().filter(|deadline| !deadline.is_zero())
        else {
            continue;
        };
        for task in &workload.containers {
            let Declared::Written(timeout, place) = workload.grace_of(task) else { continue };
            if *timeout <= deadline {
                continue;
            }
            let label = if workload.progress_deadline.is_default() {
                "progress_deadline, default"
            } else {
                "progress_deadline"
            };
            let sum = Sum::new(vec![(*timeout, "kill_timeout".to_owned())], deadline, label);
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    named(
                        workload,
                        task,
                        "is refused: it may take longer to stop than its deployment may wait",
                    ),
                    *place,
                    "longer than the deadline",
                )
                .also(workload.progress_deadline.place(), "the progress deadline")
                .sum(&sum)
                .effect("`nomad job run` fails, and nothing is deployed")
                .remedy("set progress_deadline in the update block to more than the kill timeout"),
            );
        }
    }
}
