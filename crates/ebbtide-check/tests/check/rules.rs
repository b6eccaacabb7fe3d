//! Each rule has a bad example, a good one, and a snapshot of the whole output.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ebbtide_check::{Options, RULES, Severity, Sources, check, find};

use crate::common::{check_example, ids, shown};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/snapshots");

#[test]
fn the_bad_example_of_each_rule_is_found_and_the_good_one_is_clean() {
    for rule in RULES {
        assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "{}: an example is missing", rule.id);
        let bad = check_example(rule.bad);
        let found: Vec<_> = bad.active().filter(|finding| finding.rule.id == rule.id).collect();
        assert!(!found.is_empty(), "{}: the bad example is not found:\n{}", rule.id, shown(&bad));
        let highest = found.iter().map(|finding| finding.severity).max();
        assert_eq!(
            highest,
            Some(rule.severity),
            "{}: the bad example does not have the rule's severity",
            rule.id
        );
        let good = check_example(rule.good);
        let left: Vec<_> = good.active().filter(|finding| finding.severity > Severity::Info).collect();
        assert!(left.is_empty(), "{}: the good example is not clean:\n{}", rule.id, shown(&good));
        assert!(!ids(&good).contains(&rule.id), "{}: the rule finds something in its good example", rule.id);
        for report in [bad, good] {
            assert!(
                report.problems.is_empty() && report.workloads > 0,
                "{}: an example is not read:\n{}",
                rule.id,
                shown(&report)
            );
        }
    }
}

#[test]
fn the_output_of_each_bad_example_is_as_reviewed() {
    for rule in RULES {
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(rule.id, shown(&check_example(rule.bad))));
    }
}

/// A rule that is removed leaves nothing behind, and a file that no rule uses is not taken for a test.
#[test]
fn every_fixture_and_every_snapshot_belongs_to_a_rule() {
    let known: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    let names = |folder: &str, ending: &str| -> BTreeSet<String> {
        let entries =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    assert_eq!(names(FIXTURES, ""), known, "fixtures");
    assert_eq!(names(SNAPSHOTS, ".snap"), known, "snapshots");
}

#[test]
fn ids_are_in_order_and_every_rule_has_its_own_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut before = "";
    for rule in RULES {
        assert!(before < rule.id, "{} after {before}", rule.id);
        before = rule.id;
        let file = format!("{}_{}.rs", rule.id.to_lowercase(), rule.name.replace('-', "_"));
        assert!(folder.join(&file).exists(), "{file} is missing");
        for text in [rule.summary, rule.details] {
            assert!(!text.trim().is_empty(), "{}: a text is missing", rule.id);
        }
        assert!(!rule.summary.ends_with('.') && !rule.sources.is_empty(), "{}", rule.id);
    }
}

#[test]
fn every_finding_says_what_users_see_and_what_to_change() {
    for rule in RULES {
        for finding in check_example(rule.bad).findings {
            let id = finding.rule.id;
            assert!(!finding.effect.is_empty() && !finding.remedy.is_empty(), "{id}");
            assert!(finding.severity <= finding.rule.severity, "{id}: more severe than its rule");
            for text in [&finding.title, &finding.effect, &finding.remedy] {
                assert!(!text.ends_with('.') && !text.contains('\n'), "{id}: {text}");
            }
        }
    }
}

#[test]
fn rules_are_selected_and_ignored_by_id_name_and_prefix() {
    let run = |select: &[&str], ignore: &[&str]| {
        let mut sources = Sources::new();
        let example = find("K001").unwrap().bad[0];
        sources.add(example.name, example.text);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let options = Options { select: words(select), ignore: words(ignore), ..Options::default() };
        assert_eq!(options.unknown(), [""; 0]);
        ids(&check(sources, &options)).contains(&"K001")
    };
    assert!(run(&[], &[]) && run(&["k001"], &[]) && run(&["budget-overrun"], &[]) && run(&["K"], &["K002"]));
    assert!(!run(&["K002"], &[]) && !run(&[], &["K001"]) && !run(&["K"], &["budget-overrun"]));
    let unknown = Options { select: vec!["Q999".to_owned()], ..Options::default() };
    assert_eq!(unknown.unknown(), ["Q999"]);
}
