use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Budget;
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "P002",
    name: "cloud-run-budget",
    severity: Severity::Error,
    summary: "The drain takes longer than the ten seconds of Cloud Run",
    details: "
Cloud Run sends SIGTERM and kills the instance ten seconds later. That cannot be set:

    drain + 2 (margin) > 10

The drain time has to be declared: by the annotation `ebbtide.dev/drain: 20s`, or by a flag or a variable of a known server. If only the default of a known
server is known, the finding is an info. The rule reads the YAML of `gcloud run services`, which is recognised by its annotations of
`run.googleapis.com`, and `google_cloud_run_v2_service` and `google_cloud_run_service` of Terraform.
",
    sources: &[
        "cloud.google.com, Cloud Run, container runtime contract: SIGTERM ten seconds before SIGKILL",
    ],
    bad: &[Example { name: "service.yaml", text: include_str!("../../fixtures/P002/bad.yaml") }],
    good: &[Example { name: "service.yaml", text: include_str!("../../fixtures/P002/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::CloudRun) {
        for container in &workload.containers {
            let Some(budget) = Budget::of(workload, container).filter(Budget::overruns) else { continue };
            let severity = if budget.drain.is_declared { Severity::Error } else { Severity::Info };
            let place = budget.drain.place.unwrap_or(workload.place);
            findings.push(
                Finding::new(&RULE, severity, workload, budget.title(), place, "after SIGTERM")
                    .sum(&budget.sum)
                    .effect(budget.effect())
                    .remedy("shorten the drain to 8 s or less, and the limit of requests with it"),
            );
        }
    }
}
