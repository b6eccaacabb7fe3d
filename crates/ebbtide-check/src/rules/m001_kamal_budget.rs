use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Container, Platform, Project, Workload, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "M001",
    name: "kamal-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the time that Kamal gives a container",
    details: "
Kamal stops a container with `docker stop`, which sends the stop signal and kills the container after a time:

    drain + 2 (margin) > stop_timeout, or in Kamal 1: stop_wait_time

| what | time |
|---|---|
| a role or the root with `stop_timeout` | that |
| a role behind the proxy | 10 s, Docker's default, or the role's option `stop-timeout`; the proxy has drained the requests before the signal |
| a role without the proxy, such as jobs | `drain_timeout`, 30 s by default |
| an accessory | 10 s, or its option `stop-timeout` |
| a role in a file of Kamal 1 | `stop_wait_time`, else 10 s or the role's option `stop-timeout` |

So a role behind the proxy has 10 s for everything that is not a request, whatever `drain_timeout` is. For such a role the flag or variable of a server is a
warning, since it is about requests that the proxy has drained already. The drain time has to be declared: by the label
`ebbtide.dev/drain: 20s`, or by a flag or a variable of a known server in `cmd`, `env` or the Dockerfile. If only the default of a known server
is known, the finding is an info. The file of a destination (`deploy.staging.yml`) is merged first. Values that ERB computes are not known.

A file with `stop_wait_time`, `traefik` or `healthcheck` at its root is one of Kamal 1. Kamal 2 refuses these keys, and Kamal 1 refuses `proxy`, `drain_timeout`,
`deploy_timeout` and `stop_timeout`: a file with keys of both is reported as not checked.
",
    sources: &[
        "basecamp/kamal, `lib/kamal/configuration/role.rb`: stop_args; its documentation of the configuration: stop_timeout, drain_timeout",
        "basecamp/kamal, `lib/kamal/commands/accessory.rb`: stop has no time",
        "basecamp/kamal, v1.9.2, `lib/kamal/commands/app.rb`: `docker stop -t` with stop_wait_time; `lib/kamal/configuration/validator.rb`: unknown keys are errors",
    ],
    bad: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M001/bad.yml") }],
    good: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M001/good.yml") }],
    check,
};

/// The requests have ended before the signal.
fn behind_proxy(finding: Finding, workload: &Workload, container: &Container) -> Finding {
    let most = if workload.drain.is_some() { Severity::Error } else { Severity::Warning };
    Finding { severity: finding.severity.min(most), ..finding }.effect(format!(
        "the proxy has drained the requests before {}; what else the program finishes, such as jobs, is killed, and runs again or is lost",
        workload.signal_of(container)
    ))
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kamal) {
        let setting = match (workload.grace_name(), &*workload.kind) {
            ("stop_wait_time", _) => "stop_wait_time",
            (_, "role") => "stop_timeout of the role",
            _ => "its option stop-timeout",
        };
        findings.extend(workload.containers.iter().filter_map(|container| {
            let finding = overrun(&RULE, workload, container, |budget| {
                format!("set {setting} to {} or more, or shorten the drain", whole_seconds(budget.needed))
            })?;
            let is_proxied = workload.kamal.as_ref().is_some_and(|role| role.proxy.is_some());
            Some(if is_proxied { behind_proxy(finding, workload, container) } else { finding })
        }));
    }
}
