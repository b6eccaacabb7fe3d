//! What a baseline has does not count, survives changes elsewhere in its file, and is reported when it is gone.

use ebbtide_check::{Baseline, Options, RULES, Report, Severity, Sources, check, render};

use crate::common::{check_all, ids, shown};

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  annotations: {{ebbtide.dev/drain: 40s}}\nspec:\n  containers:\n  - name: \
         api\n    image: api\n"
    )
}

fn against(baseline: &Baseline, files: &[(&str, &str)], ignore: &[&str]) -> Report {
    let mut sources = Sources::new();
    for (name, text) in files {
        sources.add(*name, *text);
    }
    let ignore = ignore.iter().map(|word| (*word).to_owned()).collect();
    check(sources, &Options { ignore, baseline: Some(baseline.clone()), ..Options::default() })
}

/// The findings of every example, through the file and back.
#[test]
fn what_a_baseline_records_does_not_count() {
    let files: Vec<(String, &str)> = RULES
        .iter()
        .flat_map(|rule| rule.bad.iter().map(|file| (format!("{}/{}", rule.id, file.name), file.text)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, *text)).collect();
    let report = check_all(&files);
    let baseline = Baseline::of(&report);
    assert_eq!(baseline.len(), report.findings.len());
    let read = Baseline::parse("baseline.json", &baseline.text()).unwrap();
    assert_eq!(read, baseline);
    let known = against(&read, &files, &[]);
    assert_eq!((ids(&known), known.fails_at(Severity::Info)), (vec![], false));
    assert_eq!((known.counts().in_baseline, known.stale.len()), (report.findings.len(), 0));
    assert_eq!(Baseline::of(&known), baseline, "recording again keeps what is known");
}

#[test]
fn lines_above_and_other_findings_change_nothing() {
    let baseline = Baseline::of(&check_all(&[("./a.yaml", &pod("api"))]));
    let moved = format!("# one\n\n{}---\n{}", pod("other"), pod("api"));
    let report = against(&baseline, &[("a.yaml", &moved)], &[]);
    let new: Vec<_> = report.active().map(|finding| &*finding.subject).collect();
    assert_eq!((new, report.counts().in_baseline, report.stale.len()), (vec!["Pod other"], 1, 0));
}

/// Two containers of one pod that have the same fault are two findings.
#[test]
fn equal_findings_are_counted() {
    let container = |name: &str| {
        format!("  - name: {name}\n    image: api\n    args: [gunicorn, --graceful-timeout=50]\n")
    };
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n";
    let (one, two) =
        (format!("{head}{}", container("a")), format!("{head}{}{}", container("a"), container("b")));
    let baseline = Baseline::of(&check_all(&[("a.yaml", &one)]));
    let report = against(&baseline, &[("a.yaml", &two)], &[]);
    assert_eq!((ids(&report), report.counts().in_baseline), (vec!["K001"], 1), "{}", shown(&report));
    let both = Baseline::of(&check_all(&[("a.yaml", &two)]));
    let report = against(&both, &[("a.yaml", &one)], &[]);
    assert_eq!((ids(&report), report.stale.len()), (vec![], 1));
}

#[test]
fn an_entry_that_is_no_longer_found_is_reported_if_its_file_and_rule_were_checked() {
    let baseline = Baseline::of(&check_all(&[("a.yaml", &pod("api"))]));
    let good = pod("api").replace("40s", "4s");
    let report = against(&baseline, &[("a.yaml", &good)], &[]);
    assert!(
        shown(&report)
            .contains("note: stale entry in the baseline: K001 of Pod api in a.yaml is no longer found"),
        "{}",
        shown(&report)
    );
    assert!(!report.is_incomplete() && !report.fails_at(Severity::Info));
    assert!(render::json(&report).contains("\"stale\""));
    assert!(against(&baseline, &[("b.yaml", &good)], &[]).stale.is_empty(), "the file was not checked");
    assert!(against(&baseline, &[("a.yaml", &good)], &["K001"]).stale.is_empty(), "the rule did not run");
    assert!(against(&baseline, &[("a.yaml", &pod("api"))], &[]).stale.is_empty());
}

#[test]
fn a_text_that_is_no_baseline_is_refused_with_its_line() {
    for (text, expected) in [
        ("{\"version\": 1,\n \"findings\": [{}]}", "line 2"),
        ("{\"version\": 1, \"findings\": [], \"more\": 1}", "unknown field"),
        ("", "EOF"),
    ] {
        let error = Baseline::parse("b.json", text).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            error.to_string() == "invalid baseline b.json" && cause.contains(expected),
            "{error}: {cause}"
        );
    }
}
