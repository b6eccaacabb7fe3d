use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, Workload, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "M001",
    name: "kamal-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the time that Kamal gives a container",
    details: "
Kamal stops a container with `docker stop`, which sends the stop signal and kills the container after a time:

    drain + 2 (margin) > stop_timeout

| what | time |
|---|---|
| a role or the root with `stop_timeout` | that |
| a role behind the proxy | 10 s, Docker's default, or the role's option `stop-timeout`; the proxy has drained the requests before the signal |
| a role without the proxy, such as jobs | `drain_timeout`, 30 s by default |
| an accessory | 10 s, or its option `stop-timeout` |

So a role behind the proxy has 10 s for everything that is not a request, whatever `drain_timeout` is. For such a role the flag or variable of a server is a
warning, since it is about requests that the proxy has drained already. The drain time has to be declared: by the label
`ebbtide.dev/drain: 20s`, or by a flag or a variable of a known server in `cmd`, `env` or the Dockerfile. If only the default of a known server
is known, the finding is an info. The file of a destination (`deploy.staging.yml`) is merged first. Values that ERB computes are not known.
",
    sources: &[
        "basecamp/kamal, `lib/kamal/configuration/role.rb`: stop_args; its documentation of the configuration: stop_timeout, drain_timeout",
        "basecamp/kamal, `lib/kamal/commands/accessory.rb`: stop has no time",
    ],
    bad: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M001/bad.yml") }],
    good: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M001/good.yml") }],
    check,
};

/// The requests have ended before the signal.
fn behind_proxy(finding: Finding, workload: &Workload) -> Finding {
    let most = if workload.drain.is_some() { Severity::Error } else { Severity::Warning };
    Finding { severity: finding.severity.min(most), ..finding }.effect(
        "the proxy has drained the requests before SIGTERM; what else the program finishes, such as jobs, is killed, and runs again or is lost",
    )
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kamal) {
        let setting =
            if workload.kind == "role" { "stop_timeout of the role" } else { "its option stop-timeout" };
        findings.extend(workload.containers.iter().filter_map(|container| {
            let finding = overrun(&RULE, workload, container, "after the stop signal", |budget| {
                format!("set {setting} to {} or more, or shorten the drain", whole_seconds(budget.needed))
            })?;
            let is_proxied = workload.kamal.as_ref().is_some_and(|role| role.proxy.is_some());
            Some(if is_proxied { behind_proxy(finding, workload) } else { finding })
        }));
    }
}
