use super::check::is_about;
use crate::findings::{Finding, Suppressed};
use crate::input::{Place, Problem, SourceId, Sources};
use crate::model::Workload;
use crate::rules;
use crate::tree::Comment;

/// The prefix of an annotation that suppresses a rule for its object: `ignore.ebbtide.dev/K001: reason`.
const ANNOTATION: &str = "ignore.ebbtide.dev/";
/// The begin of every comment that suppresses rules.
const COMMENT: &str = "ebbtide:";
/// The word of a comment that suppresses rules at its line or at the next one: `ebbtide:ignore K001,K005 reason`.
const LINE: &str = "ignore";
/// The word of a comment that suppresses rules in the whole file.
const FILE: &str = "ignore-file";

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
            let Some(text) = comment.text.strip_prefix(COMMENT) else { continue };
            let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let scope = match word {
                FILE => Scope::File(source),
                LINE => {
                    let first = sources.position(comment.place).line;
                    Scope::Lines(source, first, last_line(sources, source, first))
                }
                _ => {
                    if text.trim_start().starts_with(LINE) {
                        let message = format!(
                            "unknown comment `{COMMENT}{word}`: expected `{COMMENT}{LINE} RULE reason` or `{COMMENT}{FILE} RULE reason`"
                        );
                        suppressions.note(sources, comment.place, message);
                    }
                    continue;
                }
            };
            suppressions.add(sources, rest, scope, comment.place);
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
        let (rules, reason) = rules_and_reason(text);
        if reason.is_empty() {
            let all = if rules.is_empty() { "no rule".to_owned() } else { rules.join(",") };
            self.note(sources, place, format!("suppression of {all} without a reason: not applied"));
            return;
        }
        for unknown in rules.iter().filter(|rule| rules::find(rule).is_none()) {
            self.note(sources, place, format!("suppression of {unknown}: no rule has this id"));
        }
        self.all.push(Suppression { rules, scope, reason: reason.to_owned(), place });
    }

    fn note(&mut self, sources: &Sources, place: Place, message: String) {
        self.problems.push(Problem { place: Some(place), ..Problem::note(sources.name(place), message) });
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

/// Splits a text into the rules before its reason. A comma, with or without spaces around it, is between two of them.
fn rules_and_reason(text: &str) -> (Vec<String>, &str) {
    let mut rules = Vec::new();
    let mut rest = text.trim();
    loop {
        let end = rest.find(|letter: char| letter == ',' || letter.is_whitespace()).unwrap_or(rest.len());
        let (rule, after) = rest.split_at(end);
        rules.extend(Some(rule.to_owned()).filter(|rule| !rule.is_empty()));
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return (rules, after.trim()),
        }
    }
}

/// Returns the line that a comment is about: its own, if there is something before it, else the next that is not a comment.
fn last_line(sources: &Sources, source: SourceId, first: usize) -> usize {
    let Some(source) = sources.get(source) else { return first };
    let is_comment = |line: &str| {
        let line = line.trim();
        line.starts_with(['#', ';'])
            || line.starts_with("//")
            || line.starts_with("/*") && line.ends_with("*/")
    };
    let mut line = first;
    while is_comment(source.line(line)) {
        line = line.saturating_add(1);
    }
    line
}
