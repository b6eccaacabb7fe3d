use std::fmt::Write as _;

use crate::engine::Report;
use crate::findings::Severity;
use crate::input::Position;

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
        let (path, title) = (property(path), property(&format!("{} {}", finding.rule.id, finding.rule.name)));
        let Position { line, column } = start;
        let _ = writeln!(
            text,
            "::{level} file={path},line={line},endLine={},col={column},title={title}::{}",
            end.line,
            data(&message)
        );
    }
    for problem in report.problems.iter().filter(|problem| problem.is_failure) {
        let line = problem.place.map_or(1, |place| report.sources.position(place).line);
        let _ = writeln!(
            text,
            "::error file={},line={line},title=not checked::{}",
            property(&problem.path),
            data(&problem.message)
        );
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
