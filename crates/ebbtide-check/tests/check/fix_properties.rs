//! Properties of fixes, over every example and every realistic file: a fix makes its finding go away, makes no other, and changes nothing
//! else of the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ebbtide_check::{Fixed, Options, RULES, Report, Severity, fix};

use crate::common::{check_all, check_example, check_text, shown};

fn fixed(report: Report) -> Fixed {
    fix(report, &Options::default(), Severity::Info)
}

/// The findings by rule and subject, with their number.
fn findings(report: &Report) -> BTreeMap<(&'static str, String), usize> {
    let mut all = BTreeMap::new();
    for finding in report.active() {
        *all.entry((finding.rule.id, finding.subject.clone())).or_default() += 1;
    }
    all
}

/// The rules whose bad example has an edit that is local and certain.
const FIXABLE: &[&str] = &[
    "C001", "C003", "C004", "D001", "D002", "D003", "D005", "D006", "D007", "E001", "E002", "E005", "K001",
    "K009", "M001", "Q001", "S001", "S005",
];

#[test]
fn a_fix_removes_its_finding_and_makes_no_other() {
    let mut fixable = Vec::new();
    for rule in RULES {
        for examples in [rule.bad, rule.good] {
            let report = check_example(examples);
            let before = findings(&report);
            let planned: Vec<_> = report
                .active()
                .filter(|finding| finding.fix.is_some())
                .map(|finding| (finding.rule.id, finding.subject.clone()))
                .collect();
            let fixed = fixed(report);
            let after = findings(&fixed.report);
            for (key, count) in &after {
                assert!(
                    before.get(key).is_some_and(|before| count <= before),
                    "{}: new finding {key:?}",
                    rule.id
                );
            }
            for key in &planned {
                let left = after.get(key).copied().unwrap_or_default();
                let meant = planned.iter().filter(|other| *other == key).count();
                assert_eq!(
                    left,
                    before[key] - meant,
                    "{}: {key:?} is left:\n{}",
                    rule.id,
                    shown(&fixed.report)
                );
            }
            assert_eq!(planned.len(), fixed.applied.len(), "{}", rule.id);
            assert!(fixed.report.problems.is_empty(), "{}:\n{}", rule.id, shown(&fixed.report));
            if planned.iter().any(|(id, _)| *id == rule.id) {
                fixable.push(rule.id);
            }
        }
    }
    assert_eq!(fixable, FIXABLE);
}

#[test]
fn fixing_again_changes_nothing() {
    for rule in RULES {
        let again = fixed(fixed(check_example(rule.bad)).report);
        assert!(again.applied.is_empty() && again.before.is_empty(), "{}: {:?}", rule.id, again.applied);
    }
}

/// Every example at once: edits of one file do not disturb those of another.
#[test]
fn the_lines_that_no_fix_is_about_stay_as_they_are() {
    let files: Vec<(String, &str)> = RULES
        .iter()
        .flat_map(|rule| rule.bad.iter().map(|file| (format!("{}/{}", rule.id, file.name), file.text)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, *text)).collect();
    let fixed = fixed(check_all(&files));
    assert!(fixed.before.len() >= FIXABLE.len(), "{:?}", fixed.applied);
    for (id, before) in &fixed.before {
        let after = fixed.report.sources.get(*id).unwrap().text();
        let edits = fixed.applied.iter().filter(|applied| applied.source == *id).count();
        let kept = before.lines().filter(|line| after.lines().any(|other| other == *line)).count();
        assert!(before.lines().count() - kept <= edits, "{before}\n---\n{after}");
        assert!(after.lines().count().abs_diff(before.lines().count()) <= edits, "{before}\n---\n{after}");
    }
}

