use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Platform, Project, number, show};

pub(super) static RULE: Rule = Rule {
    id: "M003",
    name: "stop-timeout-unused",
    severity: Severity::Warning,
    summary: "The stop timeout of the container is replaced by a shorter one",
    details: "
The option `stop-timeout` of a role is the time that a container has if `docker stop` names no other. Kamal names one for each role without the proxy
(`drain_timeout`, 30 s by default), and for each role with a `stop_timeout`:

    stop-timeout > stop_timeout or drain_timeout

The option then has no effect. It has one for roles behind the proxy without a `stop_timeout`, and for accessories.
",
    sources: &["basecamp/kamal, `lib/kamal/configuration/role.rb`: stop_args passes `-t`"],
    bad: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M003/bad.yml") }],
    good: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M003/good.yml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kamal) {
        let Some((option, place)) = workload.kamal.as_ref().and_then(|role| role.unused_timeout) else {
            continue;
        };
        let Some(&grace) = workload.grace.value().filter(|grace| **grace < option) else { continue };
        let name = workload.grace_name();
        let sum = Sum::new(vec![(option, "stop-timeout".to_owned())], grace, name);
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                format!("has {} to stop instead of {}", show(grace), show(option)),
                place,
                "has no effect",
            )
            .also(workload.grace.place(), "is passed to `docker stop`")
            .sum(&sum)
            .effect("the container is killed earlier than the file says: what is in flight is lost")
            .remedy(format!("set stop_timeout of the role to {}, and remove the option", number(option))),
        );
    }
}
