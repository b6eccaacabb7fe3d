//! What a file suppresses does not count, and is not hidden.

use ebbtide_check::Severity;
use ebbtide_check::render::{Look, text};

use crate::common::{check_text, ids};

fn pod(annotation: &str, comment: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations:\n    ebbtide.dev/drain: 40s\n    {annotation}\nspec:\n  {comment}\n  \
         terminationGracePeriodSeconds: 30\n  containers: [{{name: api, image: api}}]\n"
    )
}

#[test]
fn a_comment_above_the_line_suppresses_with_its_reason() {
    let report = check_text("pod.yaml", &pod("a: b", "# ebbtide:ignore K001 the drain is an upper bound"));
    assert_eq!(ids(&report), [""; 0]);
    assert_eq!((report.counts().suppressed, report.fails_at(Severity::Info)), (1, false));
    let shown = text(&report, Look { shows_suppressed: true, ..Look::default() });
    assert!(
        shown.contains("suppressed[K001]") && shown.contains("pod.yaml:9:3: the drain is an upper bound"),
        "{shown}"
    );
}

#[test]
fn an_annotation_suppresses_for_its_object_and_a_comment_for_its_file() {
    let annotated = pod("ignore.ebbtide.dev/K001: known, see OPS-1", "");
    assert_eq!(ids(&check_text("a.yaml", &annotated)), [""; 0]);
    let commented = format!("# ebbtide:ignore-file K001,K002 rendered by a tool\n{}", pod("a: b", ""));
    assert_eq!(ids(&check_text("a.yaml", &commented)), [""; 0]);
}

#[test]
fn a_suppression_of_another_rule_or_line_or_without_a_reason_does_nothing() {
    for text in [
        pod("a: b", "# ebbtide:ignore K002 other"),
        pod("ignore.ebbtide.dev/K002: other", ""),
        pod("a: b", "") + "# ebbtide:ignore K001 too far down\n",
        pod("a: b", "# ebbtide:ignore K001"),
        pod("ignore.ebbtide.dev/K001: ''", ""),
    ] {
        let report = check_text("a.yaml", &text);
        assert_eq!(ids(&report), ["K001"], "{text}");
    }
    let report = check_text("a.yaml", &pod("a: b", "# ebbtide:ignore K001"));
    assert!(report.problems[0].message.contains("without a reason") && !report.is_incomplete());
}

/// A rule that does not exist suppresses nothing, and a typing error in an id is easy to make.
#[test]
fn a_suppression_of_a_rule_that_does_not_exist_is_noted() {
    let text = pod("ignore.ebbtide.dev/K999: a reason", "# ebbtide:ignore K01,K002 a reason");
    let report = check_text("a.yaml", &text);
    let messages: Vec<_> = report.problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(
        messages,
        ["suppression of K01: no rule has this id", "suppression of K999: no rule has this id"]
    );
    assert!(!report.is_incomplete());
}
