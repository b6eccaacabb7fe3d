use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{behind_shell, run_of};
use crate::model::{Platform, Project, UNBOUNDED, Workload, show};

pub(super) static RULE: Rule = Rule {
    id: "X001",
    name: "image-keeps-signal",
    severity: Severity::Error,
    summary: "A workload runs the command of an image in which a shell keeps SIGTERM from the program",
    details: "
A workload without a command of its own runs what its Dockerfile says; one with arguments alone (`args:`) runs the ENTRYPOINT with them. If that is a script in a shell that stays process 1, the program never receives the stop signal: it
serves for the whole grace period and is then killed. [D001](D001.md), [D002](D002.md) and [D003](D003.md) find that in the Dockerfile as a warning; here it is an error, since the
workload that stops in this way is known.

The workload has to be joined with the Dockerfile: an image that Compose, Skaffold or Bake builds under its name, the `build` of a Fly application or a role of Kamal, or a `.build`
unit of Podman. It is found where the shell stays in all three shells of the table of [K009](K009.md), or where the base image says which shell it is. Services of Compose are left
out: the finding in the Dockerfile beside them is the same. So are pods with `shareProcessNamespace` and containers with an init process.
",
    sources: &[
        "docker/cli, Dockerfile reference: the shell form does not receive Unix signals",
        "the table of K009: measured with `unshare --pid`",
    ],
    bad: &[
        Example { name: "skaffold.yaml", text: include_str!("../../fixtures/X001/skaffold.yaml") },
        Example { name: "deploy/api.yaml", text: include_str!("../../fixtures/X001/api.yaml") },
        Example { name: "api/Dockerfile", text: include_str!("../../fixtures/X001/bad.Dockerfile") },
    ],
    good: &[
        Example { name: "skaffold.yaml", text: include_str!("../../fixtures/X001/skaffold.yaml") },
        Example { name: "deploy/api.yaml", text: include_str!("../../fixtures/X001/api.yaml") },
        Example { name: "api/Dockerfile", text: include_str!("../../fixtures/X001/good.Dockerfile") },
    ],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let images: Vec<_> = project.on(Platform::Image).flat_map(|workload| &workload.containers).collect();
    let is_deployed = |workload: &&Workload| {
        // What Render has in front of a program is not known.
        !matches!(workload.platform, Platform::Image | Platform::Compose | Platform::Render)
            && !workload.is_oneshot
            && !workload.is_batch()
            && !workload.shares_process_namespace
    };
    for workload in project.workloads.iter().filter(is_deployed) {
        for container in workload.running() {
            let is_replaced = container.entrypoint.is_some();
            let Some(built) = container.built.filter(|_| !is_replaced && !container.may_have_init()) else {
                continue;
            };
            let Some(image) = images.iter().find(|image| image.place == built) else { continue };
            let Some(image) = run_of(container, image) else { continue };
            let Some(command) = behind_shell(&image) else { continue };
            let grace = match workload.grace_of(container).value() {
                Some(grace) if *grace != UNBOUNDED => format!("for {}", show(*grace)),
                _ => "until the end of the grace period".to_owned(),
            };
            let title = "does not receive the stop signal: a shell is process 1 of its image";
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    named(workload, container, title),
                    container.place,
                    "runs the command of its image",
                )
                .also(Some(command), "the shell stays in front of this")
                .effect(format!(
                    "the program serves {grace} as if nothing happened, and is then killed with its requests in flight"
                ))
                .remedy("begin the last command in the image with `exec`, or list the program and its arguments without a shell"),
            );
        }
    }
}
