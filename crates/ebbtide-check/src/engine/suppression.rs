use super::check::is_about;
use crate::findings::{Finding, Suppressed};
use crate::input::{Place, Problem, SourceId, Sources};
use crate::model::Workload;
use crate::rules;
use crate::tree::Comment;

/// The prefix of an annotation that suppresses a rule for its object: `ignore.ebbtide.dev/K001: reason`.
const ANNOTATION: &str = "ignore.ebbtide.dev/";
/// The begin of a comment that suppresses rules at its line or at the next one: `ebbtide:ignore K001,K005 reason`.
const LINE: &str = "ebbtide:ignore ";
/// The begin of a comment that suppresses rules in the whole file.
const FILE: &str = "ebbtide:ignore-file ";

/// What the files suppress.
pub(super) struct Suppressions {
    all: Vec<Suppression>,
    problems: Vec<Problem>,
}

struct Suppression {
    rules: Vec<String>,
    scope: Scope,
    reason: String,
    place: Place,
}

enum Scope {
    /// The workload whose name has this place.
    Workload(Place),
    /// The lines of a source from the comment's to the first one that is not a comment.
    Lines(SourceId, usize, usize),
    File(SourceId),
}

impl Suppressions {
    pub(super) fn new(sources: &Sources, comments: &[Comment], workloads: &[Workload]) -> Self {
        let mut suppressions = Self { all: Vec::new(), problems: Vec::new() };
        for comment in comments {
            let source = comment.place.source;
            if let Some(rest) = comment.text.strip_prefix(FILE) {
                suppressions.add(sources, rest, Scope::File(source), comment.place);
            } else if let Some(rest) = comment.text.strip_prefix(LINE) {
                let first = sources.position(comment.place).line;
                let scope = Scope::Lines(source, first, last_line(sources, source, first));
                suppressions.add(sources, rest, scope, comment.place);
            }
        }
        for workload in workloads {
            for annotation in &workload.annotations {
                if let Some(rule) = annotation.key.strip_prefix(ANNOTATION) {
                    let text = format!("{rule} {}", annotation.value);
                    suppressions.add(sources, &text, Scope::Workload(workload.place), annotation.place);
                }
            }
        }
        suppressions
    }

    fn add(&mut self, sources: &Sources, text: &str, scope: Scope, place: Place) {
        let (rules, reason) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            self.problems.push(Problem {
                path: sources.name(place).to_owned(),
                place: Some(place),
                message: format!("suppression of {rules} without a reason: not applied"),
                is_failure: false,
            });
            return;
        }
        let rules: Vec<String> = rules.split(',').map(str::to_owned).collect();
        for unknown in rules.iter().filter(|rule| rules::find(rule).is_none()) {
            self.problems.push(Problem {
                path: sources.name(place).to_owned(),
                place: Some(place),
                message: format!("suppression of {unknown}: no rule has this id"),
                is_failure: false,
            });
        }
        self.all.push(Suppression { rules, scope, reason, place });
    }

    /// Marks the findings that are suppressed.
    pub(super) fn apply(&self, sources: &Sources, findings: &mut [Finding]) {
        if self.all.is_empty() {
            return;
        }
        for finding in findings {
            let suppression = self.all.iter().find(|suppression| {
                suppression.rules.iter().any(|rule| is_about(rule, finding))
                    && suppression.covers(sources, finding)
            });
            finding.suppressed =
                suppression.map(|found| Suppressed { reason: found.reason.clone(), place: found.place });
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl Suppression {
    fn covers(&self, sources: &Sources, finding: &Finding) -> bool {
        let mut places = finding.labels.iter().map(|label| label.place);
        match self.scope {
            Scope::Workload(place) => finding.workload == place,
            Scope::File(source) => places.next().is_some_and(|place| place.source == source),
            Scope::Lines(source, first, last) => places
                .filter(|place| place.source == source)
                .any(|place| (first..=last).contains(&sources.position(place).line)),
        }
    }
}

/// Returns the line that a comment is about: its own, if there is something before it, else the next that is not a comment.
fn last_line(sources: &Sources, source: SourceId, first: usize) -> usize {
    let Some(source) = sources.get(source) else { return first };
    let mut line = first;
    while source.line(line).trim_start().starts_with(['#', ';']) {
        line = line.saturating_add(1);
    }
    line
}
