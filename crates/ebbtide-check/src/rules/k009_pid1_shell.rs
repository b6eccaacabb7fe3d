use super::repairs::exec;
use super::words::{assumption, exec_remedy, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::{Project, show};

pub(super) static RULE: Rule = Rule {
    id: "K009",
    name: "pid1-shell",
    severity: Severity::Error,
    summary: "A shell is process 1 and keeps SIGTERM from the program",
    details: "
`command: [\"sh\", \"-c\", \"…\"]` makes the shell process 1 of the container. The kernel ignores SIGTERM for process 1 unless it has a
handler, which shells have not, and a shell does not pass signals on. The program runs until SIGKILL. The rule is about pods, and about services of Knative and Cloud Run and
Azure Container Apps, whose containers are written in the same way.

Whether the shell stays depends on the script and on the shell: some replace themselves by the last command. Measured with dash
0.5.12 (Debian, Ubuntu), busybox ash 1.35 (Alpine) and bash 5.2.15:

| script | dash | ash | bash |
|---|---|---|---|
| `app`, `A=1 app`, `cd x && app`, `a && b && app`, `a \\|\\| app`, `export A=1; app`, `a && b; app`, `a & b; app` | stays | replaced | replaced |
| `a; b && app`, `a; b \\|\\| app`, `a & app`, `a & b && app` in one line | stays | replaced | stays |
| the same with a line end in place of the first `;` or after the first `&` | stays | replaced | replaced |
| `app > file`, and `app` as the last command of an `if`, a `case`, `{ … }` or `( … )` | stays | replaced | stays |
| a line end after the last command, also that of a block `\\|` of YAML | stays | stays | replaced |
| a blank line or the line of a comment after the last command | stays | stays | stays |
| `time app`, `! app`, a `trap` before it, for `EXIT` too | stays | stays | stays |
| `app; true`, `app \\| cat`, `exec app \\| cat`, a loop, a function | stays | stays | stays |
| `exec app` | replaced | replaced | replaced |

The last command is what counts, and each branch of it; an `exec` in a command before it changes nothing. It is an error if all three stay, and a warning if it depends on the shell.
Scripts with a `trap` for a signal, those that end with `source` or `eval`, idle ones (`sleep infinity`) and pods with `shareProcessNamespace` are left out. In a Job it is an info: it is seldom stopped before it has finished. The same
holds for a Pod with `restartPolicy` `Never` or `OnFailure` that no Service selects.
",
    sources: &[
        "docker/cli, Dockerfile reference: the shell form does not receive Unix signals",
        "the table: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K009/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K009/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.with_pods().filter(|workload| !workload.shares_process_namespace) {
        for container in workload.running() {
            let Some(command) = container.command() else { continue };
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let known = shell_of_program(&command).or_else(|| shell_of(container));
            if known.is_some_and(|shell| !stays.includes(shell)) {
                continue;
            }
            let severity = match stays {
                _ if workload.is_batch() => Severity::Info,
                ShellsThatStay::ALL => Severity::Error,
                _ => Severity::Warning,
            };
            let grace = match workload.grace.value() {
                Some(grace) => format!("for {}", show(*grace)),
                None => "until the end of the grace period".to_owned(),
            };
            let title = named(workload, container, "does not receive SIGTERM: a shell is process 1");
            let mut finding = Finding::new(&RULE, severity, workload, title, script.place, "the shell stays in front of the program")
                .repair(exec(script))
                .effect(format!("the program serves {grace} as if nothing happened, and is then killed with its requests in flight"))
                .remedy(exec_remedy(stays, script, "list the program and its arguments in `command` without a shell"))
.in_script(script);
            if stays != ShellsThatStay::ALL && known.is_none() {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
