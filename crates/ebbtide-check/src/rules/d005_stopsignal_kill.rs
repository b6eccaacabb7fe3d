use super::repairs::remove;
use super::words::is_unhandled;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "D005",
    name: "stopsignal-kill",
    severity: Severity::Error,
    summary: "The stop signal of the image cannot be handled",
    details: "
`STOPSIGNAL SIGKILL` ends the program without a shutdown, and `STOPSIGNAL SIGSTOP` suspends it until SIGKILL. No program can handle either.
",
    sources: &[
        "docker/cli, Dockerfile reference: STOPSIGNAL",
        "signal(7): SIGKILL and SIGSTOP cannot be caught, blocked, or ignored",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D005/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D005/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let Some(Declared::Written(signal, place)) = &container.stop_signal else { continue };
            if !is_unhandled(signal) {
                continue;
            }
            let title = format!("is stopped by {signal}, which no program can handle");
            findings.push(
                Finding::new(&RULE, Severity::Error, workload, title, *place, "the stop signal")
                    .repair(remove("STOPSIGNAL", *place))
                    .effect("each stop is a crash: requests in flight are reset, and nothing is flushed")
                    .remedy("remove the instruction (SIGTERM is the default), or use the signal that the program handles"),
            );
        }
    }
}
