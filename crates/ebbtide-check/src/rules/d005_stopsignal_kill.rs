use super::repairs::remove;
use super::signals::{is_signal, is_unhandled, titled};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "D005",
    name: "stopsignal-kill",
    severity: Severity::Error,
    summary: "The stop signal of the image cannot be handled",
    details: "
`STOPSIGNAL SIGKILL` ends the program without a shutdown, and `STOPSIGNAL SIGSTOP` suspends it until SIGKILL. No program can handle either. A name that is no
signal, such as `SIGTERN`, is refused by the build.
",
    sources: &[
        "docker/cli, Dockerfile reference: STOPSIGNAL",
        "moby/sys, `signal/signal.go`: ParseSignal refuses other names",
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
            let (title, effect) = if !is_signal(signal) {
                (format!("is stopped by {signal}, which is no signal"), "the build fails: there is no image")
            } else if is_unhandled(signal) {
                (
                    format!("is stopped by {}, which no program can handle", titled(signal)),
                    "each stop is a crash: requests in flight are reset, and nothing is flushed",
                )
            } else {
                continue;
            };
            findings.push(
                Finding::new(&RULE, Severity::Error, workload, title, *place, "the stop signal")
                    .repair(remove("STOPSIGNAL", *place))
                    .effect(effect)
                    .remedy("remove the instruction (SIGTERM is the default), or use the signal that the program handles"),
            );
        }
    }
}
