use super::repairs::raise_grace;
use super::words::{grace_note, named};
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::grace_label;
use crate::model::{Platform, PreStopAction, Project, UNBOUNDED, show};

pub(super) static RULE: Rule = Rule {
    id: "K002",
    name: "prestop-eats-grace",
    severity: Severity::Error,
    summary: "The preStop hook takes the whole grace period",
    details: "
A preStop hook runs inside of the grace period. If it is still running at its end, the kubelet waits 2 s once more, sends SIGTERM
and then SIGKILL: the program has those 2 s to stop. A native `sleep` that is longer than the grace period is rejected by the API
server; an equal one is accepted. In a script the literal sleeps count that certainly run: not one that the result of another command decides (behind `&&` or `||`), and
none after `exit` or, with `set -e`, after a command that may fail. `sleep infinity` and `tail -f /dev/null` never end.

    preStop >= terminationGracePeriodSeconds
",
    sources: &[
        "kubernetes/kubernetes, `pkg/kubelet/kuberuntime/kuberuntime_container.go`, `killContainer`: the minimum of 2 s",
        "kubernetes/enhancements, KEP-3960 and KEP-4818: the validation of `sleep.seconds`",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K002/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K002/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for container in workload.running() {
            let grace = workload.grace_of(container);
            let Some(limit) = grace.value().copied().filter(|limit| !limit.is_zero()) else { continue };
            let Some(hook) = &container.pre_stop else { continue };
            let Some((time, place)) = hook.least.filter(|(time, _)| *time >= limit) else { continue };
            let is_rejected = matches!(hook.action, PreStopAction::Sleep) && time > limit;
            let signal = workload.signal_of(container);
            let effect = if is_rejected {
                "the API server rejects the object: a sleep must not be longer than the grace period"
                    .to_owned()
            } else {
                format!(
                    "{signal} arrives 2 s before SIGKILL: requests in flight are reset, and nothing is flushed"
                )
            };
            let never_ends = time == UNBOUNDED;
            let title = if never_ends {
                "has a preStop hook that never ends".to_owned()
            } else {
                format!("leaves no time after its preStop hook of {}", show(time))
            };
            let (grace_place, label) = grace_note(workload, container);
            let sum = Sum::new(vec![(time, hook.label().to_owned())], limit, grace_label(workload, grace));
            findings.push(
                Finding::new(&RULE, Severity::Error, workload, named(workload, container, &title), place, format!("before {signal}"))
                    .also(Some(grace_place), label)
                    .sum(&sum)
                    .repair(raise_grace(workload, container))
                    .effect(effect)
                    .remedy(if never_ends {
                        "let the hook end, such as after the time that the routes need"
                    } else {
                        "make the hook shorter, or set terminationGracePeriodSeconds to the hook, the drain and 2 s more"
                    }),
            );
        }
    }
}
