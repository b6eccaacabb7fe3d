use serde_json::{Value, json};

use crate::engine::Report;
use crate::findings::{Edit, Finding, Rule, Severity};
use crate::input::{Place, Problem, Sources, plain_path};
use crate::rules::RULES;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Returns a report as SARIF 2.1.0, with every finding; suppressed ones are marked as such.
pub fn sarif(report: &Report) -> String {
    let (results, notifications) = sarif_results(report);
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "ebbtide check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "invocations": [{
                "executionSuccessful": !report.is_incomplete(),
                "toolExecutionNotifications": notifications,
            }],
        }],
    });
    // Strings and numbers alone: there is nothing in it that cannot be written.
    serde_json::to_string_pretty(&log).unwrap_or_default()
}

/// Returns the findings, and what could not be checked.
pub(crate) fn sarif_results(report: &Report) -> (Vec<Value>, Vec<Value>) {
    let sources = &report.sources;
    let results = report.findings.iter().map(|finding| result(sources, finding)).collect();
    let notifications = report.problems.iter().map(|problem| notification(sources, problem)).collect();
    (results, notifications)
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.details.trim(), "markdown": rule.details.trim()},
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

fn result(sources: &Sources, finding: &Finding) -> Value {
    let mut parts = vec![format!("{} {}.", finding.subject, finding.title)];
    parts.extend(finding.arithmetic.iter().map(|sum| format!("{sum}.")));
    parts.extend(finding.notes.iter().map(|note| format!("Assumed: {note}.")));
    parts.push(format!("Effect: {}. Remedy: {}.", finding.effect, finding.remedy));
    let index = RULES.iter().position(|rule| rule.id == finding.rule.id);
    let labels = finding.labels.iter();
    let related = labels.clone().skip(1).zip(0..).map(|(label, id)| {
        let mut location = location(sources, label.place);
        location["id"] = json!(id);
        location["message"] = json!({"text": label.text});
        location
    });
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": parts.join(" ")},
        "locations": labels.take(1).map(|label| location(sources, label.place)).collect::<Vec<_>>(),
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": {"ebbtide/v1": finding.fingerprint},
    });
    if let Some(suppressed) = &finding.suppressed {
        result["suppressions"] = json!([{
            "kind": "inSource",
            "justification": suppressed.reason,
            "location": location(sources, suppressed.place),
        }]);
    }
    if finding.is_in_baseline {
        result["suppressions"] = json!([{"kind": "external", "justification": "in the baseline"}]);
    }
    if let Some(fix) = &finding.fix {
        let changes: Vec<Value> = fix.edits.iter().map(|edit| change(sources, edit)).collect();
        result["fixes"] = json!([{"description": {"text": fix.description}, "artifactChanges": changes}]);
    }
    result
}

fn change(sources: &Sources, edit: &Edit) -> Value {
    json!({
        "artifactLocation": {"uri": uri(sources.name(edit.place))},
        "replacements": [{"deletedRegion": region(sources, edit.place), "insertedContent": {"text": edit.text}}],
    })
}

fn notification(sources: &Sources, problem: &Problem) -> Value {
    let place = match problem.place {
        Some(place) => location(sources, place),
        None => json!({"physicalLocation": {"artifactLocation": {"uri": uri(&problem.path)}}}),
    };
    let level = if problem.is_failure { "error" } else { "note" };
    json!({"level": level, "message": {"text": problem.message}, "locations": [place]})
}

fn location(sources: &Sources, place: Place) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(sources.in_file(place).0)},
        "region": region(sources, place),
    }})
}

fn region(sources: &Sources, place: Place) -> Value {
    let (_, start, end) = sources.in_file(place);
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// Returns a path as a URI reference.
fn uri(path: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/@+=,".contains(byte);
    plain_path(path)
        .as_bytes()
        .iter()
        .map(|byte| if is_plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
