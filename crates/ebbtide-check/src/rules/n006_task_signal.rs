use super::signals::wrong_signal;
use super::words::{assumption, exec_remedy, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "N006",
    name: "task-signal",
    severity: Severity::Error,
    summary: "The kill signal does not reach the program of the task, or cannot be handled",
    details: "
`kill_signal = \"SIGKILL\"` ends the program without a shutdown, and what is no signal cannot be sent: errors. A signal that is not the graceful stop of the server in the
task is a warning; [D007](D007.md) has the table of these servers. A command that is `sh -c` leaves a shell in front of the program, depending on the
script and the shell ([K009](K009.md) has the table): Nomad signals the first process only, and a shell does not pass the signal on. That is a warning. Batch jobs, which run to their end, are left out.
",
    sources: &[
        "hashicorp/nomad, `drivers/shared/executor/executor.go`: the signal goes to the child process alone",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "mailer.nomad.hcl", text: include_str!("../../fixtures/N006/bad.hcl") }],
    good: &[Example { name: "mailer.nomad.hcl", text: include_str!("../../fixtures/N006/good.hcl") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Nomad).filter(|workload| !workload.is_oneshot) {
        for task in workload.running() {
            if let Some(Declared::Written(signal, place)) = &task.stop_signal {
                findings.extend(wrong_signal(&RULE, workload, task, signal, (*place, "the kill signal")));
            }
            let Some(command) = task.run() else { continue };
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let known = shell_of_program(&command).or_else(|| shell_of(task));
            if known.is_some_and(|shell| !stays.includes(shell)) {
                continue;
            }
            let title = named(workload, task, "does not receive the kill signal: a shell is in front of it");
            let mut finding =
                Finding::new(&RULE, Severity::Warning, workload, title, script.place, "runs in a shell")
                    .effect("the program runs on until SIGKILL, and its requests in flight are reset")
                    .remedy(exec_remedy(stays, script, "run the program without a shell"))
                    .in_script(script);
            if stays != ShellsThatStay::ALL && known.is_none() {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
