use std::time::Duration;

use super::overrun::{beyond, overrun, raise_or_shorten};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, seconds};

pub(super) static RULE: Rule = Rule {
    id: "P003",
    name: "paas-budget",
    severity: Severity::Error,
    summary: "The drain takes longer than the platform waits after SIGTERM",
    details: "
Heroku, Render and Azure Container Apps send SIGTERM and kill the process after 30 s. Render has a setting for it, `maxShutdownDelaySeconds`, of at most
300 s, and Container Apps have `terminationGracePeriodSeconds` of the template; Heroku has none:

    drain + 2 (margin) > 30, or what is set
    maxShutdownDelaySeconds > 300

The drain time has to be declared: by a comment `# ebbtide.dev/drain: 20s` in the file, or by a flag or a variable of a known server. A comment beside, inside or
directly above a process or service is about that alone, and counts rather than its flags; any other is about all that have no flag and no variable for it. If only the default of a
known server is known, the finding is an info. The rule reads `render.yaml`, `Procfile`, the YAML and JSON of
`az containerapp`, templates of the Azure resource manager and `azurerm_container_app` of Terraform.
",
    sources: &[
        "devcenter.heroku.com, dyno shutdown behavior: 30 s",
        "learn.microsoft.com, Azure Container Apps, the ARM template: terminationGracePeriodSeconds",
        "render.com, the schema of blueprints: maxShutdownDelaySeconds, 1 to 300, 30 by default",
    ],
    bad: &[
        Example { name: "render.yaml", text: include_str!("../../fixtures/P003/bad.yaml") },
        Example { name: "Procfile", text: include_str!("../../fixtures/P003/bad.Procfile") },
    ],
    good: &[
        Example { name: "render.yaml", text: include_str!("../../fixtures/P003/good.yaml") },
        Example { name: "Procfile", text: include_str!("../../fixtures/P003/good.Procfile") },
    ],
    check,
};

/// The longest grace period of Render.
const RENDER: Duration = seconds(300);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in [Platform::ContainerApps, Platform::Render, Platform::Heroku]
        .into_iter()
        .flat_map(|one| project.on(one))
    {
        let max = match workload.platform {
            Platform::Render => RENDER,
            _ if workload.platform.has_fixed_grace() => seconds(30),
            _ => Duration::MAX,
        };
        if workload.platform == Platform::Render {
            findings.extend(beyond(&RULE, workload, RENDER, "Render"));
        }
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| raise_or_shorten(workload, budget, max))
        }));
    }
}
