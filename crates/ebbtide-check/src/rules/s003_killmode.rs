use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, Workload};

pub(super) static RULE: Rule = Rule {
    id: "S003",
    name: "killmode",
    severity: Severity::Error,
    summary: "The kill mode of the unit leaves processes behind",
    details: "
`KillMode=none` sends no signal at all and leaves every process running: an error. `KillMode=process` signals the main process alone and
leaves its children running: a warning, except for daemons whose children have to survive (container runtimes, sshd, kubelet).

A unit of `Type=oneshot` has nothing to stop, unless it has `RemainAfterExit=yes`: what its command leaves in the background is then a part of the unit. Whether it
leaves something is not known, and `KillMode=none` is a warning there.
",
    sources: &[
        "systemd.kill(5), KillMode=: none is strongly recommended against, process is not recommended",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S003/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S003/good.service") }],
    check,
};

/// Daemons whose children have to survive a restart.
const KEEPERS: [&str; 10] = [
    "containerd",
    "dockerd",
    "kubelet",
    "sshd",
    "crio",
    "conmon",
    "libvirtd",
    "k3s",
    "rke2",
    "containerd-shim",
];

/// Returns whether a unit can have processes when it is stopped.
fn may_run(workload: &&Workload) -> bool {
    !workload.is_oneshot || workload.unit.as_ref().is_some_and(|unit| unit.remains)
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd).filter(may_run) {
        let Some(Declared::Written(mode, place)) =
            workload.unit.as_ref().and_then(|unit| unit.kill_mode.as_ref())
        else {
            continue;
        };
        let program =
            workload.containers.first().and_then(|container| container.entrypoint.as_ref()?.program());
        let (severity, title, effect) = match mode.as_str() {
            "none" if workload.is_oneshot => (
                Severity::Warning,
                "sends no signal when it is stopped",
                "what its command left in the background goes on without systemd: it keeps ports, locks and files open",
            ),
            _ if workload.is_oneshot => continue,
            "none" => (
                Severity::Error,
                "sends no signal when it is stopped",
                "the program goes on without systemd: it keeps its port, and the next start fails or runs beside it",
            ),
            "process" if program.is_none_or(|program| !KEEPERS.contains(&program)) => (
                Severity::Warning,
                "signals its main process alone",
                "children of the program go on without systemd: they keep ports, locks and files open",
            ),
            _ => continue,
        };
        findings.push(
            Finding::new(&RULE, severity, workload, title, *place, "leaves processes behind")
                .effect(effect)
                .remedy("use KillMode=mixed: SIGTERM for the main process, SIGKILL for what is left"),
        );
    }
}
