//! The verdict as JUnit XML: one test suite, and a test case for each check.

use std::io::{self, Write};

use ebbtide_rehearse::{Check, Finding, Headline};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::judgement::{Judgement, evidence_and_hint};
use super::text;
use super::xml::permitted;

/// The name of the report and the class of its test cases.
const NAME: &str = "ebbtide rehearse";

/// Writes the document. JUnit has no inconclusive result: such a check is skipped, or a failure with `--strict`.
pub(super) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let mut report = Report::new(NAME);
    for one in judgement.before.into_iter().chain([judgement]) {
        report.add_test_suite(suite(one)?);
    }
    write_junit(out, &report)
}

/// Writes a JUnit report as XML that is valid by the schema of Jenkins.
pub(crate) fn write_junit(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let document = report.to_string().map_err(io::Error::other)?;
    out.write_all(permitted(&without_root_skipped(&document)).as_bytes())
}

fn suite(judgement: &Judgement<'_>) -> io::Result<TestSuite> {
    let mut suite = TestSuite::new(judgement.command.as_str());
    let Headline { word, rest } = Headline::of(judgement.rehearsal);
    for (name, value) in [
        ("verdict", format!("{word}{rest}")),
        ("seed", judgement.seed.to_string()),
        ("runs", judgement.rehearsal.runs.len().to_string()),
        ("lost_by_shutdown", judgement.rehearsal.lost_by_shutdown.to_string()),
    ] {
        suite.add_property(Property::new(name, value));
    }
    suite.add_test_cases(judgement.rehearsal.checks.iter().map(|check| case(check, judgement.strict)));
    let mut whole = anstream::StripStream::new(Vec::new());
    text::write(&mut whole, &Judgement { before: None, ..judgement.clone() })?;
    suite.set_system_out(String::from_utf8_lossy(&whole.into_inner()));
    Ok(suite)
}

fn case(check: &Check, strict: bool) -> TestCase {
    let first = check.evidence.lines().next().unwrap_or_default();
    let failure = |kind: &str| {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failure.set_type(kind).set_message(first).set_description(evidence_and_hint(check));
        failure
    };
    let skipped = |kind: &str| {
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_type(kind).set_message(first).set_description(evidence_and_hint(check));
        skipped
    };
    let status = match check.verdict {
        Finding::Pass => TestCaseStatus::success(),
        Finding::Fail => failure("fail"),
        Finding::Inconclusive if strict && check.sinks() => failure("inconclusive"),
        Finding::Inconclusive => skipped("inconclusive"),
        Finding::Skipped => skipped("skipped"),
    };
    let mut case = TestCase::new(check.id.name(), status);
    case.set_classname(NAME);
    if check.verdict == Finding::Pass {
        case.set_system_out(evidence_and_hint(check));
    }
    case
}

/// Removes the attribute `skipped` of `<testsuites>`: the schema of Jenkins's xUnit plugin does not have it there.
fn without_root_skipped(document: &str) -> String {
    let root = |(before, root): (&str, &str)| {
        let (tag, after) = root.split_once('>')?;
        let (left, right) = tag.split_once(" skipped=\"")?;
        let (_, right) = right.split_once('"')?;
        Some(format!("{before}<testsuites{left}{right}>{after}"))
    };
    document.split_once("<testsuites").and_then(root).unwrap_or_else(|| document.to_owned())
}

/// Returns what xmllint says about a document that is not valid by the schema of Jenkins.
#[cfg(test)]
pub(crate) fn complaint(document: &str) -> Option<String> {
    const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/junit-10.xsd");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document).unwrap();
    let checked =
        std::process::Command::new("xmllint").args(["--noout", "--schema", SCHEMA]).arg(file.path()).output();
    let checked = checked.expect("`xmllint` is missing: `cargo xtask test` installs it");
    (!checked.status.success()).then(|| String::from_utf8_lossy(&checked.stderr).into_owned())
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::Gallery;

    fn document(strict: bool, change: impl FnOnce(&mut ebbtide_rehearse::RehearsalVerdict)) -> String {
        let mut rehearsal = rehearsal();
        change(&mut rehearsal);
        let gallery = Gallery::default();
        let judgement = Judgement { strict, ..Judgement::new(&scenario(), &rehearsal, &gallery) };
        let mut out = Vec::new();
        write(&mut out, &judgement).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_document_is_valid_by_the_schema_of_jenkins() {
        assert_eq!(complaint(&document(false, |_| {})), None);
        let hint = "hint: --ready http://HOST:PORT/PATH enables this check";
        assert!(document(false, |_| {}).contains(hint));
        let odd = "]]> \u{0} \u{7} \u{1b}[1m <a> & \"'\nä \u{7f} \u{9f} \u{fffd} \u{fffe} \u{ffff} \u{1ffff}";
        let hostile = document(true, |rehearsal| {
            for check in &mut rehearsal.checks {
                check.verdict = Finding::Inconclusive;
                check.evidence = odd.to_owned();
            }
        });
        assert_eq!(complaint(&hostile), None);
        // The schema does refuse documents.
        assert!(complaint("<testsuites skipped=\"1\"></testsuites>").is_some());
    }

    #[test]
    fn each_check_is_a_test_case_with_its_result() {
        let document = document(false, |_| {});
        let report = Report::deserialize_from_str(&document).unwrap();
        let suite = &report.test_suites[0];
        let checks = &rehearsal().checks;
        assert_eq!((report.tests, suite.failures), (checks.len(), 2));
        for (case, check) in suite.test_cases.iter().zip(checks) {
            assert_eq!(case.name.as_str(), check.id.name());
            let (failed, skipped) = match &case.status {
                TestCaseStatus::NonSuccess { .. } => (true, false),
                TestCaseStatus::Skipped { .. } => (false, true),
                TestCaseStatus::Success { .. } => (false, false),
            };
            assert_eq!(
                (failed, skipped),
                (check.verdict == Finding::Fail, check.verdict == Finding::Skipped)
            );
        }
    }

    #[test]
    fn an_inconclusive_check_is_a_failure_with_strict_and_skipped_without() {
        let inconclusive = |rehearsal: &mut ebbtide_rehearse::RehearsalVerdict| {
            for check in &mut rehearsal.checks {
                check.verdict = Finding::Inconclusive;
            }
        };
        let failures = |strict| {
            let document = document(strict, inconclusive);
            Report::deserialize_from_str(&document).unwrap().test_suites[0].failures
        };
        let deciding = {
            let mut rehearsal = rehearsal();
            inconclusive(&mut rehearsal);
            rehearsal.checks.iter().filter(|check| check.sinks()).count()
        };
        assert!(deciding > 0);
        assert_eq!((failures(false), failures(true)), (0, deciding));
    }
}
