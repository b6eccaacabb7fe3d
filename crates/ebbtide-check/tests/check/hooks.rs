//! preStop hooks: which of them delay the stop, and how long they certainly take.

use crate::common::{check_text, ids, shown};

fn found(text: &str) -> Vec<&'static str> {
    let report = check_text("web.yaml", text);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    ids(&report)
}

#[test]
fn a_sleep_of_zero_is_no_delay() {
    let text = |hook: &str, kind: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec:\n      containers:\n      - {{name: web, image: web, lifecycle: {{preStop: {hook}}}}}\n---\napiVersion: v1\nkind: \
             Service\nmetadata: {{name: web}}\nspec: {{type: {kind}, selector: {{app: web}}}}\n"
        )
    };
    for (hook, expected) in [
        ("{sleep: {seconds: 0}}", &["K005"][..]),
        ("{exec: {command: [sleep, \"0\"]}}", &["K005"]),
        ("{exec: {command: [/bin/sleep, 0s]}}", &["K005"]),
        ("{sleep: {seconds: 1}}", &["K006"]),
        ("{sleep: {seconds: 10}}", &[]),
        ("{sleep: {seconds: \"${DELAY}\"}}", &[]),
        // What else the script does takes some time.
        ("{exec: {command: [sh, -c, drain; sleep 0]}}", &[]),
        ("{httpGet: {path: /drain, port: 80}}", &[]),
    ] {
        assert_eq!(found(&text(hook, "LoadBalancer")), expected, "{hook}");
    }
    let report = check_text("web.yaml", &text("{sleep: {seconds: 0}}", "LoadBalancer"));
    assert!(
        shown(&report).contains("a preStop sleep of zero, and no lame duck declared"),
        "{}",
        shown(&report)
    );
}

#[test]
fn a_script_that_may_end_before_its_sleep_has_no_certain_time() {
    for (command, is_certain) in [
        ("[sh, -c, nginx -s quit; sleep 30]", true),
        ("[sh, -c, set -x; nginx -s quit; sleep 30]", true),
        ("[sh, -c, set -e; sleep 30]", true),
        ("[sh, -c, \"set -e; echo bye; sleep 30; false\"]", true),
        ("[sh, -c, set -e; nginx -s quit || true; sleep 30]", true),
        ("[sh, -c, set -e; false; sleep 30]", false),
        ("[sh, -c, set -eu; nginx -s quit; sleep 30]", false),
        ("[sh, -c, set -o errexit; nginx -s quit; sleep 30]", false),
        ("[sh, -ec, nginx -s quit; sleep 30]", false),
        ("[bash, -e, -c, nginx -s quit; sleep 30]", false),
        ("[bash, -o, pipefail, -c, nginx -s quit; sleep 30]", true),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: web\n    lifecycle: \
             {{preStop: {{exec: {{command: {command}}}}}}}\n"
        );
        assert_eq!(found(&text).contains(&"K002"), is_certain, "{command}");
    }
}

#[test]
fn little_time_for_a_sidecar_is_found_where_no_drain_is_declared() {
    let pod = |annotations: &str, drains: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web{annotations}}}\nspec:\n  initContainers:\n  - {{name: proxy, image: proxy, \
             restartPolicy: Always, lifecycle: {{preStop: {{sleep: {{seconds: 25}}}}}}}}\n  containers:\n  - {{name: web, image: web{drains}}}\n"
        )
    };
    assert_eq!(found(&pod("", "")), ["K003"]);
    assert_eq!(found(&pod(", annotations: {ebbtide.dev/drain: 5s}", "")), [""; 0]);
    assert_eq!(found(&pod("", ", command: [gunicorn, --graceful-timeout, \"5\"]")), [""; 0]);
}

#[test]
fn a_hook_that_never_ends_leaves_no_time() {
    for (command, never_ends) in [
        ("[sleep, infinity]", true),
        ("[sleep, inf]", true),
        ("[/bin/sleep, infinity]", true),
        ("[tail, -f, /dev/null]", true),
        ("[sh, -c, sleep 5; sleep infinity]", true),
        ("[sh, -c, exec tail -f /dev/null]", true),
        ("[sh, -c, sleep infinity & true]", false),
        ("[tail, -f, /var/log/app]", false),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: web\n    args: [gunicorn, --graceful-timeout, \"20\"]\n    \
             lifecycle: {{preStop: {{exec: {{command: {command}}}}}}}\n"
        );
        assert_eq!(found(&text).contains(&"K002"), never_ends, "{command}");
        let report = check_text("web.yaml", &text);
        let finding = report.active().find(|finding| finding.rule.id == "K002");
        assert!(
            finding.is_none_or(|finding| finding.title.contains("never ends") && finding.fix.is_none()),
            "{}",
            shown(&report)
        );
    }
}
