use super::signals::wrong_signal;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "P004",
    name: "fly-signal",
    severity: Severity::Warning,
    summary: "The kill signal of the application is not the graceful stop of its server",
    details: "
Fly stops a machine by `kill_signal`, SIGINT by default, whatever the STOPSIGNAL of the image is. For nginx and php-fpm that is the fast stop, which closes
connections at once; [D007](D007.md) has the graceful stop of each server. The server is that of the process in `[processes]`, of `[build] image`, or of the base image of the
`Dockerfile` beside `fly.toml` (`[build] dockerfile`) if that runs what its base runs. An error is what no program can handle, and what is no signal.
",
    sources: &[
        "superfly/docs, `reference/configuration.html.md`: kill_signal, SIGINT by default",
        "nginx.org, Controlling nginx: TERM and INT are the fast shutdown, QUIT the graceful one",
        "the Dockerfiles of the official images nginx, php, httpd, postgres and haproxy",
    ],
    bad: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P004/bad.toml") }],
    good: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P004/good.toml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Fly) {
        for container in &workload.containers {
            let (signal, shown) = match &container.stop_signal {
                Some(Declared::Written(signal, place)) => (signal.as_str(), (*place, "the kill signal")),
                Some(_) => continue,
                None => ("SIGINT", (container.place, "no kill_signal: SIGINT by default")),
            };
            findings.extend(wrong_signal(&RULE, workload, container, signal, shown));
        }
    }
}
