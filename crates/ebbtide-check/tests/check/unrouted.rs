//! Pods that nothing routes to: workers, and pods that run to their end.

use ebbtide_check::Severity;

use crate::common::{check_text, ids, shown};

const SERVICE: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: w}\nspec: {selector: {app: w}}\n";

#[test]
fn the_hook_of_a_worker_without_traffic_stops_it_early_and_harms_no_client() {
    let worker = |ports: &str, script: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec:\n  template:\n    metadata: {{labels: {{app: w}}}}\n    spec:\n      \
             containers:\n        - {{name: w, image: x/w, args: [celery, -A, x, worker], {ports}lifecycle: {{preStop: {{exec: {{command: [sh, -c, \
             \"{script}\"]}}}}}}}}\n"
        )
    };
    for script in ["kill -TERM 1; sleep 20", "kill -TERM 1; while kill -0 1; do sleep 1; done"] {
        let alone = check_text("w.yaml", &worker("", script));
        assert_eq!(ids(&alone), [""; 0], "{}", shown(&alone));
        let with_port = worker("ports: [{containerPort: 80}], ", script);
        let routed = worker("", script) + SERVICE;
        let server = worker("", script).replace("x/w", "nginx:1.27");
        for text in [with_port, routed, server] {
            let report = check_text("w.yaml", &text);
            assert!(ids(&report).contains(&"K011"), "{text}\n{}", shown(&report));
        }
    }
}

#[test]
fn a_pod_that_runs_to_its_end_is_as_a_job() {
    let pod = |policy: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: tests, labels: {{app: w}}}}\nspec: {{{policy}containers: [{{name: t, image: x/t, command: \
             [sh, -c, \"run-tests | tee /out\"]}}]}}\n"
        )
    };
    let severity = |text: &str| {
        let report = check_text("pod.yaml", text);
        report.active().find(|finding| finding.rule.id == "K009").map(|finding| finding.severity)
    };
    for policy in ["restartPolicy: Never, ", "restartPolicy: OnFailure, "] {
        assert_eq!(severity(&pod(policy)), Some(Severity::Info), "{policy}");
        // It serves.
        assert_eq!(severity(&(pod(policy) + SERVICE)), Some(Severity::Error), "{policy}");
    }
    for policy in ["", "restartPolicy: Always, "] {
        assert_eq!(severity(&pod(policy)), Some(Severity::Error), "{policy}");
    }
}
