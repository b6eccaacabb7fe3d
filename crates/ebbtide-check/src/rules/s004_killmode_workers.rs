use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "S004",
    name: "killmode-workers",
    severity: Severity::Info,
    summary: "The stop signal reaches the workers of a server as well as its master",
    details: "
With `KillMode=control-group`, the default, systemd sends the stop signal to every process of the unit. A server with a master process stops its
workers itself: they get the signal twice, and a worker that has another meaning for it may end before its requests. `KillMode=mixed` signals
the master alone and kills what is left when it has exited.

The rule is about units that run gunicorn, uWSGI, Puma, php-fpm or nginx. Most of their workers bear the second signal, which is why it is an info.
",
    sources: &[
        "systemd.kill(5), KillMode=: control-group and mixed",
        "haproxy/haproxy, `admin/systemd/haproxy.service.in`: KillMode=mixed",
    ],
    bad: &[Example { name: "shop.service", text: include_str!("../../fixtures/S004/bad.service") }],
    good: &[Example { name: "shop.service", text: include_str!("../../fixtures/S004/good.service") }],
    check,
};

/// Servers with a master process.
const SERVERS: [&str; 5] = ["gunicorn", "uwsgi", "puma", "nginx", "php-fpm"];

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let Some(unit) = &workload.unit else { continue };
        let is_group = match &unit.kill_mode {
            None => true,
            Some(mode) => mode.value().is_some_and(|mode| mode == "control-group"),
        };
        // A stop command asks the master by itself.
        if !is_group || !unit.exec_stop.is_empty() {
            continue;
        }
        for container in &workload.containers {
            let Some(command) = &container.entrypoint else { continue };
            let Some(server) = command.program().and_then(|program| {
                SERVERS.iter().find(|server| {
                    program == **server || (**server == "php-fpm" && program.starts_with("php-fpm"))
                })
            }) else {
                continue;
            };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Info,
                    workload,
                    format!("signals the workers of {server} as well as its master"),
                    command.place,
                    "stops its workers itself",
                )
                .also(unit.kill_mode.as_ref().and_then(Declared::place), "every process gets the signal")
                .effect(
                    "workers may end before their master has told them to, with the requests that they have",
                )
                .remedy("set KillMode=mixed"),
            );
        }
    }
}
