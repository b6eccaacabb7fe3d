use super::signals::wrong_signal;
use super::words::{assumption, exec_remedy};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::{Container, Declared, Platform, Project, Workload};

pub(super) static RULE: Rule = Rule {
    id: "P004",
    name: "fly-signal",
    severity: Severity::Warning,
    summary: "The kill signal of the application does not reach its program, or is not the graceful stop of its server",
    details: "
Fly stops a machine by `kill_signal`, SIGINT by default, whatever the STOPSIGNAL of the image is. For nginx, php-fpm and gunicorn that is the fast stop, which closes
connections at once; [D007](D007.md) has the graceful stop of each server. The server is that of the process in `[processes]` or of the command in `[experimental]`, of `[build] image`, or of the base image of the
`Dockerfile` beside `fly.toml` (`[build] dockerfile`). An error is what no program can handle, and what is no signal.

The init of a machine signals its child alone. A process that is `sh -c` leaves a shell in front of the program, depending on the script and the shell ([K009](K009.md) has the
table), and a shell does not pass the signal on.
",
    sources: &[
        "superfly/docs, `reference/configuration.html.md`: kill_signal, SIGINT by default",
        "superfly/flyctl, `internal/appconfig/machines.go`: the command of a machine",
        "superfly/init-snapshot, `src/bin/init/main.rs`: the signal goes to the main child process alone",
        "the table of K009: measured with `unshare --pid`",
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
            let sent = match &container.stop_signal {
                Some(Declared::Written(signal, place)) => {
                    Some((signal.as_str(), (*place, "the kill signal")))
                }
                Some(_) => None,
                None => Some(("SIGINT", (container.place, "no kill_signal: SIGINT by default"))),
            };
            findings.extend(
                sent.and_then(|(signal, shown)| wrong_signal(&RULE, workload, container, signal, shown)),
            );
            findings.extend(shell_in_front(workload, container));
        }
    }
}

/// Returns the finding that a shell stays in front of the program and keeps the signal.
fn shell_in_front(workload: &Workload, container: &Container) -> Option<Finding> {
    let (init, command) = container.run()?.without_init();
    let script = command.script()?;
    let stays = shells_that_stay(&script.text)?;
    let known = shell_of_program(&command).or_else(|| shell_of(container));
    if init.is_some_and(|init| init.signals_group) || known.is_some_and(|shell| !stays.includes(shell)) {
        return None;
    }
    let title = "does not receive the kill signal: a shell is in front of it";
    let finding = Finding::new(&RULE, Severity::Warning, workload, title, script.place, "runs in a shell")
        .effect("the machine stops with the shell and takes the program along, or waits for kill_timeout: requests in flight are reset")
        .remedy(exec_remedy(stays, script, "run the program without a shell"))
.in_script(script);
    let is_assumed = stays != ShellsThatStay::ALL && known.is_none();
    Some(if is_assumed { finding.note(assumption(stays)) } else { finding })
}
