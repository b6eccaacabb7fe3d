use std::time::Duration;

use super::overrun::{beyond, overrun, raise_or_shorten};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "P001",
    name: "fly-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the kill timeout of the application, or that is more than Fly allows",
    details: "
Fly sends the kill signal and stops the machine after `kill_timeout`, 5 s by default. Shared machines may have 300 s, and machines with processors of their own
(`performance`) 86400 s, a day:

    drain + 2 (margin) > kill_timeout
    kill_timeout > 300 where `[[vm]]` has a shared size, and kill_timeout > 86400 otherwise

The drain time has to be declared: by a comment `# ebbtide.dev/drain: 20s` in `fly.toml`, or by a flag or a variable of a known server in `[processes]` or
`[env]`. A comment beside or directly above a process is about that process alone, and counts rather than its flags; any other is about every
process that has no flag and no variable for it. If only the default of a known server is known, the finding is an info.
",
    sources: &["superfly/docs, `reference/configuration.html.md`: kill_timeout, of shared and of dedicated machines"],
    bad: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P001/bad.toml") }],
    good: &[Example { name: "fly.toml", text: include_str!("../../fixtures/P001/good.toml") }],
    check,
};

/// The longest kill timeout of shared machines.
const SHARED: Duration = seconds(300);

/// The longest kill timeout of any machine.
const MAX: Duration = seconds(86_400);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let mut reported = None;
    for workload in project.on(Platform::Fly) {
        // Each process group has the same timeout.
        let (known, machine) = match &workload.longest_grace {
            Some(Declared::Written(longest, place)) => (Some(*longest), Some(*place)),
            _ => (None, None),
        };
        let max = known.unwrap_or(MAX);
        let beyond = beyond(&RULE, workload, max, "Fly").map(|beyond| beyond.also(machine, "the machine"));
        findings.extend(beyond.filter(|beyond| reported.replace(beyond.place()) != Some(beyond.place())));
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                let remedy = raise_or_shorten(workload, budget, max);
                // Where the file does not say which machines they are.
                if known.is_none() && budget.needed > SHARED && budget.needed <= MAX {
                    format!("{remedy}; shared machines allow {}", show(SHARED))
                } else {
                    remedy
                }
            })
        }));
    }
}
