use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E011",
    name: "sidecar-order",
    severity: Severity::Warning,
    summary: "A proxy container stops at the same time as the program that needs it",
    details: "
ECS signals the containers of a task at the same time, except that a container stops after those that depend on it. A proxy or a log router
without a container that depends on it may end first, and takes the connections or the last log lines with it.

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
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    format!("stops `{}` at the same time as `{}`", proxy.name, program.name),
                    proxy.place,
                    format!("{image}, which no container depends on"),
                )
                .also(Some(program.place), "still drains")
                .note(format!("`{}` uses `{}`", program.name, proxy.name))
                .effect("while the program drains, its connections or its last log lines are lost with the other container")
                .remedy(format!("add `\"dependsOn\": [{{\"containerName\": \"{}\", \"condition\": \"START\"}}]` to `{}`", proxy.name, program.name)),
            );
        }
    }
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
