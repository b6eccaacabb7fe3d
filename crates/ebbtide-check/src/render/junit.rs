use std::fmt::Write as _;

use crate::engine::Report;
use crate::findings::{Finding, Severity};

/// Returns a report as JUnit XML: a test case for each finding, one that passes if there are none.
pub fn junit(report: &Report, least: Severity) -> String {
    let cases: Vec<&Finding> = report.findings.iter().filter(|finding| finding.severity >= least).collect();
    let failures = cases.iter().filter(|finding| finding.suppressed.is_none()).count();
    let errors: Vec<_> = report.problems.iter().filter(|problem| problem.is_failure).collect();
    let tests = cases.len().saturating_add(errors.len()).max(1);
    let skipped = cases.len().saturating_sub(failures);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"ebbtide check\" tests=\"{tests}\" \
         failures=\"{failures}\" errors=\"{}\" skipped=\"{skipped}\">\n",
        errors.len()
    );
    for finding in &cases {
        let place = finding.place();
        let path = place.map_or("", |place| report.sources.name(place));
        let line = place.map_or(1, |place| report.sources.position(place).line);
        let name = format!("{} {}: {}:{line}", finding.rule.id, finding.subject, path);
        let _ = write!(text, "    <testcase classname=\"{}\" name=\"{}\">", escape(path), escape(&name));
        match &finding.suppressed {
            Some(suppressed) => {
                let _ = write!(text, "<skipped message=\"{}\"/>", escape(&suppressed.reason));
            }
            None => {
                let sum = finding.arithmetic.as_ref().map_or_else(String::new, |sum| format!("{sum}\n"));
                let body = format!("{path}:{line}\n{sum}{}\n{}", finding.effect, finding.remedy);
                let (kind, title) = (finding.severity, escape(&finding.title));
                let _ =
                    write!(text, "<failure type=\"{kind}\" message=\"{title}\">{}</failure>", escape(&body));
            }
        }
        text.push_str("</testcase>\n");
    }
    for problem in errors {
        let (path, message) = (escape(&problem.path), escape(&problem.message));
        let _ = writeln!(
            text,
            "    <testcase classname=\"{path}\" name=\"read {path}\"><error message=\"{message}\"/></testcase>"
        );
    }
    if tests == 1 && cases.is_empty() && !report.is_incomplete() {
        let _ = writeln!(
            text,
            "    <testcase classname=\"ebbtide check\" name=\"{} workloads\"/>",
            report.workloads
        );
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Escapes what XML reserves, and leaves out the control characters that it has no way to write.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}
