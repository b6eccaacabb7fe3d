use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::flushes;
use crate::model::{Declared, Platform, Project, Workload, seconds};

pub(super) static RULE: Rule = Rule {
    id: "C002",
    name: "stateful-default-grace",
    severity: Severity::Warning,
    summary: "A database has the default grace period of 10 s",
    details: "
Databases and brokers flush at a stop, which may take longer than the 10 s that Compose, Kamal (for its accessories) and Podman (for a Quadlet) wait
by default. A database that is killed recovers at its next start, which takes longer than the flush.

It is a warning if the service is meant to run for long: in Compose by `restart: always`, `unless-stopped` or a `deploy` section for Swarm, in a Quadlet by `Restart` or
`[Install]`; the accessories of Kamal always are, unless their option `restart` says otherwise. Otherwise it is an info: all 346 databases of the public
Compose files that were counted have the default. A container that runs another program in such an image, such as a backup, is left out. So are
a Redis without persistence (`--save \"\" --appendonly no`), a sentinel, and a database whose folder of data is a `tmpfs`: they have nothing to flush.
",
    sources: &[
        "SonarSource/docker-sonarqube, documentation: a longer stop timeout, so that the search index is not damaged",
        "compose-spec, `spec.md`: stop_grace_period",
        "basecamp/kamal, `lib/kamal/commands/accessory.rb`: stop has no time",
        "podman-systemd.unit(5): StopTimeout=",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C002/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C002/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let has_default =
        |workload: &&Workload| workload.grace == Declared::Default(seconds(10)) && !workload.is_oneshot;
    for workload in project.on_engines().filter(has_default) {
        for container in &workload.containers {
            let Some(name) = container.image_name() else { continue };
            if !flushes(container) {
                continue;
            }
            let severity = if workload.runs_always { Severity::Warning } else { Severity::Info };
            let (place, label) = workload_grace(workload);
            findings.push(
                Finding::new(&RULE, severity, workload, format!("gives {name} 10 s to stop"), place, label)
                    .also(container.image.as_ref().and_then(Declared::place), "flushes when it stops")
                    .note("with the data of production the flush takes longer than 10 s")
                    .effect("after each stop the server may have to recover, and its clients wait for that")
                    .remedy(remedy(workload)),
            );
        }
    }
}

fn remedy(workload: &Workload) -> &'static str {
    match workload.platform {
        Platform::Quadlet if workload.is_played() => "set terminationGracePeriodSeconds, for example to 60",
        Platform::Kamal => "set its option stop-timeout, for example to 60",
        Platform::Quadlet => "set StopTimeout, for example to 60",
        _ => "set stop_grace_period, for example to 1m",
    }
}
