use serde::Serialize;

use crate::engine::{BaselineEntry, Report};
use crate::findings::Severity;
use crate::input::{Place, Position, Sources, plain_path};

/// Returns a report as JSON, with every finding, suppressed ones and infos too.
pub fn json(report: &Report) -> String {
    let sources = &report.sources;
    let findings = report.findings.iter().map(|finding| Finding {
        rule: finding.rule.id,
        name: finding.rule.name,
        severity: finding.severity,
        subject: &finding.subject,
        title: &finding.title,
        places: finding.labels.iter().map(|label| Labelled::new(sources, label.place, &label.text)).collect(),
        arithmetic: finding.arithmetic.as_deref(),
        assumed: &finding.notes,
        effect: &finding.effect,
        remedy: &finding.remedy,
        fingerprint: &finding.fingerprint,
        fix: finding.fix.as_ref().map(|fix| Fix {
            description: &fix.description,
            edits: fix.edits.iter().map(|edit| Edit::new(sources, edit.place, &edit.text)).collect(),
        }),
        is_in_baseline: finding.is_in_baseline,
        suppressed: finding.suppressed.as_ref().map(|suppressed| &*suppressed.reason),
    });
    let problems = report.problems.iter().map(|problem| Unchecked {
        path: plain_path(&problem.path),
        at: problem.place.map(|place| sources.position(place)),
        message: &problem.message,
        is_failure: problem.is_failure,
    });
    let document = Document {
        version: 1,
        workloads: report.workloads,
        files: report.recognised,
        findings: findings.collect(),
        not_checked: problems.collect(),
        stale: &report.stale,
    };
    // Strings and numbers alone: there is nothing in it that cannot be written.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    workloads: usize,
    files: usize,
    findings: Vec<Finding<'r>>,
    not_checked: Vec<Unchecked<'r>>,
    /// What the baseline has and the check no longer finds.
    #[serde(skip_serializing_if = "<[BaselineEntry]>::is_empty")]
    stale: &'r [BaselineEntry],
}

#[derive(Serialize)]
struct Finding<'r> {
    rule: &'static str,
    name: &'static str,
    severity: Severity,
    subject: &'r str,
    title: &'r str,
    places: Vec<Labelled<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arithmetic: Option<&'r str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    assumed: &'r [String],
    effect: &'r str,
    remedy: &'r str,
    fingerprint: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'r>>,
    is_in_baseline: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<&'r str>,
}

#[derive(Serialize)]
struct Fix<'r> {
    description: &'r str,
    edits: Vec<Edit<'r>>,
}

/// The text that replaces a range.
#[derive(Serialize)]
struct Edit<'r> {
    path: &'r str,
    start: Position,
    end: Position,
    text: &'r str,
}

#[derive(Serialize)]
struct Labelled<'r> {
    path: &'r str,
    start: Position,
    end: Position,
    label: &'r str,
}

#[derive(Serialize)]
struct Unchecked<'r> {
    path: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Position>,
    message: &'r str,
    is_failure: bool,
}

impl<'r> Edit<'r> {
    fn new(sources: &'r Sources, place: Place, text: &'r str) -> Self {
        let (start, end) = (sources.position(place), sources.end_position(place));
        Self { path: plain_path(sources.name(place)), start, end, text }
    }
}

impl<'r> Labelled<'r> {
    fn new(sources: &'r Sources, place: Place, label: &'r str) -> Self {
        let (start, end) = (sources.position(place), sources.end_position(place));
        Self { path: plain_path(sources.name(place)), start, end, label }
    }
}
