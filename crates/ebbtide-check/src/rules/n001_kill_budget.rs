use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "N001",
    name: "kill-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the kill timeout of the task",
    details: "
Nomad sends the kill signal and kills the task after `kill_timeout`, 5 s by default:

    drain + 2 (margin) > kill_timeout

The drain time has to be declared: by `meta = { \"ebbtide.dev/drain\" = \"20s\" }` of the task, the group or the job, or by a flag or a variable of a known
server. If only the default of a known server is known, the finding is an info. Batch jobs, which run to their end, are left out. The client may cap the timeout: [N002](N002.md).
",
    sources: &["hashicorp/nomad, `nomad/structs/structs.go`: DefaultKillTimeout is 5 s"],
    bad: &[Example { name: "orders.nomad.hcl", text: include_str!("../../fixtures/N001/bad.hcl") }],
    good: &[Example { name: "orders.nomad.hcl", text: include_str!("../../fixtures/N001/good.hcl") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Nomad).filter(|workload| !workload.is_oneshot) {
        findings.extend(workload.running().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                format!(
                    "set kill_timeout to \"{}\" or more, or shorten the drain",
                    show(budget.needed).replace(' ', "")
                )
            })
        }));
    }
}
