//! What a file suppresses does not count, and is not hidden.

use ebbtide_check::Severity;
use ebbtide_check::render::{Look, text};

use crate::common::{check_all, check_text, ids, shown};

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

#[test]
fn rules_are_separated_by_commas_with_or_without_spaces() {
    let service = |comment: &str| {
        format!(
            "services:\n  f:\n    image: x/a\n    stop_grace_period: 800ms\n    {comment}\n    labels: {{ebbtide.dev/drain: 20s}}\n"
        )
    };
    assert_eq!(ids(&check_text("compose.yaml", &service(""))), ["C001", "C004"]);
    for rules in ["C001,C004", "C001, C004", "C001 ,C004", "C001 , C004", "C001,  compose-budget,C004,"] {
        let text = format!("# ebbtide:ignore-file {rules} both are known\n{}", service(""));
        let report = check_text("compose.yaml", &text);
        assert_eq!(ids(&report), [""; 0], "{rules}");
        let last = rules.ends_with(',');
        assert_eq!(report.problems.is_empty(), !last, "{rules}: {}", shown(&report));
    }
    // What follows the last comma is a rule.
    let report = check_text("compose.yaml", &service("# ebbtide:ignore C001, because"));
    assert!(shown(&report).contains("suppression of C001,because without a reason: not applied"));
}

/// It would be taken for one that is applied.
#[test]
fn a_comment_that_suppresses_nothing_by_its_form_is_noted() {
    for (comment, word) in [
        ("# ebbtide:ignore: K001 known", "ignore:"),
        ("# ebbtide:ignored K001 known", "ignored"),
        ("# ebbtide:ignore-line K001 known", "ignore-line"),
        ("# ebbtide: ignore K001 known", ""),
    ] {
        let report = check_text("a.yaml", &pod("a: b", comment));
        assert_eq!(ids(&report), ["K001"], "{comment}");
        let expected = format!("unknown comment `ebbtide:{word}`: expected `ebbtide:ignore RULE reason`");
        assert!(report.problems[0].message.starts_with(&expected), "{comment}: {}", shown(&report));
        assert!(!report.is_incomplete());
    }
    let report = check_text("a.yaml", &pod("a: b", "# ebbtide:ignore"));
    assert_eq!(report.problems[0].message, "suppression of no rule without a reason: not applied");
    for other in ["# ebbtide: see the runbook", "# ebbtide:ignore K001 known"] {
        assert!(check_text("a.yaml", &pod("a: b", other)).problems.is_empty(), "{other}");
    }
}

#[test]
fn comments_of_hcl_suppress_in_each_of_their_forms() {
    let task = |comment: &str| {
        format!(
            "resource \"aws_ecs_task_definition\" \"a\" {{\n  family = \"a\"\n  container_definitions = jsonencode([{{\n    name = \"a\"\n    image =              \"b\"\n    {comment}\n    stopTimeout = 5\n    dockerLabels = {{ \"ebbtide.dev/drain\" = \"20s\" }}\n  }}])\n}}\n"
        )
    };
    for comment in [
        "# ebbtide:ignore E002 hash",
        "// ebbtide:ignore E002 slashes",
        "/* ebbtide:ignore E002 block */",
        "// ebbtide:ignore E002 slashes\n    # another\n    /* and another */",
    ] {
        let report = check_text("a.tf", &task(comment));
        assert_eq!(ids(&report), [""; 0], "{comment}\n{}", shown(&report));
        let reason = report.findings[0].suppressed.as_ref().unwrap().reason.clone();
        assert!(["hash", "slashes", "block"].contains(&&*reason), "{reason}");
    }
    for comment in ["", "/* ebbtide:ignore E001 other */", "/* ebbtide:ignore E002 far */ cpu = 1"] {
        assert_eq!(ids(&check_text("a.tf", &task(comment))), ["E002"], "{comment}");
    }
}

/// What a finding points to may be in another file than its workload.
#[test]
fn comments_of_an_entry_point_script_suppress() {
    let check = |script: &str| {
        let image = "FROM debian:12\nCOPY run /\nENTRYPOINT [\"/run\"]\n";
        check_all(&[("Dockerfile", image), ("run", &format!("#!/bin/sh\n{script}"))])
    };
    for script in [
        "# ebbtide:ignore D003 known\n./server\n",
        "./server # ebbtide:ignore D003 known\n",
        "# ebbtide:ignore-file D003 known\nset -e\n\n./server\n",
    ] {
        let report = check(script);
        assert_eq!((ids(&report).len(), report.counts().suppressed), (0, 1), "{script}{}", shown(&report));
        assert!(report.problems.is_empty(), "{}", shown(&report));
    }
    for script in [
        "./server\n",
        "# ebbtide:ignore D004 other\n./server\n",
        "# ebbtide:ignore D003 far\nset -e\n./server\n",
        "echo '# ebbtide:ignored'\n./server\n",
    ] {
        assert_eq!(ids(&check(script)), ["D003"], "{script}");
    }
    let report = check("# ebbtide:ignore D003\n./server\n");
    assert_eq!(report.problems[0].message, "suppression of D003 without a reason: not applied");
}
