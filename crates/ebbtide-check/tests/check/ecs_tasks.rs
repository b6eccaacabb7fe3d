//! The containers of a task of ECS: which of them are stopped, in which order, and after which time.

use ebbtide_check::{Options, Report, Sources, timelines};

use crate::common::{check_text, ids, shown};

/// A template with a service on Fargate Spot whose container depends on another one.
fn template(condition: &str, other: &str) -> String {
    format!(
        "Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions:
        - Name: api
          Image: x/api
          StopTimeout: 60
          DockerLabels: {{ebbtide.dev/drain: 10s}}
          DependsOn: [{{ContainerName: other, Condition: {condition}}}]
        - Name: other
          Image: x/other
          Essential: false
          StopTimeout: 70
{other}  Svc:
    Type: AWS::ECS::Service
    Properties:
      TaskDefinition: !Ref Task
      CapacityProviderStrategy: [{{CapacityProvider: FARGATE_SPOT, Weight: 1}}]
"
    )
}

fn check_template(condition: &str, other: &str) -> Report {
    let report = check_text("t.yaml", &template(condition, other));
    assert!(report.problems.is_empty(), "{}", shown(&report));
    report
}

#[test]
fn a_container_whose_end_is_waited_for_is_not_stopped() {
    let shell = "          Command: [sh, -c, ./migrate | tee log]\n";
    let manager = "          Command: [npm, start]\n";
    let drains = "          Command: [gunicorn, --graceful-timeout, '110', a:b]\n";
    for (other, rule) in [("", "E012"), (shell, "E013"), (manager, "D004"), (drains, "E002")] {
        for condition in ["START", "HEALTHY"] {
            let report = check_template(condition, other);
            assert!(ids(&report).contains(&rule), "{condition} {rule}\n{}", shown(&report));
        }
        for condition in ["SUCCESS", "COMPLETE"] {
            assert_eq!(ids(&check_template(condition, other)), [""; 0], "{condition} {other}");
        }
    }
    // What it is at the deploy is not known.
    let report = check_template("!Ref Condition", "");
    assert!(!ids(&report).contains(&"E012"), "{}", shown(&report));
}

fn rows(text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    sources.add("t.yaml", text);
    let all = timelines(sources, &Options::default()).all;
    let rows = all.iter().flat_map(|timeline| &timeline.rows);
    let show =
        |time: Option<std::time::Duration>| time.map_or("-".to_owned(), |time| time.as_secs().to_string());
    rows.map(|row| format!("{} {} {}", row.name, show(row.signal), show(row.kill))).collect()
}

/// Each row has its name, its signal and SIGKILL.
#[test]
fn the_time_axis_has_the_chain_of_the_findings() {
    let known = template("START", "");
    // The task may take as long as E012 says.
    assert_eq!(rows(&known), ["api 0 60", "other 10 80", "tasks 0 130"]);
    let unknown = known.replace("          DockerLabels: {ebbtide.dev/drain: 10s}\n", "");
    assert_eq!(rows(&unknown), ["api 0 60", "other 60 130", "tasks 0 130"]);
    assert_eq!(rows(&template("SUCCESS", "")), ["api 0 60", "tasks 0 60"]);
    let cycle = "          DependsOn: [{ContainerName: api, Condition: START}]\n";
    assert_eq!(rows(&template("START", cycle)).len(), 3);
}

const MACHINES: &str = include_str!("../../fixtures/E014/bad.yaml");

#[test]
fn the_time_axis_has_the_stop_timeout_of_the_machines() {
    assert_eq!(rows(MACHINES), ["mailer 0 5"]);
    let mut sources = Sources::new();
    sources.add("t.yaml", MACHINES);
    let row = timelines(sources, &Options::default()).all.remove(0).rows.remove(0);
    assert!(row.arithmetic.is_some_and(|sum| sum.ends_with("22 > 5 (ECS_CONTAINER_STOP_TIMEOUT)")));
    assert_eq!(rows(&MACHINES.replace("ECS_CONTAINER_STOP_TIMEOUT", "OTHER")), ["mailer 0 30"]);
    let own = MACHINES.replace("          DockerLabels", "          StopTimeout: 40\n          DockerLabels");
    assert_eq!(rows(&own), ["mailer 0 40"]);
}

#[test]
fn the_stop_timeout_of_the_machines_is_shown_where_it_is_set() {
    let place = |text: &str| {
        let report = check_text("t.yaml", text);
        let found = report.active().find(|finding| finding.rule.id == "E014").unwrap();
        let place = found.place().unwrap();
        report.sources.get(place.source).unwrap().text()[place.start()..place.end()].to_owned()
    };
    assert_eq!(place(MACHINES), "ECS_CONTAINER_STOP_TIMEOUT=5s");
    let quoted =
        MACHINES.replace("echo ECS_CONTAINER_STOP_TIMEOUT=5s", "echo \"ECS_CONTAINER_STOP_TIMEOUT=5s\"");
    assert_eq!(place(&quoted), "ECS_CONTAINER_STOP_TIMEOUT=5s");
}

#[test]
fn the_setting_that_helps_is_spelled_as_the_file_spells_it() {
    let text = template("START", "").replace(
        "          DependsOn: [{ContainerName: other, Condition: START}]\n",
        "          PortMappings: [{ContainerPort: 80}]\n",
    );
    let text = text.replace("x/other\n          Essential: false", "envoy:v1");
    let remedy = |name: &str, text: &str| {
        let report = check_text(name, text);
        report.active().find(|finding| finding.rule.id == "E011").unwrap().remedy.clone()
    };
    let found = remedy("t.yaml", &text);
    assert!(found.contains(r#""DependsOn": [{"ContainerName": "other", "Condition": "START"}]"#), "{found}");
    let found = remedy("task.json", include_str!("../../fixtures/E011/bad.json"));
    assert!(found.contains(r#""condition": "START""#), "{found}");
}

/// ECS stops it before the program, and would refuse a cycle.
#[test]
fn a_dependency_of_a_sidecar_on_its_program_is_removed_first() {
    let found = |adot: &str, between: &str| {
        let text = format!(
            "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        \
             - {{Name: app, Image: x/app, Essential: true, PortMappings: [{{ContainerPort: 80}}]}}\n        \
             - {{Name: between, Image: x/between, Essential: false{between}}}\n        \
             - {{Name: adot, Image: 'amazon/aws-otel-collector:latest', Essential: true{adot}}}\n"
        );
        let report = check_text("t.yaml", &text);
        let found = report.active().find(|finding| finding.rule.id == "E011").unwrap();
        (found.title.clone(), found.remedy.clone(), found.fix.is_some())
    };
    let on = |name: &str| format!(", DependsOn: [{{ContainerName: {name}, Condition: START}}]");
    let add = r#"add `"DependsOn": [{"ContainerName": "adot", "Condition": "START"}]` to `app`"#;
    let reversed = format!("remove the dependency of `adot` on `app`, and {add}");
    for (adot, between, is_before) in [
        (on("app"), String::new(), true),
        (on("between"), on("app"), true),
        (on("between"), on("between"), false),
        (on("between"), String::new(), false),
        (String::new(), on("app"), false),
    ] {
        let (title, remedy, is_edited) = found(&adot, &between);
        assert_eq!(title.contains("stops `adot` before `app`"), is_before, "{title}");
        assert_eq!(title.contains("at the same time"), !is_before, "{title}");
        assert_eq!(remedy, if is_before { &*reversed } else { add }, "{adot}{between}");
        assert!(!is_edited);
    }
}