/// Every realistic file: no fix makes a file unreadable or a new finding, and none is left when all are applied.
#[test]
fn every_fix_of_the_corpus_holds() {
    let mut files = Vec::new();
    collect_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")), &mut files);
    let mut applied = 0;
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = file.display().to_string();
        let report = check_text(&name, &text);
        let (before, problems) = (findings(&report), report.problems.len());
        let fixed = fixed(report);
        applied += fixed.applied.len();
        let left: Vec<_> = fixed.report.active().filter(|finding| finding.fix.is_some()).collect();
        assert!(
            left.is_empty() && fixed.report.problems.len() <= problems,
            "{name}:\n{}",
            shown(&fixed.report)
        );
        for (key, count) in findings(&fixed.report) {
            let present = before.get(&key).copied().unwrap_or_default();
            assert!(count <= present, "{name}: new finding {key:?}:\n{}", shown(&fixed.report));
        }
    }
    assert!(applied >= 9, "{applied} fixes in the corpus");
}

/// The drains of every example, one after the other longer, so that each fix sets a time that no file has: what is fixed has no
/// finding that was not there before.
#[test]
fn a_fix_to_any_length_makes_no_other_finding() {
    let mut applied = 0;
    for rule in RULES {
        for (examples, seconds) in [rule.bad, rule.good]
            .into_iter()
            .flat_map(|files| [20, 89, 100, 300, 4000].map(|seconds| (files, seconds)))
        {
            let texts: Vec<(&str, String)> =
                examples.iter().map(|file| (file.name, with_drain(file.text, seconds))).collect();
            let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
            let report = check_all(&files);
            let before = findings(&report);
            let fixed = fixed(report);
            applied += fixed.applied.len();
            // K023 is an info about every grace period above 10 min.
            for (key, count) in findings(&fixed.report).into_iter().filter(|(key, _)| key.0 != "K023") {
                assert!(
                    before.get(&key).is_some_and(|before| count <= *before),
                    "{}, {seconds} s: new finding {key:?}:\n{}",
                    rule.id,
                    shown(&fixed.report)
                );
            }
        }
    }
    assert!(applied >= 5 * FIXABLE.len(), "{applied} fixes");
}

/// Replaces each time that a text declares for the check.
fn with_drain(text: &str, seconds: u64) -> String {
    let mut rest = text;
    let mut changed = String::new();
    while let Some(at) = ["ebbtide.dev/drain", "X-EbbtideDrain"]
        .iter()
        .filter_map(|mark| Some(rest.find(mark)? + mark.len()))
        .min()
    {
        let digits =
            rest[at..].find(|letter: char| letter.is_ascii_digit()).map_or(rest.len(), |more| at + more);
        let end = rest[digits..].find('s').map_or(rest.len(), |more| digits + more);
        changed.push_str(&rest[..digits]);
        changed.push_str(&seconds.to_string());
        rest = &rest[end..];
    }
    changed + rest
}

/// Odd files: each bad example without one of its lines, and with one twice.
#[test]
fn the_fixes_of_odd_files_leave_them_readable_and_are_complete() {
    for (rule, file) in RULES.iter().flat_map(|rule| rule.bad.iter().map(move |file| (rule.id, file))) {
        let lines: Vec<&str> = file.text.lines().collect();
        for at in 0..lines.len() {
            for count in [0, 2] {
                let changed = lines.iter().enumerate();
                let changed =
                    changed.flat_map(|(index, line)| vec![*line; if index == at { count } else { 1 }]);
                let text = changed.collect::<Vec<_>>().join("\n");
                let report = check_text(file.name, &text);
                let failures =
                    |report: &Report| report.problems.iter().filter(|problem| problem.is_failure).count();
                let before = failures(&report);
                let fixed = fixed(report);
                assert!(failures(&fixed.report) <= before, "{rule}:\n{text}\n{}", shown(&fixed.report));
                let left = fixed.report.active().filter(|finding| finding.fix.is_some()).count();
                assert_eq!(left, 0, "{rule}:\n{text}\n{}", shown(&fixed.report));
            }
        }
    }
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect_files(&path, files) } else { files.push(path) }
    }
}
