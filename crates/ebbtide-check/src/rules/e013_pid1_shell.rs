use super::repairs::exec;
use super::words::{assumption, exec_remedy, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E013",
    name: "pid1-shell",
    severity: Severity::Warning,
    summary: "A shell is process 1 and keeps the stop signal from the program",
    details: "
`\"command\": [\"sh\", \"-c\", \"…\"]` makes a shell process 1 of the container; it ignores SIGTERM and does not pass it on. The table of
[K009](K009.md) says which shell stays for which script. With `initProcessEnabled` it is [D008](D008.md). A container that
another one waits for to end (`SUCCESS`, `COMPLETE`) is left out.
",
    sources: &[
        "botocore, ecs, `ContainerDefinition.command`",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "task.json", text: include_str!("../../fixtures/E013/bad.json") }],
    good: &[Example { name: "task.json", text: include_str!("../../fixtures/E013/good.json") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        for container in workload.running() {
            let Some(command) = container.run() else { continue };
            // With an init it is D008.
            if container.may_have_init() {
                continue;
            }
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let known = shell_of_program(&command).or_else(|| shell_of(container));
            if known.is_some_and(|shell| !stays.includes(shell)) {
                continue;
            }
            let title = named(workload, container, "does not receive the stop signal: a shell is process 1");
            let mut finding =
                Finding::new(&RULE, Severity::Warning, workload, title, script.place, "runs in a shell")
                    .repair(exec(script))
                    .effect("the program runs on until SIGKILL, and its requests in flight are reset")
                    .remedy(exec_remedy(stays, script, "list the program and its arguments without a shell"))
                    .in_script(script);
            if stays != ShellsThatStay::ALL && known.is_none() {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
