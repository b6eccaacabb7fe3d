//! A report as JUnit XML: a test case for each finding, and one that passes if there are none.

use std::io::{self, Write};

use ebbtide_check::{Finding, Problem, Report, Severity, plain_path};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::output::write_junit;

/// The name of the report and of its suite.
const NAME: &str = "ebbtide check";

/// Writes the document, with the findings of at least this severity.
pub(super) fn write(out: &mut dyn Write, report: &Report, least: Severity) -> io::Result<()> {
    let mut suite = TestSuite::new(NAME);
    suite.add_test_cases(
        report
            .findings
            .iter()
            .filter(|finding| finding.severity >= least)
            .map(|finding| case(report, finding)),
    );
    suite.add_test_cases(report.problems.iter().filter(|problem| problem.is_failure).map(unread));
    if suite.test_cases.is_empty() {
        let noun = if report.workloads == 1 { "workload" } else { "workloads" };
        let mut clean = TestCase::new(format!("{} {noun}", report.workloads), TestCaseStatus::success());
        clean.set_classname(NAME);
        suite.add_test_case(clean);
    }
    let mut document = quick_junit::Report::new(NAME);
    document.add_test_suite(suite);
    write_junit(out, &document)
}

fn case(report: &Report, finding: &Finding) -> TestCase {
    let place = finding.place();
    let path = place.map_or("", |place| plain_path(report.sources.name(place)));
    let line = place.map_or(1, |place| report.sources.position(place).line);
    let known = finding.is_in_baseline.then_some("in the baseline");
    let reason = finding.suppressed.as_ref().map(|suppressed| suppressed.reason.as_str());
    let status = match reason.or(known) {
        Some(reason) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(reason);
            skipped
        }
        None => {
            let sum = finding.arithmetic.as_ref().map_or_else(String::new, |sum| format!("{sum}\n"));
            let body = format!("{path}:{line}\n{sum}{}\n{}", finding.effect, finding.remedy);
            let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failure
                .set_type(finding.severity.to_string())
                .set_message(finding.title.as_str())
                .set_description(body);
            failure
        }
    };
    let mut case = TestCase::new(format!("{} {}: {path}:{line}", finding.rule.id, finding.subject), status);
    case.set_classname(path);
    case
}

fn unread(problem: &Problem) -> TestCase {
    let mut error = TestCaseStatus::non_success(NonSuccessKind::Error);
    error.set_message(problem.message.as_str());
    let mut case = TestCase::new(format!("read {}", plain_path(&problem.path)), error);
    case.set_classname(plain_path(&problem.path));
    case
}

#[cfg(test)]
mod tests {
    use ebbtide_check::{Options, RULES, Sources, check};

    use super::*;
    use crate::output::junit_complaint;

    fn read(files: &[(&str, &str)]) -> Report {
        let mut sources = Sources::new();
        for (name, text) in files {
            sources.add(*name, *text);
        }
        check(sources, &Options::default())
    }

    fn document(report: &Report) -> String {
        let mut out = Vec::new();
        write(&mut out, report, Severity::Info).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_document_is_valid_and_has_a_case_for_each_finding() {
        let odd = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"]]> \\a <a> & ä\"}\nspec:\n  \
                   # ebbtide:ignore K004 a \"<test>\" & more\n  terminationGracePeriodSeconds: 0\n  \
                   containers: [{name: api, image: api}]\n";
        let mut files = vec![("ü&<x> \u{7}.yaml", odd), ("broken.yaml", "apiVersion: [1\n")];
        files.extend(RULES.iter().take(3).flat_map(|rule| rule.bad).map(|file| (file.name, file.text)));
        let report = read(&files);
        let document = document(&report);
        assert_eq!(junit_complaint(&document), None);
        let suite = &quick_junit::Report::deserialize_from_str(&document).unwrap().test_suites[0];
        assert_eq!((suite.failures, suite.errors, suite.skipped), (report.active().count(), 1, 1));
        assert!(suite.failures >= 3 && suite.tests == suite.failures + 2);
    }

    #[test]
    fn a_clean_report_is_a_case_that_passes() {
        let document = document(&read(&[("a.yaml", "a: 1\n")]));
        let suite = &quick_junit::Report::deserialize_from_str(&document).unwrap().test_suites[0];
        assert_eq!((suite.tests, suite.failures, suite.errors), (1, 0, 0));
    }
}
