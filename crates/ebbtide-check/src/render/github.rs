use super::workflow_command;
use crate::engine::Report;
use crate::findings::Severity;
use crate::input::plain_path;

/// Returns a report as workflow commands of GitHub Actions, which show findings beside the changed lines.
pub fn github(report: &Report, least: Severity) -> String {
    let mut text = String::new();
    for finding in report.active().filter(|finding| finding.severity >= least) {
        let Some(place) = finding.place() else { continue };
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let (path, start, end) = report.sources.in_file(place);
        let sum = finding.arithmetic.as_ref().map_or_else(String::new, |sum| format!("{sum}\n"));
        let message =
            format!("{} {}\n{sum}{}\n{}", finding.subject, finding.title, finding.effect, finding.remedy);
        let title = format!("{} {}", finding.rule.id, finding.rule.name);
        let (line, column, end) = (start.line.to_string(), start.column.to_string(), end.line.to_string());
        text.push_str(&workflow_command(
            level,
            &[
                ("file", plain_path(path)),
                ("line", &line),
                ("endLine", &end),
                ("col", &column),
                ("title", &title),
            ],
            &message,
        ));
    }
    for problem in report.problems.iter().filter(|problem| problem.is_failure) {
        let line = problem.place.map_or(1, |place| report.sources.position(place).line).to_string();
        text.push_str(&workflow_command(
            "error",
            &[("file", plain_path(&problem.path)), ("line", &line), ("title", "not checked")],
            &problem.message,
        ));
    }
    text
}
