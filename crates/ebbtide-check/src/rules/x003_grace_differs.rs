use std::collections::HashMap;

use super::words::{grace_note, named};
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{MARGIN, grace_label};
use crate::model::{Container, Drain, Platform, Project, Workload, show, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "X003",
    name: "grace-differs",
    severity: Severity::Info,
    summary: "The drain that one environment declares does not fit in the grace period of another one",
    details: "
Environments often have a file each: the same workload, with values of its own. If one of the files declares how long the program drains and another one does not, the drain is
that of the same program, and the grace period there should be long enough too:

    drain (of the other file) + 2 (margin) > grace period

Two workloads are the same if platform, kind, name, container and image (without its tag) are. Of several drain times the shortest counts. It is an info, since the program may be
configured differently there; a file that declares the drain itself is left to the rules of its platform.
",
    sources: &["kubernetes/website, `pod-lifecycle.md`: the grace period"],
    bad: &[
        Example { name: "production/api.yaml", text: include_str!("../../fixtures/X003/production.yaml") },
        Example { name: "staging/api.yaml", text: include_str!("../../fixtures/X003/bad.yaml") },
    ],
    good: &[
        Example { name: "production/api.yaml", text: include_str!("../../fixtures/X003/production.yaml") },
        Example { name: "staging/api.yaml", text: include_str!("../../fixtures/X003/good.yaml") },
    ],
    check,
};

/// What is the same in two environments.
type Key<'w> = (Platform, &'w str, &'w str, &'w str, &'w str);

fn key<'w>(workload: &'w Workload, container: &'w Container) -> Option<Key<'w>> {
    let image = container.repository()?;
    Some((workload.platform, &workload.kind, &workload.name, &container.name, image))
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    let is_meant = |workload: &&Workload| workload.platform != Platform::Image && !workload.is_oneshot;
    let all = || {
        let workloads = project.workloads.iter().filter(is_meant);
        workloads.flat_map(|workload| workload.main().map(move |container| (workload, container)))
    };
    let mut declared: HashMap<Key<'_>, &Drain> = HashMap::new();
    for (workload, container) in all() {
        let drain = workload.drain_of(container).filter(|drain| drain.is_declared);
        if let (Some(key), Some(drain)) = (key(workload, container), drain) {
            let known = declared.entry(key).or_insert(drain);
            if drain.time < known.time {
                *known = drain;
            }
        }
    }
    for (workload, container) in all() {
        // A default of a known server is no declaration either.
        if workload.drain_of(container).is_some_and(|drain| drain.is_declared) {
            continue;
        }
        let Some(drain) = key(workload, container).and_then(|key| declared.get(&key)) else { continue };
        let grace = workload.grace_of(container);
        let needed = drain.time.saturating_add(MARGIN);
        let Some(&limit) = grace.value().filter(|limit| needed > **limit) else { continue };
        let terms = vec![(drain.time, format!("drain, from {}", drain.from)), (MARGIN, "margin".to_owned())];
        let sum = Sum::new(terms, limit, grace_label(workload, grace)).inclusive();
        let (place, label) = grace_note(workload, container);
        let title = format!("has {} to stop, and needs {} in another environment", show(limit), show(needed));
        findings.push(
            Finding::new(&RULE, Severity::Info, workload, named(workload, container, &title), place, label)
                .also(drain.place, "the drain in the other environment")
                .sum(&sum)
                .note("the program drains here for as long as there")
                .effect("a shutdown that works in one environment ends by SIGKILL in the other one")
                .remedy(format!(
                    "set {} to {} or more, or declare the drain of this environment",
                    workload.grace_name(),
                    whole_seconds(needed)
                )),
        );
    }
}
