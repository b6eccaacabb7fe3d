use super::repairs::exec;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::input::Place;
use crate::knowledge::shells_that_stay;
use crate::model::{Platform, Project, Word};

pub(super) static RULE: Rule = Rule {
    id: "D003",
    name: "entrypoint-no-exec",
    severity: Severity::Warning,
    summary: "The entry point script starts the program as its child and does not pass signals on",
    details: "
A script as entry point is process 1. Unless its last command begins with `exec`, the program is its child: the shell ignores SIGTERM, and
the program runs until SIGKILL.

The script has to be in the input and below the folder of the Dockerfile. Scripts with `exec` or `trap` are left out.
",
    sources: &[
        "docker/cli, Dockerfile reference: a starting script uses exec, so that the program receives the Unix signals",
    ],
    bad: &[
        Example { name: "api/Dockerfile", text: include_str!("../../fixtures/D003/Dockerfile") },
        Example { name: "api/start.sh", text: include_str!("../../fixtures/D003/bad.sh") },
    ],
    good: &[
        Example { name: "api/Dockerfile", text: include_str!("../../fixtures/D003/Dockerfile") },
        Example { name: "api/start.sh", text: include_str!("../../fixtures/D003/good.sh") },
    ],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let (Some(script), Some(entrypoint)) = (&container.wrapper, &container.entrypoint) else {
                continue;
            };
            // The shell of a script stays: only `sh -c` replaces itself.
            if shells_that_stay(&script.text).is_none() {
                continue;
            }
            let line = last_line(script);
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    "does not pass SIGTERM on: its entry point script has no `exec`",
                    line,
                    "runs as a child of the script",
                )
                .also(Some(entrypoint.place), "process 1")
                .repair(exec(script))
                .effect("the program runs on after `docker stop` until SIGKILL, and its requests in flight are reset")
                .remedy("begin the last command of the script with `exec`"),
            );
        }
    }
}

/// Returns the place of the last line that is not empty.
fn last_line(script: &Word) -> Place {
    let text = script.text.trim_end();
    let start = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
    Place::new(script.place.source, start, text.len())
}
