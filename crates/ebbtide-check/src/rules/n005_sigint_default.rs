use super::signals::server;
use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "N005",
    name: "sigint-default",
    severity: Severity::Info,
    summary: "The task is stopped by SIGINT, which its program may not handle",
    details: "
The drivers `exec`, `raw_exec` and `java` send SIGINT if `kill_signal` is not set. A program that handles SIGTERM only, as many do for the sake of containers,
then ends without a shutdown, and gunicorn stops at once. The program is not in the files, which is why it is an info. Of a server that is known by its command or its image the finding says which signal is its graceful stop. PostgreSQL is left out: SIGINT is its fast shutdown.
",
    sources: &["hashicorp/nomad, `drivers/shared/executor/executor.go`: os.Interrupt by default"],
    bad: &[Example { name: "agent.nomad.hcl", text: include_str!("../../fixtures/N005/bad.hcl") }],
    good: &[Example { name: "agent.nomad.hcl", text: include_str!("../../fixtures/N005/good.hcl") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Nomad).filter(|workload| !workload.is_oneshot) {
        for task in workload.running() {
            if let (Some(signal), None) = (task.default_signal, &task.stop_signal) {
                let found = server(task);
                let own = found.as_ref().map(|found| found.server.signal);
                // The fast shutdown of PostgreSQL.
                if own == Some(signal) {
                    continue;
                }
                let title = match &found {
                    Some(found) => {
                        format!(
                            "is stopped by {signal}, which is not the graceful stop of {}",
                            found.server.name
                        )
                    }
                    None => format!("is stopped by {signal}, which its program may not handle"),
                };
                let effect = match &found {
                    Some(found) => found.server.effect_of(&signal_name(signal)),
                    None => "a program that handles SIGTERM only ends at once: requests in flight are reset"
                        .to_owned(),
                };
                let remedy = match own {
                    Some(own) => format!("set kill_signal = \"{own}\""),
                    None => {
                        "set kill_signal = \"SIGTERM\", or the signal that the program handles".to_owned()
                    }
                };
                findings.push(
                    Finding::new(
                        &RULE,
                        Severity::Info,
                        workload,
                        named(workload, task, &title),
                        task.place,
                        "no kill_signal",
                    )
                    .effect(effect)
                    .remedy(remedy),
                );
            }
        }
    }
}
