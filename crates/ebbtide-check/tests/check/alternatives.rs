//! `[ … ] && B || C` runs B or C, and both need `exec`.

use ebbtide_check::{Options, Severity, fix};

use crate::common::{check_text, ids, shown};

fn image(base: &str, script: &str) -> String {
    format!("FROM {base}\nCMD {script}\n")
}

#[test]
fn both_programs_of_a_choice_are_found_in_every_shell() {
    for base in ["debian:12", "alpine:3", "fedora:42", "other"] {
        let found = |script: &str| ids(&check_text("Dockerfile", &image(base, script))).contains(&"D001");
        assert!(found("[ -n \"$DEV\" ] && ./dev || ./prod"), "{base}");
        assert!(found("[ -n \"$DEV\" ] && ./dev || exec ./prod"), "{base}");
        assert!(!found("[ -n \"$DEV\" ] && exec ./dev || exec ./prod"), "{base}");
    }
}

#[test]
fn a_fix_that_leaves_one_of_two_programs_behind_a_shell_is_not_offered() {
    let text = image("debian:12", "[ -n \"$DEV\" ] && ./dev || ./prod");
    let report = check_text("Dockerfile", &text);
    assert!(report.active().all(|finding| finding.fix.is_none()), "{}", shown(&report));
    assert!(fix(report, &Options::default(), Severity::Info).applied.is_empty());
    let report = check_text("Dockerfile", &image("debian:12", "cd /srv && ./prod"));
    assert!(report.active().any(|finding| finding.fix.is_some()), "{}", shown(&report));
}
