use std::collections::BTreeMap;

use super::check::check;
use super::{Options, Report};
use crate::findings::{Edit, Rule, Severity};
use crate::input::{Position, SourceId};

/// The rounds of edits. One is usual; a second one has what overlapped in the first.
const MAX_ROUNDS: usize = 10;

/// What the fixes of a report make of its texts.
#[derive(Debug)]
pub struct Fixed {
    /// The report on the new texts.
    pub report: Report,
    /// What was fixed.
    pub applied: Vec<Applied>,
    /// The texts as they were, of the sources that changed.
    pub before: BTreeMap<SourceId, String>,
}

impl Fixed {
    /// Returns the report on the texts that there are if the new texts of some sources could not be written.
    pub fn without(self, unwritten: &[SourceId], options: &Options) -> Report {
        let old: BTreeMap<_, _> = self.before.into_iter().filter(|(id, _)| unwritten.contains(id)).collect();
        if old.is_empty() {
            return self.report;
        }
        check(self.report.sources.with(&old), options)
    }
}

/// A fix that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The rule of the finding.
    pub rule: &'static Rule,
    /// What the finding was about.
    pub subject: String,
    /// What was done.
    pub description: String,
    /// The source.
    pub source: SourceId,
    /// Where in the text before the edit.
    pub position: Position,
}

/// Applies the fixes of the findings that are at least this severe and not suppressed, and checks the new texts with the same options.
///
/// Edits that overlap are not applied together: those of the later finding are left for a further round, if it is still there. A fix
/// after which a text cannot be read is not applied.
pub fn fix(report: Report, options: &Options, least: Severity) -> Fixed {
    let mut fixed = Fixed { report, applied: Vec::new(), before: BTreeMap::new() };
    for _ in 0..MAX_ROUNDS {
        let (edits, mut applied) = choose(&fixed.report, least);
        if edits.is_empty() {
            break;
        }
        let old = &fixed.report.sources;
        let texts: BTreeMap<SourceId, String> = edits
            .iter()
            .filter_map(|(id, edits)| Some((*id, changed(old.get(*id)?.text(), edits))))
            .collect();
        let report = check(old.with(&texts), options);
        let failures = |report: &Report| report.problems.iter().filter(|problem| problem.is_failure).count();
        if failures(&report) > failures(&fixed.report) {
            break;
        }
        for id in texts.keys() {
            let text = old.get(*id).map_or("", |source| source.text());
            fixed.before.entry(*id).or_insert_with(|| text.to_owned());
        }
        fixed.applied.append(&mut applied);
        fixed.report = report;
    }
    fixed
}

/// Returns the edits of each source in the order of their places, and the fixes that they are of.
fn choose(report: &Report, least: Severity) -> (BTreeMap<SourceId, Vec<Edit>>, Vec<Applied>) {
    let mut chosen: BTreeMap<SourceId, Vec<Edit>> = BTreeMap::new();
    let mut applied = Vec::new();
    for finding in report.active().filter(|finding| finding.severity >= least) {
        let Some(fix) = &finding.fix else { continue };
        let Some(place) = fix.edits.first().map(|edit| edit.place) else { continue };
        let is_free = |edit: &Edit| {
            let others = chosen.get(&edit.place.source).map_or(&[][..], Vec::as_slice);
            others.iter().all(|other| other == edit || !overlap(other, edit))
        };
        if !fix.edits.iter().all(is_free) {
            continue;
        }
        for edit in &fix.edits {
            let edits = chosen.entry(edit.place.source).or_default();
            if !edits.contains(edit) {
                edits.push(edit.clone());
            }
        }
        applied.push(Applied {
            rule: finding.rule,
            subject: finding.subject.clone(),
            description: fix.description.clone(),
            source: place.source,
            position: report.sources.position(place),
        });
    }
    for edits in chosen.values_mut() {
        edits.sort_by_key(|edit| edit.place);
    }
    (chosen, applied)
}

/// Returns whether two edits touch the same text, or insert at the same place, so that their order would matter.
fn overlap(a: &Edit, b: &Edit) -> bool {
    let (a, b) = (a.place, b.place);
    a.start() == b.start() || (a.start() < b.end() && b.start() < a.end())
}

fn changed(text: &str, edits: &[Edit]) -> String {
    let mut changed = String::with_capacity(text.len().saturating_add(64));
    let mut at = 0;
    for edit in edits {
        changed.push_str(text.get(at..edit.place.start()).unwrap_or_default());
        changed.push_str(&edit.text);
        at = edit.place.end();
    }
    changed.push_str(text.get(at..).unwrap_or_default());
    changed
}
