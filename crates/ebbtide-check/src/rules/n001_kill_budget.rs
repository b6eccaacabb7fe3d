use super::words::{grace_note, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Budget;
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
        for container in workload.running() {
            let Some(budget) = Budget::of(workload, container).filter(Budget::overruns) else { continue };
            let severity = if budget.drain.is_declared { Severity::Error } else { Severity::Info };
            let (place, label) = grace_note(workload, container);
            // Without a timeout of its own, the place to look is the task and not the group.
            let place = workload.grace_of(container).place().map_or(container.place, |_| place);
            findings.push(
                Finding::new(
                    &RULE,
                    severity,
                    workload,
                    named(workload, container, &budget.title()),
                    place,
                    label,
                )
                .also(budget.drain.place, "after the kill signal")
                .sum(&budget.sum)
                .effect(budget.effect())
                .remedy(format!(
                    "set kill_timeout to \"{}\" or more, or shorten the drain",
                    show(budget.needed).replace(' ', "")
                )),
            );
        }
    }
}
