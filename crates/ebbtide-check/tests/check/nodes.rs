//! The time that nodes leave their pods: those that shut down, and those of a spot market.

use ebbtide_check::Severity;

use crate::common::{check_text, ids, shown};

fn pods(spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  template:\n    spec: {{terminationGracePeriodSeconds: 60, {spec}containers: \
         [{{name: a, image: x}}]}}\n---\n"
    )
}

#[test]
fn the_periods_by_priority_of_a_kubelet_count_instead_of_the_two_others() {
    let kubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
    let list = |items: &str| format!("{kubelet}shutdownGracePeriodByPodPriority: [{items}]\n");
    let at =
        |priority: i64, time: u32| format!("{{priority: {priority}, shutdownGracePeriodSeconds: {time}}}");
    for (items, left) in [
        (at(0, 120), None),
        (at(0, 60), None),
        (at(0, 59), Some("59 s")),
        // The nearest one below, else the lowest.
        (format!("{}, {}", at(-10, 30), at(1000, 90)), Some("30 s")),
        (format!("{}, {}", at(-10, 90), at(-20, 30)), None),
        (format!("{}, {}", at(2000, 90), at(1000, 30)), Some("30 s")),
        (format!("{}, {{priority: \"${{P}}\", shutdownGracePeriodSeconds: 90}}", at(1000, 30)), None),
        ("{priority: 0, shutdownGracePeriodSeconds: \"${T}\"}".to_owned(), None),
    ] {
        let report = check_text("node.yaml", &(pods("") + &list(&items)));
        let found = report.active().find(|finding| finding.rule.id == "K024");
        assert_eq!(found.is_some(), left.is_some(), "{items}\n{}", shown(&report));
        if let (Some(found), Some(left)) = (found, left) {
            assert_eq!(found.severity, Severity::Warning);
            assert!(found.title.contains(&format!("leaves pods {left} when")), "{}", found.title);
            assert!(found.remedy.starts_with("set shutdownGracePeriodSeconds of the priority to 60 s"));
        }
    }
    // The priority of a class is not known, but for those of the system.
    let classed = |class: &str, kubelet: &str| {
        ids(&check_text("node.yaml", &(pods(&format!("priorityClassName: {class}, ")) + kubelet)))
    };
    let total = format!("{kubelet}shutdownGracePeriod: 50s\nshutdownGracePeriodCriticalPods: 20s\n");
    assert_eq!(classed("gold", &list(&at(0, 30))), [""; 0]);
    assert_eq!(classed("gold", &total), ["K024"]);
    assert_eq!(classed("system-node-critical", &total), [""; 0]);
    // Without an entry neither counts.
    assert_eq!(ids(&check_text("node.yaml", &(pods("") + &list("")))), ["K024"]);
    assert_eq!(ids(&check_text("node.yaml", &(pods("") + &total))), ["K024"]);
}

#[test]
fn a_required_affinity_asks_for_spot_nodes_as_a_selector_does() {
    let term = |key: &str, values: &str| {
        format!("{{matchExpressions: [{{key: {key}, operator: In, values: [{values}]}}]}}")
    };
    let required = |terms: &str| {
        format!(
            "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{terms}]}}}}}}, "
        )
    };
    let spot = term("cloud.google.com/gke-spot", "'true'");
    for (spec, is_spot) in [
        ("nodeSelector: {cloud.google.com/gke-spot: 'true'}, ".to_owned(), true),
        (required(&spot), true),
        (required(&format!("{spot}, {spot}")), true),
        // Other nodes are possible too.
        (required(&format!("{spot}, {}", term("zone", "a"))), false),
        (required(&term("cloud.google.com/gke-spot", "'true', 'false'")), false),
        (required(&spot.replace("In", "NotIn")), false),
        (required(&spot).replace("required", "preferred"), false),
    ] {
        let report = check_text("pods.yaml", &pods(&spec));
        assert_eq!(ids(&report).contains(&"K022"), is_spot, "{spec}\n{}", shown(&report));
    }
    let both = format!("nodeSelector: {{cloud.google.com/gke-spot: 'true'}}, {}", required(&spot));
    assert_eq!(ids(&check_text("pods.yaml", &pods(&both))), ["K022"]);
}
