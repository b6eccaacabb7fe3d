//! `--plan`: the times of a service count more than those that its files declare.

use ebbtide_check::{Options, Report, ServicePlan, Sources, check};

use crate::common::{check_text, ids, shown};

const PLAN: &str = r#"{"grace_ms": 300000, "margin_ms": 5000, "deadline_ms": 295000, "servers_end_ms": 291000, "workers_end_ms": 292000,
    "resources_end_ms": 293000, "telemetry_end_ms": 294500, "lame_duck": {"min_ms": 5000, "quiet_ms": 1000, "max_ms": 15000}}"#;

fn planned(workload: Option<&str>, plan: &str, name: &str, text: &str) -> Report {
    let mut sources = Sources::new();
    sources.add(name, text);
    let plan = ServicePlan::parse(workload, "plan.json", plan).unwrap();
    check(sources, &Options { plans: vec![plan], ..Options::default() })
}

/// A file of each platform that declares this drain, and the rule about its grace period.
fn files(drain: &str) -> Vec<(&'static str, String, &'static str)> {
    vec![
        (
            "pod.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: orders, annotations: {{ebbtide.dev/drain: {drain}}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
            ),
            "K001",
        ),
        (
            "compose.yaml",
            format!(
                "services:\n  orders:\n    image: a\n    stop_grace_period: 30s\n    labels: {{ebbtide.dev/drain: {drain}}}\n"
            ),
            "C001",
        ),
        (
            "orders.service",
            format!("[Service]\nExecStart=/bin/orders\nTimeoutStopSec=30\nX-EbbtideDrain={drain}\n"),
            "S001",
        ),
        (
            "orders.container",
            format!("[Container]\nImage=a\nStopTimeout=30\nLabel=ebbtide.dev/drain={drain}\n"),
            "Q001",
        ),
        (
            "task.json",
            format!(
                "{{\"family\": \"orders\", \"containerDefinitions\": [{{\"name\": \"a\", \"image\": \"a\", \"stopTimeout\": 30, \"dockerLabels\": {{\"ebbtide.dev/drain\": \"{drain}\"}}}}]}}"
            ),
            "E002",
        ),
        (
            "orders.nomad",
            format!(
                "job \"orders\" {{\n  group \"g\" {{\n    task \"orders\" {{\n      driver = \"docker\"\n      kill_timeout = \"30s\"\n      meta = {{ \"ebbtide.dev/drain\" = \"{drain}\" }}\n      config {{\n        image = \"a\"\n      }}\n    }}\n  }}\n}}\n"
            ),
            "N001",
        ),
        ("fly.toml", format!("# ebbtide.dev/drain: {drain}\napp = \"orders\"\nkill_timeout = 30\n"), "P001"),
    ]
}

#[test]
fn a_plan_takes_precedence_over_what_a_file_declares_on_every_platform() {
    for (name, text, rule) in files("8s") {
        let report = planned(None, PLAN, name, &text);
        let found = report.active().find(|finding| finding.rule.id == rule);
        let sum = found.and_then(|found| found.arithmetic.clone()).unwrap_or_default();
        assert!(sum.contains("295 (drain, from --plan plan.json)"), "{name}: {}", shown(&report));
        // Without it, what the file declares counts.
        let alone = check_text(name, &text);
        assert!(!ids(&alone).contains(&rule), "{name}: {}", shown(&alone));
    }
}

#[test]
fn what_a_file_declares_longer_than_a_plan_is_noted() {
    let plan = PLAN.replace("295000", "25000").replace("300000", "30000");
    let plan =
        ["291000", "292000", "293000", "294500"].iter().fold(plan, |plan, end| plan.replace(end, "24000"));
    for (name, text, rule) in files("290s") {
        let report = planned(None, &plan, name, &text);
        assert!(!ids(&report).contains(&rule), "{name}: {}", shown(&report));
        let noted = "of 290 s: the --plan plan.json of 25 s takes precedence";
        assert!(shown(&report).contains(noted), "{name}: {}", shown(&report));
        assert!(ids(&check_text(name, &text)).contains(&rule), "{name}");
    }
    // What is shorter is not.
    let (name, text, _) = &files("8s")[0];
    assert!(planned(None, &plan, name, text).problems.is_empty());
}

/// A service of ECS on Spot, whose task accepts no request after SIGTERM as its file has it.
#[test]
fn the_lame_duck_of_a_plan_is_that_of_the_service_of_a_task_too() {
    let text = include_str!("../../fixtures/E004/bad.yaml");
    assert_eq!(ids(&check_text("ecs.yaml", text)), ["E004"]);
    let lame_duck = |least: &str| {
        let plan = PLAN.replace("\"min_ms\": 5000", &format!("\"min_ms\": {least}"));
        let plan = plan.replace("\"max_ms\": 15000", "\"max_ms\": 20000").replace("295000", "25000");
        let plan = ["291000", "292000", "293000", "294500"]
            .iter()
            .fold(plan, |plan, end| plan.replace(end, "24000"));
        ids(&planned(Some("Search"), &plan.replace("300000", "30000"), "ecs.yaml", text))
    };
    assert_eq!(lame_duck("20000"), [""; 0]);
    assert_eq!(lame_duck("10000"), ["E004"]);
}

#[test]
fn a_plan_without_its_workload_lists_those_of_the_input() {
    let report = planned(Some("orders"), PLAN, "Procfile", "web: bin/web\nworker: bin/worker\n");
    assert_eq!(
        report.problems[0].message,
        "plan of orders matches 0 workloads: expected one; the input has web, worker"
    );
}
