use serde_json::{Value, json};

use crate::engine::Report;
use crate::findings::Severity;
use crate::input::plain_path;

/// Returns a report in the format of GitLab's Code Quality.
pub fn gitlab(report: &Report, least: Severity) -> String {
    let shown = report.active().filter(|finding| finding.severity >= least);
    let issues: Vec<Value> = shown
        .filter_map(|finding| {
            let place = finding.place()?;
            let severity = match finding.severity {
                Severity::Error => "critical",
                Severity::Warning => "major",
                Severity::Info => "info",
            };
            Some(json!({
                "description": format!("{} {}: {}", finding.subject, finding.title, finding.remedy),
                "check_name": format!("{} {}", finding.rule.id, finding.rule.name),
                "fingerprint": finding.fingerprint,
                "severity": severity,
                "location": {
                    "path": plain_path(report.sources.in_file(place).0),
                    "lines": {"begin": report.sources.in_file(place).1.line},
                },
            }))
        })
        .collect();
    // Strings and numbers alone: there is nothing in it that cannot be written.
    serde_json::to_string_pretty(&issues).unwrap_or_default()
}
