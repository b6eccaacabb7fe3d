use std::collections::BTreeMap;

use super::check::check;
use super::{Options, Report};
use crate::findings::{Edit, Finding, Rule, Severity};
use crate::input::{Position, SourceId, Sources};

/// The rounds of edits. One is usual; a second one has what overlapped in the first.
const MAX_ROUNDS: usize = 10;

/// What the fixes of a report make of its texts.
#[derive(Debug)]
pub struct Fixed {
    /// The report on the new texts.
    pub report: Report,
    /// What was fixed.
    pub applied: Vec<Applied>,
    /// What was not fixed.
    pub refused: Vec<Refused>,
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

/// A fix that is not applied, since a text could not be read after it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The fix.
    pub fix: Applied,
    /// What would be wrong.
    pub reason: String,
}

/// Applies the fixes of the findings that are at least this severe and not suppressed, and checks the new texts with the same options.
///
/// Edits that overlap are not applied together: those of the later finding are left for a further round, if it is still there. A fix
/// after which a text cannot be read is not applied, and its finding has none in the report.
pub fn fix(report: Report, options: &Options, least: Severity) -> Fixed {
    let mut fixed = Fixed { report, applied: Vec::new(), refused: Vec::new(), before: BTreeMap::new() };
    let mut refused: BTreeMap<String, Refused> = BTreeMap::new();
    for _ in 0..MAX_ROUNDS {
        let choices = choose(&fixed.report, least, &refused);
        let mut round =
            Round { old: &fixed.report, options, kept: Vec::new(), report: None, refused: &mut refused };
        round.add(&choices);
        let Round { kept, report: Some(report), .. } = round else { break };
        let old = std::mem::replace(&mut fixed.report, report).sources;
        for edit in kept.iter().flat_map(|choice| &choice.edits) {
            let id = edit.place.source;
            let text = old.get(id).map_or("", |source| source.text());
            fixed.before.entry(id).or_insert_with(|| text.to_owned());
        }
        fixed.applied.extend(kept.into_iter().map(|choice| choice.applied));
    }
    let all = fixed.report.findings.iter_mut();
    all.filter(|finding| refused.contains_key(&finding.fingerprint)).for_each(|finding| finding.fix = None);
    fixed.refused = refused.into_values().collect();
    fixed
}

/// A fix of a finding, and its edits.
#[derive(Clone, Debug)]
struct Choice {
    applied: Applied,
    edits: Vec<Edit>,
    fingerprint: String,
}

/// The edits of one round, which are applied together.
struct Round<'r> {
    old: &'r Report,
    options: &'r Options,
    kept: Vec<Choice>,
    /// The report on the texts with what is kept.
    report: Option<Report>,
    refused: &'r mut BTreeMap<String, Refused>,
}

impl Round<'_> {
    /// Adds those of the fixes after which every text can still be read. Halves find the others with few checks.
    fn add(&mut self, choices: &[Choice]) {
        if choices.is_empty() {
            return;
        }
        let mut all = self.kept.clone();
        all.extend_from_slice(choices);
        let report = check(self.old.sources.with(&texts(&self.old.sources, &all)), self.options);
        let Some(reason) = new_failure(&report, self.old) else {
            self.kept = all;
            self.report = Some(report);
            return;
        };
        match choices {
            [] => {}
            [only] => {
                let refused = Refused { fix: only.applied.clone(), reason };
                self.refused.insert(only.fingerprint.clone(), refused);
            }
            _ => {
                let (first, second) = choices.split_at(choices.len().div_ceil(2));
                self.add(first);
                self.add(second);
            }
        }
    }
}

/// Returns what is wrong with the new texts and was not before.
fn new_failure(new: &Report, old: &Report) -> Option<String> {
    let failures = |report: &Report| report.problems.iter().filter(|problem| problem.is_failure).count();
    if failures(new) <= failures(old) {
        return None;
    }
    let is_old = |message: &str| old.problems.iter().any(|problem| problem.message == message);
    let mut added = new.problems.iter().filter(|problem| problem.is_failure && !is_old(&problem.message));
    Some(added.next().map_or_else(|| "the text cannot be read".to_owned(), |problem| problem.message.clone()))
}

