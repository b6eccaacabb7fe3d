use super::repairs::exec;
use super::words::exec_remedy;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{ShellsThatStay, shell_of_program, shells_that_stay};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "S008",
    name: "wrapper-shell",
    severity: Severity::Warning,
    summary: "A shell is the main process of the unit, and the signal does not reach the program",
    details: "
With `KillMode=mixed` and `KillMode=process` systemd signals the main process alone. If that is a shell which stays in front of the program
(`sh -c` without `exec`), the shell ends at SIGTERM and the program is then killed (mixed) or left running (process). With `Type=notify` the
shell is also not the process that reports readiness.

With the default, `control-group`, every process is signalled. Which shell stays for which script is in the table of [K009](K009.md); a unit
does not say which shell `/bin/sh` is, so only scripts for which all stay are found, and those that name bash or dash.
",
    sources: &[
        "systemd.kill(5), KillMode=",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S008/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S008/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd).filter(|workload| !workload.is_oneshot) {
        let Some(unit) = &workload.unit else { continue };
        let mode = unit.kill_mode.as_ref().and_then(Declared::value).map(String::as_str);
        let is_single = matches!(mode, Some("mixed" | "process"));
        let Some(container) = workload.containers.first() else { continue };
        let Some(command) = &container.entrypoint else { continue };
        let signal = workload.signal_of(container);
        let Some(script) = command.script().filter(|_| is_single || unit.is_notify) else { continue };
        let Some(stays) = shells_that_stay(&script.text) else { continue };
        let shell = shell_of_program(command);
        if stays != ShellsThatStay::ALL && shell.is_none_or(|shell| !stays.includes(shell)) {
            continue;
        }
        let (title, effect) = if is_single {
            (
                "signals a shell and not the program",
                format!(
                    "the shell ends at {signal}, and the program is killed or left running with its requests in flight"
                ),
            )
        } else {
            (
                "waits for the notification of a shell",
                "the program's messages may be ignored: the start times out, and so does an extension of the stop".to_owned(),
            )
        };
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                title,
                script.place,
                "the shell stays in front of the program",
            )
            .also(unit.kill_mode.as_ref().and_then(Declared::place), "the main process alone")
            .repair(exec(script))
            .effect(effect)
            .remedy(exec_remedy(stays, script, "name the program in ExecStart without a shell"))
            .in_script(script),
        );
    }
}
