use super::repairs::exec;
use super::words::{assumption, exec_remedy};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, has_other_shell, shell_of, shells_that_stay};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "D001",
    name: "shell-form-pid1",
    severity: Severity::Warning,
    summary: "The shell form makes a shell process 1, which keeps SIGTERM from the program",
    details: "
`CMD app` and `ENTRYPOINT app` run `/bin/sh -c \"app\"`. Some shells replace themselves by the program; dash, the shell of Debian and Ubuntu,
does not, and as process 1 it ignores SIGTERM and does not pass it on. The table of [K009](K009.md) says which shell stays for which script.

It is a warning if the shell of the base image stays or is not known, and an info if the base image's shell is replaced, since another
base image changes that. A shell as the only command, such as `CMD bash` or `CMD bash -l`, serves nothing and is left out. Images of Windows and scripts that `SHELL` gives to PowerShell are left out.
",
    sources: &[
        "docker/cli, Dockerfile reference: the shell form does not receive Unix signals",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D001/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D001/good.Dockerfile") }],
    check,
};

/// Returns whether a script is a shell for a user at a terminal: it has nothing to drain.
fn is_interactive_shell(script: &str) -> bool {
    let mut words = script.split_whitespace();
    let shell = words.next().and_then(|shell| shell.rsplit('/').next());
    matches!(shell, Some("sh" | "bash" | "ash" | "dash" | "zsh"))
        && words.all(|option| matches!(option, "-l" | "--login" | "-i" | "-il" | "-li"))
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let Some(command) = container.run().filter(|command| command.is_shell_form) else { continue };
            if has_other_shell(container) {
                continue;
            }
            let Some(script) = command.script() else { continue };
            if is_interactive_shell(&script.text) {
                continue;
            }
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let shell = shell_of(container);
            let is_replaced = shell.is_some_and(|shell| !stays.includes(shell));
            let severity = if is_replaced { Severity::Info } else { Severity::Warning };
            let title = if is_replaced {
                "receives SIGTERM only because of the shell of its base image"
            } else {
                "does not pass SIGTERM on: its shell form makes a shell process 1"
            };
            let mut finding = Finding::new(&RULE, severity, workload, title, script.place, "runs in a shell")
                .also(container.image.as_ref().and_then(Declared::place), "the base image")
                .repair(exec(script))
                .effect("the program runs on after `docker stop` until SIGKILL, and its requests in flight are reset")
                .remedy(exec_remedy(stays, script, "use the exec form, `[\"program\", \"argument\"]`"))
                .in_script(script);
            if shell.is_none() && stays != ShellsThatStay::ALL {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
