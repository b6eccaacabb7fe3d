use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "N002",
    name: "kill-capped",
    severity: Severity::Warning,
    summary: "The client caps the kill timeout of the task",
    details: "
A client of Nomad allows a kill timeout of at most `max_kill_timeout`, 30 s by default. A longer one is accepted with the job and shortened
without a message when the task stops:

    kill_timeout > max_kill_timeout

If the configuration of a client is in the input, its limit counts; else the finding says that it assumed the default.
",
    sources: &["hashicorp/nomad, `client/allocrunner/taskrunner/driver_handle.go`: the smaller of both"],
    bad: &[Example { name: "encoder.nomad.hcl", text: include_str!("../../fixtures/N002/bad.hcl") }],
    good: &[
        Example { name: "encoder.nomad.hcl", text: include_str!("../../fixtures/N002/good.hcl") },
        Example { name: "client.hcl", text: include_str!("../../fixtures/N002/good-client.hcl") },
    ],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let limit = project.max_kill_timeout();
    let Some(&cap) = limit.value() else { return };
    for workload in project.on(Platform::Nomad) {
        for task in &workload.containers {
            let Declared::Written(timeout, place) = workload.grace_of(task) else { continue };
            if *timeout <= cap {
                continue;
            }
            let label = if limit.is_default() { "max_kill_timeout, default" } else { "max_kill_timeout" };
            let sum = Sum::new(vec![(*timeout, "kill_timeout".to_owned())], cap, label);
            let title = format!("is killed after {}, and not after its kill timeout", show(cap));
            let mut finding = Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                named(workload, task, &title),
                *place,
                "more than the client allows",
            )
            .also(limit.place(), "the limit of the client")
            .sum(&sum)
            .effect("what needs longer is killed, although the job was accepted with its timeout")
            .remedy("set max_kill_timeout in the client's configuration to at least the kill timeout");
            if limit.is_default() {
                finding = finding.note("the clients have the default max_kill_timeout of 30 s");
            }
            findings.push(finding);
        }
    }
}
