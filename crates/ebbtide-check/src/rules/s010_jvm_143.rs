use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "S010",
    name: "jvm-143",
    severity: Severity::Info,
    summary: "A graceful stop of a Java program counts as a failure",
    details: "
The JVM exits with 143 after SIGTERM. systemd takes it as a failure unless `SuccessExitStatus=143`: the unit is shown as failed after each
stop, and monitoring that reads the state reports it. The rule is about units with a `Restart=` other than `no`, which are meant to run all the time: without it the
default is `no`, and nothing is found.
",
    sources: &[
        "systemd.service(5), SuccessExitStatus=: clean exits are 0 and four signals",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S010/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S010/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let Some(unit) = &workload.unit else { continue };
        let Some(command) = workload.containers.first().and_then(|container| container.entrypoint.as_ref())
        else {
            continue;
        };
        let Some(restart) =
            unit.restart.as_ref().and_then(Declared::value).filter(|restart| *restart != "no")
        else {
            continue;
        };
        if command.program() != Some("java")
            || unit.success_exit_status.iter().any(|status| status == "143" || status == "SIGTERM")
        {
            continue;
        }
        findings.push(
            Finding::new(
                &RULE,
                Severity::Info,
                workload,
                "is shown as failed after each stop",
                command.place,
                "exits with 143 after SIGTERM",
            )
            .note(format!("the program leaves the exit code to the JVM; Restart={restart}"))
            .effect("`systemctl status` and monitoring report a failure after each regular stop")
            .remedy("add SuccessExitStatus=143"),
        );
    }
}
