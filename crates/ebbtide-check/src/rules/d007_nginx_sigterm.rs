use super::repairs::stop_signal;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Script;
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "D007",
    name: "nginx-sigterm",
    severity: Severity::Warning,
    summary: "nginx is stopped by SIGTERM, which it takes as a fast shutdown",
    details: "
nginx closes its connections at once on SIGTERM and SIGINT, and finishes the requests in flight on SIGQUIT. The official image has
`STOPSIGNAL SIGQUIT`; an image that installs nginx as a package has the default, SIGTERM.
",
    sources: &[
        "nginx/nginx.org, Controlling nginx: TERM is the fast shutdown, QUIT the graceful one",
        "nginxinc/docker-nginx, Dockerfile: STOPSIGNAL SIGQUIT",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D007/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D007/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let Some(command) = container.run().filter(|_| container.stop_signal.is_none()) else { continue };
            let (_, command) = command.without_init();
            let runs = match command.script() {
                Some(script) => Script::read(&script.text)
                    .commands
                    .pop()
                    .is_some_and(|last| last.words.iter().any(|word| word == "nginx")),
                None => command.program() == Some("nginx"),
            };
            let Some(package) =
                container.packages.iter().find(|package| package.text == "nginx").filter(|_| runs)
            else {
                continue;
            };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    "stops nginx by SIGTERM, a fast shutdown",
                    command.place,
                    "is sent SIGTERM",
                )
                .also(Some(package.place), "installs nginx without its STOPSIGNAL")
                .repair(stop_signal(command.place, "SIGQUIT"))
                .effect("requests in flight are reset at each stop")
                .remedy("add `STOPSIGNAL SIGQUIT`"),
            );
        }
    }
}
