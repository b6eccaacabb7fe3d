use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Container, Platform, Project, Workload};

pub(super) static RULE: Rule = Rule {
    id: "E011",
    name: "sidecar-order",
    severity: Severity::Warning,
    summary: "A proxy container stops before the program that needs it, or at the same time",
    details: "
ECS signals the containers of a task at the same time, except that a container stops after those that depend on it. A proxy or a log router
without a container that depends on it may end first, and takes the connections or the last log lines with it.

One that depends on the program stops even before it, and ECS refuses two containers that depend on each other: that dependency is removed first.

The rule is about essential containers whose image is a known proxy or log router: Envoy, the proxies of App Mesh and Consul,
cloud-sql-proxy, Fluent Bit (FireLens), the OpenTelemetry collector.
",
    sources: &[
        "aws/amazon-ecs-agent, `agent/engine/dependencygraph/graph.go`, `verifyShutdownOrder`",
    ],
    bad: &[Example { name: "task.json", text: include_str!("../../fixtures/E011/bad.json") }],
    good: &[Example { name: "task.json", text: include_str!("../../fixtures/E011/good.json") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs).filter(|workload| workload.containers.len() > 1) {
        for proxy in workload.containers.iter().filter(|container| container.is_essential) {
            let Some(image) = proxy.image_name().filter(|image| is_proxy(image)) else { continue };
            let is_needed = workload.containers.iter().any(|container| {
                container.has_unread_dependencies || container.depends_on.contains(&proxy.name)
            });
            let Some(program) = workload
                .containers
                .iter()
                .find(|container| container.has_ports && container.name != proxy.name)
            else {
                continue;
            };
            if is_needed {
                continue;
            }
            let is_before = depends(workload, proxy, program);
            let (title, label) = if is_before {
                (
                    format!("stops `{}` before `{}`", proxy.name, program.name),
                    format!("{image}, which depends on `{}`", program.name),
                )
            } else {
                (
                    format!("stops `{}` at the same time as `{}`", proxy.name, program.name),
                    format!("{image}, which no container depends on"),
                )
            };
            let dependency = format!(
                "add `\"dependsOn\": [{{\"containerName\": \"{}\", \"condition\": \"START\"}}]` to `{}`",
                proxy.name, program.name
            );
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, proxy.place, label)
                .also(Some(program.place), "still drains")
                .note(format!("`{}` uses `{}`", program.name, proxy.name))
                .effect("while the program drains, its connections or its last log lines are lost with the other container")
                .remedy(if is_before {
                    format!("remove the dependency of `{}` on `{}`, and {dependency}", proxy.name, program.name)
                } else {
                    dependency
                }),
            );
        }
    }
}

/// Returns whether a container depends on another one, directly or through others.
fn depends(workload: &Workload, container: &Container, on: &Container) -> bool {
    let mut names: Vec<&String> = container.depends_on.iter().collect();
    let mut at = 0_usize;
    while let Some(&name) = names.get(at) {
        let found = workload.containers.iter().filter(|other| other.name == *name);
        let next = found.flat_map(|other| &other.depends_on);
        let new: Vec<&String> = next.filter(|next| !names.contains(next)).collect();
        names.extend(new);
        at = at.saturating_add(1);
    }
    names.contains(&&on.name)
}

fn is_proxy(image: &str) -> bool {
    let names = [
        "envoy",
        "cloud-sql-proxy",
        "fluent-bit",
        "firelens",
        "consul-dataplane",
        "otel-collector",
        "opentelemetry-collector",
    ];
    names.iter().any(|name| image.contains(name))
}
