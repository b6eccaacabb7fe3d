use super::repairs::exec;
use super::words::{assumption, exec_remedy};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::{Declared, Project, Workload};

pub(super) static RULE: Rule = Rule {
    id: "D002",
    name: "exec-sh-c",
    severity: Severity::Warning,
    summary: "The exec form runs a shell, which keeps SIGTERM from the program",
    details: "
`CMD [\"sh\", \"-c\", \"app\"]` is the exec form by its shape, and still makes a shell process 1. Whether the shell stays depends on the script
and on the shell; the table of [K009](K009.md) says how. The rule is about Dockerfiles, and about the command
in a Compose file, a role of Kamal or a Quadlet. An init process (`init: true`, tini) does not help: see [D008](D008.md).
A service of Compose that another one waits for (`service_completed_successfully`) runs to its end and is left out. One in a profile, without ports and a restart policy, is an info.
",
    sources: &[
        "docker/cli#3198",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D002/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D002/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let is_meant = |workload: &&Workload| !workload.shares_process_namespace && !workload.is_oneshot;
    for workload in project.with_commands().filter(is_meant) {
        for container in &workload.containers {
            let Some(command) = container.run().filter(|command| !command.is_shell_form) else {
                continue;
            };
            let (init, command) = command.without_init();
            // With an init it is D008.
            if init.is_some() || container.may_have_init() {
                continue;
            }
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let named = shell_of_program(&command);
            let shell = named.or_else(|| shell_of(container));
            let is_replaced = shell.is_some_and(|shell| !stays.includes(shell));
            if is_replaced && named.is_some() {
                continue;
            }
            let severity =
                if is_replaced || workload.is_batch() { Severity::Info } else { Severity::Warning };
            let title = if is_replaced {
                "receives SIGTERM only because of the shell of its image"
            } else {
                "does not pass SIGTERM on: a shell is process 1"
            };
            let mut finding = Finding::new(&RULE, severity, workload, title, script.place, "runs in a shell")
                .also(container.image.as_ref().and_then(Declared::place), "the image")
                .repair(exec(script))
                .effect("the program runs on after the stop signal until SIGKILL, and its requests in flight are reset")
                .remedy(exec_remedy(stays, script, "list the program and its arguments without a shell"))
.in_script(script);
            if shell.is_none() && stays != ShellsThatStay::ALL {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
