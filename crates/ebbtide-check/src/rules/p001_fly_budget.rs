use std::time::Duration;

use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, number, seconds};

pub(super) static RULE: Rule = Rule {
    id: "P001",
    name: "fly-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the kill timeout of the application, or that is more than Fly allows",
    details: "
Fly sends the kill signal and stops the machine after `kill_timeout`, 5 s by default and 300 s at most:

    drain + 2 (margin) > kill_timeout
    kill_timeout > 300

The drain time has to be declared: by a comment `# ebbtide.dev/drain: 20s` in `fly.toml`, or by a flag or a variable of a known server in `[processes]` or
`[env]`. If only the default of a known server is known, the finding is an info.
",
    sources: &["superfly/docs, `reference/configuration.html.md`: kill_timeout"],
    bad: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P001/bad.toml") }],
    good: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P001/good.toml") }],
    check,
};

/// The longest kill timeout.
const MAX: Duration = seconds(300);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let mut reported = None;
    for workload in project.on(Platform::Fly) {
        if let Declared::Written(grace, place) = &workload.grace
            && *grace > MAX
            // Each process group has the same timeout.
            && reported.replace(*place) != Some(*place)
        {
            let sum = Sum::new(vec![(*grace, "kill_timeout".to_owned())], MAX, "the most that Fly allows");
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    "has a kill timeout that Fly does not allow",
                    *place,
                    "more than 300 s",
                )
                .sum(&sum)
                .effect("the deploy is refused, or the machine is stopped earlier than the program expects")
                .remedy("set kill_timeout to 300 or less"),
            );
        }
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, "after the kill signal", |budget| {
                format!("set kill_timeout to {} or more, or shorten the drain", number(budget.needed))
            })
        }));
    }
}
