//! What an editor shows: diagnostics, the budget of a workload under the cursor, and fixes.

use std::collections::BTreeMap;

use ebbtide_check::{Finding, Place, Problem, Severity, SourceId, Sources, TimelineRow, Timelines};
use serde_json::{Value, json};

use super::protocol::{Position, Range};
use super::workspace::Checked;
use crate::check::{remark, show};

/// The name of the source of each diagnostic.
const SOURCE: &str = "ebbtide";

/// Returns the diagnostics of a document.
pub(super) fn diagnostics(checked: &Checked, address: &str) -> Value {
    let is_here = |place: Option<Place>| {
        place.is_some_and(|place| checked.addresses.get(&place.source).is_some_and(|own| own == address))
    };
    let report = &checked.report;
    let findings = report.active().filter(|finding| is_here(finding.place()));
    let problems = report.problems.iter().filter(|problem| is_here(problem.place));
    let findings = findings.filter_map(|finding| of_finding(checked, finding));
    findings.chain(problems.filter_map(|problem| of_problem(&report.sources, problem))).collect()
}

fn of_finding(checked: &Checked, finding: &Finding) -> Option<Value> {
    let sources = &checked.report.sources;
    let mut message = vec![format!("{} {}", finding.subject, finding.title)];
    message.extend(finding.arithmetic.clone());
    message.extend(finding.notes.iter().map(|note| format!("assumed: {note}")));
    message.extend([finding.effect.clone(), format!("remedy: {}", finding.remedy)]);
    let related = finding.labels.iter().skip(1).filter_map(|label| {
        let location = json!({"uri": checked.addresses.get(&label.place.source)?, "range": first_line(sources, label.place)?});
        Some(json!({"location": location, "message": label.text}))
    });
    Some(json!({
        "range": first_line(sources, finding.place()?)?,
        "severity": match finding.severity {
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Info => 3,
        },
        "code": finding.rule.id,
        "source": SOURCE,
        "message": message.join("\n"),
        "relatedInformation": related.collect::<Vec<_>>(),
    }))
}

fn of_problem(sources: &Sources, problem: &Problem) -> Option<Value> {
    Some(json!({
        "range": first_line(sources, problem.place?)?,
        "severity": if problem.is_failure { 1 } else { 3 },
        "source": SOURCE,
        "message": format!("not checked: {}", problem.message),
    }))
}

/// Returns the range of a place, up to the end of its first line: a block of twenty underlined lines shows nothing.
fn first_line(sources: &Sources, place: Place) -> Option<Range> {
    let text = sources.get(place.source)?.text();
    let inside = text.get(place.start()..place.end()).unwrap_or_default();
    let length = inside.find(['\n', '\r']).unwrap_or(inside.len());
    Some(Range::of(text, place.start(), place.start().saturating_add(length)))
}

/// Returns the fixes of the findings that a range of a document touches.
pub(super) fn fixes(checked: &Checked, address: &str, range: Range) -> Value {
    let sources = &checked.report.sources;
    let is_here = |finding: &&Finding| {
        let place = finding
            .place()
            .filter(|place| checked.addresses.get(&place.source).is_some_and(|own| own == address));
        place.and_then(|place| first_line(sources, place)).is_some_and(|own| own.touches(range))
    };
    let action = |finding: &Finding| {
        let fix = finding.fix.as_ref()?;
        let mut changes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for edit in &fix.edits {
            let text = sources.get(edit.place.source)?.text();
            let range = Range::of(text, edit.place.start(), edit.place.end());
            let edits = changes.entry(checked.addresses.get(&edit.place.source)?).or_default();
            edits.push(json!({"range": range, "newText": edit.text}));
        }
        Some(json!({
            "title": format!("{}: {}", finding.rule.id, fix.description),
            "kind": "quickfix",
            "diagnostics": of_finding(checked, finding).into_iter().collect::<Vec<_>>(),
            "edit": {"changes": changes},
        }))
    };
    checked.report.active().filter(is_here).filter_map(action).collect()
}

/// Returns the budget of the workload at a position: that whose name is the last one before the end of the line.
pub(super) fn hover(timelines: &Timelines, own: SourceId, position: Position) -> Option<Value> {
    let text = timelines.sources.get(own)?.text();
    let line = |place: Place| Position::of(text, place.start()).line;
    let mut timelines = timelines.all.iter().filter(|timeline| timeline.place.source == own);
    let timeline = timelines.rfind(|timeline| line(timeline.place) <= position.line)?;
    let rows: Vec<String> = timeline.rows.iter().filter_map(of_row).collect();
    let value = format!("**{}**\n\n{}", timeline.subject, rows.join("\n"));
    (!rows.is_empty()).then(|| json!({"contents": {"kind": "markdown", "value": value}}))
}

fn of_row(row: &TimelineRow) -> Option<String> {
    // A route or a target group has no signal.
    row.signal?;
    let unknown = || Some(format!("no file declares the drain time; SIGKILL after {}", show(row.kill?)));
    Some(format!("- `{}`: {}", row.name, remark(row).or_else(unknown)?))
}
