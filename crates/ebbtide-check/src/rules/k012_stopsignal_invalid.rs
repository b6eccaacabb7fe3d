use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "K012",
    name: "stopsignal-invalid",
    severity: Severity::Error,
    summary: "The stop signal of a container is rejected or stops nothing",
    details: "
`lifecycle.stopSignal` replaces the STOPSIGNAL of the image (alpha in Kubernetes 1.33). The API server rejects it unless `spec.os.name` is
set, and on Windows it accepts SIGTERM and SIGKILL alone. SIGKILL and SIGSTOP cannot be handled: the first ends the program without a
shutdown, and the second stops it until the grace period ends.
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
            let (title, effect, remedy) = if matches!(signal.as_str(), "SIGKILL" | "SIGSTOP") {
                (
                    format!("is stopped by {signal}, which no program can handle"),
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
