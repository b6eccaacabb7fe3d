use super::signals::{ServerSignal, is_signal, is_unhandled, titled};
use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::input::Place;
use crate::model::{Container, Declared, Platform, Project, Workload, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "K012",
    name: "stopsignal-invalid",
    severity: Severity::Error,
    summary: "The stop signal of a container is rejected or stops nothing",
    details: "
`lifecycle.stopSignal` replaces the STOPSIGNAL of the image (alpha in Kubernetes 1.33). The API server rejects it unless `spec.os.name` is
set, and names that are no signals, such as `SIGFOO` or `TERM` without `SIG`; on Windows it accepts SIGTERM and SIGKILL alone. SIGKILL and SIGSTOP cannot be handled: the first
ends the program without a shutdown, and the second stops it until the grace period ends.

A signal that is not the graceful stop of the server in the container is a warning: that of nginx and php-fpm is SIGQUIT, that of Apache SIGWINCH, that of HAProxy
SIGUSR1, and that of PostgreSQL SIGINT ([D007](D007.md) says what SIGTERM does to them). Without the field the STOPSIGNAL of the image is used, and the official images have these.
",
    sources: &[
        "kubernetes/api, `core/v1/types.go`, `StopSignal`",
        "kubernetes/enhancements, KEP-4960",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K012/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K012/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for container in workload.running() {
            let Some(Declared::Written(signal, place)) = &container.stop_signal else { continue };
            let os = match &workload.os {
                Some(Declared::Unresolved(_)) => continue,
                Some(os) => os.value().map(String::as_str),
                None => None,
            };
            let is_name = signal.starts_with("SIG") && signal.parse::<u8>().is_err() && is_signal(signal);
            let (title, effect, remedy) = if !is_name {
                (
                    format!("has the stop signal {signal}, which is no name of a signal"),
                    "the API server rejects the object, and the rollout does not happen",
                    "use the name of the signal that the program handles, such as SIGTERM",
                )
            } else if is_unhandled(signal) {
                (
                    format!("is stopped by {}, which no program can handle", titled(signal)),
                    "each stop is a crash: requests in flight are reset, and nothing is flushed",
                    "use the signal that the program handles, such as SIGTERM",
                )
            } else if os == Some("windows") && signal != "SIGTERM" {
                (
                    format!("has the stop signal {signal}, which Windows does not have"),
                    "the API server rejects the object, and the rollout does not happen",
                    "use SIGTERM",
                )
            } else if os.is_none() {
                (
                    format!("has the stop signal {signal}, but no `spec.os.name`"),
                    "the API server rejects the object, and the rollout does not happen",
                    "add `os: {name: linux}` to the pod's spec",
                )
            } else {
                findings.extend(mismatch(workload, container, signal, *place));
                continue;
            };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    named(workload, container, &title),
                    *place,
                    "the stop signal",
                )
                .also(workload.os.as_ref().and_then(Declared::place), "the operating system")
                .effect(effect)
                .remedy(remedy),
            );
        }
    }
}

/// Returns the finding that a signal is not the graceful stop of the server that a container runs.
fn mismatch(workload: &Workload, container: &Container, signal: &str, place: Place) -> Option<Finding> {
    let found = ServerSignal::of(container, signal)?;
    let (name, own) = (found.server.name, found.server.signal);
    let title = format!("stops {name} by {}, which is not its graceful stop", titled(signal));
    Some(
        Finding::new(
            &RULE,
            Severity::Warning,
            workload,
            named(workload, container, &title),
            place,
            "the stop signal",
        )
        .also(Some(found.place), found.label())
        .effect(found.server.effect_of(&signal_name(signal)))
        .remedy(format!("use {own}")),
    )
}
