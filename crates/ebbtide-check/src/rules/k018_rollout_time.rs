use std::time::Duration;

use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, Rollout, Workload, number, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "K018",
    name: "rollout-time",
    severity: Severity::Info,
    summary: "A rollout may take more than ten minutes",
    details: "
The pods of a Deployment are replaced in steps of `maxSurge + maxUnavailable`, and those of a StatefulSet one after the other. A step takes the
start-up of the new pods and, where an old pod stops before a new one starts, up to the grace period:

    Deployment:   ceil(replicas / (maxSurge + maxUnavailable)) * (readiness delay + minReadySeconds [+ grace, without a surge])
    StatefulSet:  replicas * (grace + readiness delay + minReadySeconds)

The finding is about rollouts that may take more than 600 s by this estimate, with a number of replicas that is written; the minimum
of an autoscaler counts as in [K015](K015.md). The time that an image is
pulled or a program starts is not in it. Tools that wait for a rollout need a limit above it.
",
    sources: &[
        "kubernetes/kubernetes, `pkg/controller/deployment/rolling.go`: the steps",
        "kubernetes/website, `content/en/docs/concepts/workloads/controllers/statefulset.md`: one pod at a time",
    ],
    bad: &[Example { name: "queue.yaml", text: include_str!("../../fixtures/K018/bad.yaml") }],
    good: &[Example { name: "queue.yaml", text: include_str!("../../fixtures/K018/good.yaml") }],
    check,
};

/// The estimate that is worth a finding.
const LONG: Duration = seconds(600);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(estimate) = Estimate::of(workload) else { continue };
        let total = estimate.step().saturating_mul(estimate.steps);
        if total <= LONG {
            continue;
        }
        let (place, label) = workload_grace(workload);
        let grace = estimate.grace.filter(|grace| !grace.is_zero());
        let terms = [
            grace.map(|grace| format!("{} (grace period)", number(grace))),
            Some(format!("{} (readiness delay)", number(estimate.delay)))
                .filter(|_| !estimate.delay.is_zero()),
            Some(format!("{} (minReadySeconds)", number(estimate.min_ready)))
                .filter(|_| !estimate.min_ready.is_zero()),
        ];
        let terms = terms.into_iter().flatten().collect::<Vec<_>>().join(" + ");
        // The pods of a StatefulSet are replaced one after the other, and a surge is only for Deployments.
        let more = matches!(workload.rollout, Rollout::Rolling { .. })
            .then_some("replace more pods in a step (maxSurge)");
        let shorter = grace.is_some().then_some("shorten the grace period");
        let parts: Vec<&str> = more.into_iter().chain(shorter).collect();
        let remedy = format!("{}, or give the deploy more time", parts.join(", "));
        let mut finding = Finding::new(
            &RULE,
            Severity::Info,
            workload,
            format!("may take {} to roll out", show(total)),
            workload.replicas.place().unwrap_or(workload.place),
            "replaced step by step",
        )
        .also(grace.map(|_| place), label)
        .effect("a deploy that waits for the rollout with a shorter limit fails, and old and new versions run together for that long")
        .remedy(remedy);
        finding.arithmetic =
            Some(format!("{} (steps) * ({terms}) = {} > {}", estimate.steps, number(total), number(LONG)));
        findings.push(finding);
    }
}

/// How long a rollout may take.
struct Estimate {
    steps: u32,
    /// The grace period, if a step begins with a stop.
    grace: Option<Duration>,
    delay: Duration,
    min_ready: Duration,
}

impl Estimate {
    fn of(workload: &Workload) -> Option<Self> {
        let Declared::Written(replicas, _) = workload.replicas else { return None };
        let (steps, stops_first) = match &workload.rollout {
            Rollout::Ordered => (replicas, true),
            Rollout::Rolling { surge, unavailable } => {
                let (surge, unavailable) =
                    (surge.value()?.ceil(replicas), unavailable.value()?.floor(replicas));
                (replicas.div_ceil(surge.saturating_add(unavailable).max(1)), surge == 0)
            }
            _ => return None,
        };
        let delays = workload.main().filter_map(|container| container.readiness.as_ref());
        let delay = delays.filter_map(|probe| probe.initial_delay.value().copied()).max().unwrap_or_default();
        let grace = if stops_first { Some(*workload.grace.value()?) } else { None };
        Some(Self { steps, grace, delay, min_ready: *workload.min_ready.value()? })
    }

    fn step(&self) -> Duration {
        self.grace.unwrap_or_default().saturating_add(self.delay).saturating_add(self.min_ready)
    }
}
