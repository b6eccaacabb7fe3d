use super::words::{assumption, exec_remedy, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of, shell_of_program, shells_that_stay};
use crate::model::Project;

pub(super) static RULE: Rule = Rule {
    id: "D008",
    name: "init-no-group",
    severity: Severity::Warning,
    summary: "Behind an init process a shell ends at SIGTERM, and takes the program along",
    details: "
tini and Docker's own init (`--init`, `init: true`, `initProcessEnabled`) pass the signal on to their child alone. If the child is a shell that stays in front of the
program, the shell ends at SIGTERM, since it is not process 1, the init ends with it, and the kernel kills the program with the container: sooner than without an init.

`tini -g` and `dumb-init` signal the whole group. The program then receives SIGTERM, and is killed as soon as the shell has ended, which is at once. Measured with tini
0.19, dumb-init 1.2, dash and bash, and a program that drains for 1.5 s: it lives for 0.1 s. Which shell stays for which script is in the table of [K009](K009.md).
",
    sources: &[
        "krallin/tini, README: the child alone is signalled, with -g the process group",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D008/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D008/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.with_containers().filter(|workload| !workload.is_oneshot) {
        for container in workload.running() {
            // The init of the deployment is in front of what the image runs too.
            let whole = if container.init.is_some() { &container.with_built_command() } else { container };
            let Some(command) = container.run().or_else(|| whole.run()) else { continue };
            let (init, command) = command.without_init();
            let Some(init) = init.or(container.init) else { continue };
            let Some(script) = command.script() else { continue };
            let Some(stays) = shells_that_stay(&script.text) else { continue };
            let shell = shell_of_program(&command).or_else(|| shell_of(whole));
            if shell.is_some_and(|shell| !stays.includes(shell)) {
                continue;
            }
            let title = if init.signals_group {
                "has an init that ends with a shell before the program has drained"
            } else {
                "has an init that signals a shell and not the program"
            };
            let severity = if workload.is_batch() { Severity::Info } else { Severity::Warning };
            let mut finding = Finding::new(
                &RULE,
                severity,
                workload,
                named(workload, container, title),
                script.place,
                "runs in a shell behind the init",
            )
            .also(container.init.map(|_| container.place), "has the init")
            .effect("at SIGTERM the shell and the init end, and the program is killed at once with its requests in flight")
            .remedy(exec_remedy(stays, script, "run the program without a shell"))
.in_script(script);
            if shell.is_none() && stays != ShellsThatStay::ALL {
                finding = finding.note(assumption(stays));
            }
            findings.push(finding);
        }
    }
}
