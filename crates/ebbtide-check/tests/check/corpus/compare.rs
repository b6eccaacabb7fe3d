use std::fmt;

use ebbtide_check::{Finding, Report, Severity};

use super::expectation::Expectation;
use super::precision::CorpusFile;
use super::tally::Tally;
use crate::common::check_text;

/// A finding that is not expected, or an expectation that is not found.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) is_missing: bool,
    pub(super) rule: String,
    pub(super) severity: Severity,
    /// The words or the line where it is.
    place: String,
}

/// Checks a file and counts what is found.
pub(super) fn compare(file: &CorpusFile, tally: &mut Tally) -> Vec<Difference> {
    let report = check_text(&file.name, &file.text);
    assert!(report.problems.is_empty(), "{}: {:?}", file.name, report.problems);
    let mut left: Vec<&Expectation> = file.expectations.iter().collect();
    let mut differences = Vec::new();
    for finding in report.active() {
        let lines = lines(file, &report, finding);
        let at = left.iter().position(|expected| is_met(expected, finding, &lines));
        if let Some(at) = at {
            left.remove(at);
            tally.true_positive(finding.rule.id);
        } else {
            tally.false_positive(finding.rule.id);
            differences.push(Difference {
                is_missing: false,
                rule: finding.rule.id.to_owned(),
                severity: finding.severity,
                place: lines.join(" | "),
            });
        }
    }
    for expected in left {
        tally.false_negative(&expected.rule);
        differences.push(Difference {
            is_missing: true,
            rule: expected.rule.clone(),
            severity: expected.severity,
            place: expected.at.clone().unwrap_or_default(),
        });
    }
    differences.sort_by_key(|difference| !difference.is_missing);
    differences
}

fn is_met(expected: &Expectation, finding: &Finding, lines: &[&str]) -> bool {
    let is_there = |at: &String| lines.iter().any(|line| line.contains(at.as_str()));
    expected.rule == finding.rule.id
        && expected.severity == finding.severity
        && expected.at.as_ref().is_none_or(is_there)
}

/// Returns the lines that a finding shows, from the first to the last line of each of its places.
fn lines<'f>(file: &'f CorpusFile, report: &Report, finding: &Finding) -> Vec<&'f str> {
    let all: Vec<&str> = file.text.lines().collect();
    let range = |place| {
        let first = report.sources.position(place).line;
        let last = report.sources.end_position(place).line.min(all.len());
        all.get(first - 1..last).unwrap_or_default()
    };
    finding.labels.iter().flat_map(|label| range(label.place)).map(|line| line.trim()).collect()
}

impl Difference {
    pub(super) fn short(&self) -> String {
        let kind = if self.is_missing { "missing" } else { "unexpected" };
        format!("{kind}: {} {}", self.rule, self.severity)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at `{}`", self.short(), self.place)
    }
}