/// Returns the texts after some fixes.
fn texts(sources: &Sources, choices: &[Choice]) -> BTreeMap<SourceId, String> {
    let mut edits: BTreeMap<SourceId, Vec<&Edit>> = BTreeMap::new();
    for edit in choices.iter().flat_map(|choice| &choice.edits) {
        edits.entry(edit.place.source).or_default().push(edit);
    }
    let changed = |(id, mut edits): (SourceId, Vec<&Edit>)| {
        edits.sort_by_key(|edit| edit.place);
        // Those that several fixes have in common are at one place.
        edits.dedup();
        Some((id, changed(sources.get(id)?.text(), &edits)))
    };
    edits.into_iter().filter_map(changed).collect()
}

/// Returns the fixes of a report whose edits do not overlap.
fn choose(report: &Report, least: Severity, refused: &BTreeMap<String, Refused>) -> Vec<Choice> {
    let mut chosen = Chosen::default();
    let mut choices = Vec::new();
    let is_open =
        |finding: &&Finding| finding.severity >= least && !refused.contains_key(&finding.fingerprint);
    for finding in report.active().filter(is_open) {
        let Some(fix) = &finding.fix else { continue };
        let Some(place) = fix.edits.first().map(|edit| edit.place) else { continue };
        if !fix.edits.iter().all(|edit| chosen.is_free(edit)) {
            continue;
        }
        fix.edits.iter().for_each(|edit| chosen.add(edit));
        let applied = Applied {
            rule: finding.rule,
            subject: finding.subject.clone(),
            description: fix.description.clone(),
            source: place.source,
            position: report.sources.position(place),
        };
        let (edits, fingerprint) = (fix.edits.clone(), finding.fingerprint.clone());
        choices.push(Choice { applied, edits, fingerprint });
    }
    choices
}

/// Edits that do not overlap, by where they begin. A generated file may have as many as it has workloads.
#[derive(Default)]
struct Chosen<'e>(BTreeMap<(SourceId, usize), &'e Edit>);

impl<'e> Chosen<'e> {
    /// Returns whether an edit overlaps none of them, or is one of them.
    fn is_free(&self, edit: &Edit) -> bool {
        self.beside(edit).all(|other| other == edit || !overlap(other, edit))
    }

    /// Returns the ones that an edit may overlap: the last one that does not begin after it, and the first one that does.
    fn beside(&self, edit: &Edit) -> impl Iterator<Item = &'e Edit> {
        let (id, start) = (edit.place.source, edit.place.start());
        let before = self.0.range((id, 0)..=(id, start)).next_back();
        let after = self.0.range((id, start.saturating_add(1))..=(id, usize::MAX)).next();
        before.into_iter().chain(after).map(|(_, other)| *other)
    }

    fn add(&mut self, edit: &'e Edit) {
        self.0.insert((edit.place.source, edit.place.start()), edit);
    }
}

/// Returns whether two edits touch the same text, or insert at the same place, so that their order would matter.
fn overlap(a: &Edit, b: &Edit) -> bool {
    let (a, b) = (a.place, b.place);
    a.start() == b.start() || (a.start() < b.end() && b.start() < a.end())
}

fn changed(text: &str, edits: &[&Edit]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Place;

    fn edits(count: usize) -> Vec<Edit> {
        let id = Sources::new().add("a", "");
        let edit = |at: usize| Edit { place: Place::new(id, at * 10, at * 10 + 5), text: "1".to_owned() };
        (0..count).map(edit).collect()
    }

    #[test]
    fn an_edit_overlaps_what_begins_before_or_after_it() {
        let [first, second] = edits(2).try_into().unwrap();
        let at =
            |start, end| Edit { place: Place::new(first.place.source, start, end), text: "2".to_owned() };
        let mut chosen = Chosen::default();
        chosen.add(&first);
        chosen.add(&second);
        assert!(
            [&first, &second, &at(5, 10), &at(7, 7), &at(15, 20)].iter().all(|edit| chosen.is_free(edit))
        );
        for (start, end) in [(0, 5), (0, 0), (3, 3), (4, 8), (7, 11), (6, 30), (10, 10), (14, 20)] {
            assert!(!chosen.is_free(&at(start, end)), "{start}..{end}");
        }
    }

    /// Each edit compared with each other one takes minutes where a file has a hundred thousand.
    #[test]
    fn an_edit_is_compared_with_two_however_many_there_are() {
        let edits = edits(1_000);
        let mut chosen = Chosen::default();
        for edit in &edits {
            assert!(chosen.is_free(edit));
            chosen.add(edit);
        }
        assert!(edits.iter().all(|edit| chosen.beside(edit).count() <= 2));
    }
}
