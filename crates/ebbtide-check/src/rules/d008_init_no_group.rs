use super::words::{assumption, shell_of, shell_of_program};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shells_that_stay};
use crate::model::Project;

pub(super) static RULE: Rule = Rule {
    id: "D008",
    name: "init-no-group",
    severity: Severity::Warning,
    summary: "The init process signals a shell and not the program",
    details: "
tini and Docker's own init (`--init`, `init: true`) pass the signal on to their child alone, unless tini has the option `-g`. If the child
is a shell that stays in front of the program, the shell ends at SIGTERM, the init ends with it, and the kernel kills the program with the
container: sooner than without an init. `dumb-init` signals the whole group.
",
    sources: &[
        "krallin/tini, README: -g signals the process group",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D008/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D008/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.with_commands() {
        for container in &workload.containers {
            let Some(command) = container.run() else { continue };
            let (init, command) = command.without_init();
            if init.or(container.init).is_none_or(|init| init.signals_group) {
                continue;
            }
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let shell = shell_of_program(&command).or_else(|| shell_of(container));
            if shell.is_some_and(|shell| !stays.includes(shell)) {
                continue;
            }
            let mut finding = Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "has an init that signals a shell and not the program",
                script.place,
                "runs in a shell behind the init",
            )
            .effect("at SIGTERM the shell and the init end, and the program is killed at once with its requests in flight")
            .remedy("begin the last command with `exec`, or let the init signal the group: `tini -g`, `dumb-init`");
            if shell.is_none() && stays != ShellsThatStay::All {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
