use std::time::Duration;

use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{self, MARGIN};
use crate::model::{Command, Platform, Project, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "S009",
    name: "docker-run-unit",
    severity: Severity::Warning,
    summary: "The unit of a container ends before the container does",
    details: "
The processes of a container that `docker run` starts belong to the Docker daemon and not to the unit. systemd's SIGTERM reaches the client, which
passes it on while it lives; SIGKILL at the end of the timeout ends the client only, and the container goes on. `ExecStop=docker stop -t N`
stops the container itself, if the unit has more time than that:

    N (10 by default) + 2 (margin) > TimeoutStopSec

The rule is about units that run `docker run` or `docker start -a` in the foreground without such a command, and about those whose timeout is
shorter than that of the command, for Podman too.
",
    sources: &[
        "systemd.service(5), ExecStop= and TimeoutStopSec=",
        "moby/moby, `daemon/config/config_linux.go`: 10 s by default",
    ],
    bad: &[Example { name: "web.service", text: include_str!("../../fixtures/S009/bad.service") }],
    good: &[Example { name: "web.service", text: include_str!("../../fixtures/S009/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let Some(unit) = &workload.unit else { continue };
        let Some(run) = workload.containers.first().and_then(|container| container.entrypoint.as_ref())
        else {
            continue;
        };
        if !runs_container(run) {
            continue;
        }
        let program = run.program().unwrap_or_default();
        let (place, label) = workload_grace(workload);
        let Some((stop, time)) = unit.exec_stop.iter().find_map(|stop| Some((stop, stop_time(stop)?))) else {
            // Podman's monitor is in the unit, and a command that this check does not know may stop the container.
            if program == "docker" && unit.exec_stop.is_empty() && is_in_foreground(run) {
                findings.push(
                    Finding::new(&RULE, Severity::Warning, workload, "does not stop its container at the end of the timeout", run.place, "runs in the daemon")
                        .also(Some(place), label)
                        .effect("after the timeout only the client is killed: the container goes on, and the next start fails or runs beside it")
                        .remedy("add ExecStop=/usr/bin/docker stop -t N NAME with the time that the program needs, and a longer TimeoutStopSec"),
                );
            }
            continue;
        };
        let Some(&limit) = workload.grace.value() else { continue };
        let sum = Sum::new(
            vec![(time, format!("{program} stop")), (MARGIN, "margin".to_owned())],
            limit,
            knowledge::grace_label(workload, &workload.grace),
        );
        if sum.total() > limit {
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, "kills the stop command before the container has stopped", stop.place, format!("waits for {}", show(time)))
                    .also(Some(place), label)
                    .sum(&sum)
                    .effect("the stop command is killed while the container still drains; the container goes on without the unit")
                    .remedy(format!("set TimeoutStopSec to {} or more", show(sum.total()).replace(' ', ""))),
            );
        }
    }
}

/// Returns whether a command runs a container.
fn runs_container(command: &Command) -> bool {
    matches!(command.program(), Some("docker" | "podman"))
        && matches!(command.texts().get(1), Some(&"run" | &"start"))
}

/// Returns whether the command ends with the container that it runs.
fn is_in_foreground(command: &Command) -> bool {
    let words = command.texts();
    let has = |options: &[&str]| words.iter().any(|word| options.contains(word));
    match words.get(1) {
        Some(&"run") => !has(&["-d", "--detach", "-dit", "-itd", "-td"]),
        _ => has(&["-a", "--attach", "-ai"]),
    }
}

/// Returns how long a `docker stop` waits before it kills the container.
fn stop_time(command: &Command) -> Option<Duration> {
    if !matches!(command.program(), Some("docker" | "podman")) || command.texts().get(1) != Some(&"stop") {
        return None;
    }
    let words = command.texts();
    let mut rest = words.iter().skip(2);
    while let Some(word) = rest.next() {
        let value = match *word {
            "-t" | "--time" | "--timeout" => rest.next().copied(),
            word => word
                .strip_prefix("--time=")
                .or_else(|| word.strip_prefix("--timeout="))
                .or_else(|| word.strip_prefix("-t").filter(|rest| !rest.is_empty())),
        };
        if let Some(value) = value {
            return value.trim_start_matches('=').parse().ok().map(seconds);
        }
    }
    Some(seconds(10))
}
