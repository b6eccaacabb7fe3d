use super::repairs::{remove, set};
use super::signals::{ServerSignal, is_signal, is_unhandled, titled};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, Workload, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "C003",
    name: "stop-signal",
    severity: Severity::Error,
    summary: "The stop signal of a service stops it the wrong way",
    details: "
`stop_signal` of Compose, the option `stop-signal` of Kamal and `StopSignal` of a Quadlet replace the STOPSIGNAL of the image. SIGKILL and SIGSTOP cannot be handled, and what is no signal is refused: errors. Another signal than that of the image
means something else to its server: a warning. For postgres SIGTERM is the smart shutdown, which waits until every client has
disconnected; its image has SIGINT, the fast shutdown. For nginx SIGTERM is the fast shutdown, and its image has SIGQUIT, the graceful one.
A service with a command of its own is judged by the server that it runs; [D007](D007.md) has the table.
",
    sources: &[
        "the Dockerfiles of the official images nginx, php, httpd, postgres and haproxy",
        "postgresql.org, Shutting Down the Server: SIGTERM is smart, SIGINT is fast",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C003/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C003/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on_engines() {
        let setting = setting(workload);
        // To remove the line may leave a key of YAML without a value.
        let removal = |place| remove(setting, place).filter(|_| !workload.is_played());
        for container in &workload.containers {
            let Some(Declared::Written(signal, place)) = &container.stop_signal else { continue };
            if !is_signal(signal) {
                let title = format!("is stopped by {signal}, which is no signal");
                findings.push(
                    Finding::new(&RULE, Severity::Error, workload, title, *place, "the stop signal")
                        .repair(removal(*place))
                        .effect("the container is not created, and nothing is deployed")
                        .remedy(format!("remove {setting}, so that the signal of the image is used")),
                );
                continue;
            }
            if is_unhandled(signal) {
                let title = format!("is stopped by {}, which no program can handle", titled(signal));
                findings.push(
                    Finding::new(&RULE, Severity::Error, workload, title, *place, "the stop signal")
                        .repair(removal(*place))
                        .effect("each stop is a crash: requests in flight are reset, and nothing is flushed")
                        .remedy(format!("remove {setting}, so that the signal of the image is used")),
                );
                continue;
            }
            let Some(mismatch) = ServerSignal::of(container, signal) else { continue };
            let own = mismatch.server.signal;
            let (title, repair, remedy) = if mismatch.is_of_image {
                (
                    format!("is stopped by {}, and its image is made for {own}", titled(signal)),
                    removal(*place),
                    format!("remove {setting}, so that {own} is used"),
                )
            } else {
                let name = mismatch.server.name;
                (
                    format!("stops {name} by {}, which is not its graceful stop", titled(signal)),
                    set(setting, *place, own),
                    format!("set {setting} to {own}"),
                )
            };
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, *place, "the stop signal")
                    .also(Some(mismatch.place), mismatch.label())
                    .repair(repair)
                    .effect(mismatch.server.effect_of(&signal_name(signal)))
                    .remedy(remedy),
            );
        }
    }
}

fn setting(workload: &Workload) -> &'static str {
    match workload.platform {
        Platform::Quadlet if workload.is_played() => "lifecycle.stopSignal",
        Platform::Kamal => "stop-signal",
        Platform::Quadlet => "StopSignal",
        _ => "stop_signal",
    }
}
