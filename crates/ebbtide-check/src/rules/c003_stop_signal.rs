use super::repairs::remove;
use super::words::is_unhandled;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::server_of_image;
use crate::model::{Declared, Platform, Project, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "C003",
    name: "stop-signal",
    severity: Severity::Error,
    summary: "The stop signal of a service stops it the wrong way",
    details: "
`stop_signal` of Compose, the option `stop-signal` of Kamal and `StopSignal` of a Quadlet replace the STOPSIGNAL of the image. SIGKILL and SIGSTOP cannot be handled: an error. Another signal than that of the image
means something else to its server: a warning. For postgres SIGTERM is the smart shutdown, which waits until every client has
disconnected; its image has SIGINT, the fast shutdown. For nginx SIGTERM is the fast shutdown, and its image has SIGQUIT, the graceful one.
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
        let setting = setting(workload.platform);
        for container in &workload.containers {
            let Some(Declared::Written(signal, place)) = &container.stop_signal else { continue };
            // That of its Dockerfile is a finding there.
            if place.source != workload.place.source {
                continue;
            }
            if is_unhandled(signal) {
                let title = format!("is stopped by {signal}, which no program can handle");
                findings.push(
                    Finding::new(&RULE, Severity::Error, workload, title, *place, "the stop signal")
                        .repair(remove(setting, *place))
                        .effect("each stop is a crash: requests in flight are reset, and nothing is flushed")
                        .remedy(format!("remove {setting}, so that the signal of the image is used")),
                );
                continue;
            }
            let Some(Declared::Written(image, image_place)) = &container.image else { continue };
            let Some(known) = server_of_image(image) else { continue };
            let name = signal_name(signal);
            if name == signal_name(known.signal) || container.run().is_some() {
                continue;
            }
            let own = known.signal;
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    format!("is stopped by {signal}, and its image is made for {own}"),
                    *place,
                    "the stop signal",
                )
                .also(Some(*image_place), format!("has STOPSIGNAL {own}"))
                .repair(remove(setting, *place))
                .effect(known.effect_of(&name))
                .remedy(format!("remove {setting}, so that {own} is used")),
            );
        }
    }
}

fn setting(platform: Platform) -> &'static str {
    match platform {
        Platform::Kamal => "stop-signal",
        Platform::Quadlet => "StopSignal",
        _ => "stop_signal",
    }
}
