use super::repairs::exec;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, script_ends, within};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "D003",
    name: "entrypoint-no-exec",
    severity: Severity::Warning,
    summary: "The entry point script starts the program as its child and does not pass signals on",
    details: "
A script as entry point, or as the command of an image without one, is process 1, also as the file of a shell: `CMD [\"bash\", \"start.sh\"]`, or as the last command of
a shell form: `CMD exec /start.sh`. Unless its last command begins with
`exec`, the program is its child: the shell ignores SIGTERM, and the program runs until SIGKILL. Behind an init process the shell ends at SIGTERM and takes the program along
([D008](D008.md)).

The last command is what counts. If that is an `if`, a `case` or `[ … ] && B || C`, every branch that runs a program needs `exec`; a branch that the `CMD` of the
Dockerfile cannot reach is left out, where the script compares its first argument, or a variable that is set to it, with a word. A function that is called last is followed. An `exec` in a pipe
(`exec app | tee log`) or in the background replaces another shell than that of process 1.

The script has to be in the input and below the folder of the Dockerfile, which has to copy it to the path that is started, or in a here document of the Dockerfile (`COPY <<EOF /start.sh`). Its name
does not matter if its first line names a shell. Scripts with a `trap` for a signal are left out, and so are scripts whose last command is
`source` or `eval`: what that runs is not known.
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
            let (Some(script), Some(run)) = (&container.wrapper, container.run()) else { continue };
            let init = run.without_init().0.or(container.init);
            let all = script_ends(container, script);
            let (replaced, children): (Vec<_>, Vec<_>) = all.iter().partition(|end| end.stays.is_none());
            let Some(first) = children.first() else { continue };
            let title = if replaced.is_empty() {
                "does not pass SIGTERM on: its entry point script has no `exec`"
            } else {
                "does not pass SIGTERM on: a branch of its entry point script has no `exec`"
            };
            let label = "runs as a child of the script";
            let place = within(script, first.command.range);
            let mut finding = Finding::new(&RULE, Severity::Warning, workload, title, place, label);
            for end in children.iter().skip(1) {
                finding = finding.also(Some(within(script, end.command.range)), label);
            }
            findings.push(
                finding
                .also(Some(run.place), if init.is_some() { "the init ends with the script" } else { "process 1" })
                .repair(exec(script))
                .effect(if init.is_some() {
                    "at SIGTERM the script and the init end, and the program is killed at once with its requests in flight"
                } else {
                    "the program runs on after `docker stop` until SIGKILL, and its requests in flight are reset"
                })
                .remedy(if all.len() > 1 && children.iter().any(|end| end.stays == Some(ShellsThatStay::ALL)) {
                    "let each program be the last command of its branch, neither in a pipe nor in the background, and begin it with `exec`"
                } else if children.iter().any(|end| end.stays == Some(ShellsThatStay::ALL)) {
                    "let the program be the last command of the script, neither in a pipe nor in the background, and begin it with `exec`"
                } else if all.len() > 1 {
                    "begin the last command of each branch with `exec`"
                } else {
                    "begin the last command of the script with `exec`"
                }),
            );
        }
    }
}
