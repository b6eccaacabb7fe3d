//! What a fix makes of a file.

use ebbtide_check::{Fixed, Options, Report, Severity, fix};

use crate::common::{check_text, ids, shown};

fn fixed(report: Report) -> Fixed {
    fix(report, &Options::default(), Severity::Info)
}

/// Checks one text, applies the fixes, and returns the new text.
fn fixed_text(name: &str, text: &str) -> String {
    let fixed = fixed(check_text(name, text));
    let (_, source) = fixed.report.sources.iter().next().unwrap();
    source.text().to_owned()
}

fn pod(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations: {{ebbtide.dev/drain: 40s}}\nspec:{spec}"
    )
}

#[test]
fn a_setting_is_added_in_the_form_of_its_file() {
    for (name, text, expected) in [
        (
            "a.yaml",
            pod("\n  # the one\n  containers:\n  - name: api\n    image: api\n"),
            pod("\n  terminationGracePeriodSeconds: 42\n  # the one\n  containers:\n  - name: api\n    image: api\n"),
        ),
        (
            "a.yaml",
            pod("\n  hostNetwork: true # why\n\n  # the one\n  containers: [{name: api, image: api}]\n"),
            pod("\n  hostNetwork: true # why\n  terminationGracePeriodSeconds: 42\n\n  # the one\n  containers: [{name: api, image: api}]\n"),
        ),
        (
            "a.yaml",
            pod(" {containers: [{name: api, image: api}]}\n"),
            pod(" {containers: [{name: api, image: api}], terminationGracePeriodSeconds: 42}\n"),
        ),
        (
            "a.yaml",
            pod("\n  terminationGracePeriodSeconds: 30 # seconds\n  containers: [{name: api, image: api}]\n"),
            pod("\n  terminationGracePeriodSeconds: 42 # seconds\n  containers: [{name: api, image: api}]\n"),
        ),
        (
            "compose.yaml",
            "services:\n  api:\n    image: api\n    stop_grace_period: \"5s\"\n    labels: {ebbtide.dev/drain: 20s}\n".to_owned(),
            "services:\n  api:\n    image: api\n    stop_grace_period: \"22s\"\n    labels: {ebbtide.dev/drain: 20s}\n".to_owned(),
        ),
        (
            "task.json",
            "{\"containerDefinitions\": [{\n\t\"name\": \"api\",\n\t\"dockerLabels\": {\"ebbtide.dev/drain\": \"40s\"}\n}]}".to_owned(),
            "{\"containerDefinitions\": [{\n\t\"name\": \"api\",\n\t\"stopTimeout\": 42,\n\t\"dockerLabels\": {\"ebbtide.dev/drain\": \"40s\"}\n}]}".to_owned(),
        ),
        (
            "template.yaml",
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - Name: api\n        DockerLabels: {ebbtide.dev/drain: 40s}\n".to_owned(),
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - Name: api\n        StopTimeout: 42\n        DockerLabels: {ebbtide.dev/drain: 40s}\n".to_owned(),
        ),
        (
            "template.yaml",
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - DockerLabels:\n          ebbtide.dev/drain: 40s\n        Name: api\n".to_owned(),
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - StopTimeout: 42\n        DockerLabels:\n          ebbtide.dev/drain: 40s\n        Name: api\n".to_owned(),
        ),
        (
            "a.service",
            "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=100s\nTimeoutSec=10\nRestart=no\n".to_owned(),
            "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=100s\nTimeoutSec=10\nTimeoutStopSec=102s\nRestart=no\n".to_owned(),
        ),
    ] {
        assert_eq!(fixed_text(name, &text), expected);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(fixed_text(name, &windows), expected.replace('\n', "\r\n"));
    }
}

/// The attributes of a target group are strings; a grace period of Kubernetes is a number, and the API server refuses a string.
#[test]
fn a_value_keeps_its_quotes_where_the_platform_has_a_string() {
    let group = |value: &str| {
        format!(
            "Resources:\n  Group:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n      TargetGroupAttributes:\n      - Key: \
             deregistration_delay.timeout_seconds\n        Value: {value}\n"
        )
    };
    for (before, after) in [("\"4000\"", "\"3600\""), ("'4000'", "'3600'"), ("4000", "3600")] {
        assert_eq!(fixed_text("template.yaml", &group(before)), group(after));
    }
    let task = |value: &str| {
        format!(
            "{{\"containerDefinitions\": [{{\"name\": \"api\", \"stopTimeout\": {value}, \"dockerLabels\": {{\"ebbtide.dev/drain\": \"40s\"}}}}]}}"
        )
    };
    // What the platform refuses is not known.
    for (before, after) in [("\"30\"", "\"30\""), ("30", "42")] {
        assert_eq!(fixed_text("task.json", &task(before)), task(after));
    }
    let pod = |value: &str| {
        pod(&format!(
            "\n  terminationGracePeriodSeconds: {value}\n  containers: [{{name: api, image: api}}]\n"
        ))
    };
    for (before, after) in [("\"30\"", "\"30\""), ("'30'", "'30'"), ("30", "42")] {
        assert_eq!(fixed_text("a.yaml", &pod(before)), pod(after), "{before}");
    }
}

#[test]
fn an_entry_of_a_mapping_in_braces_is_removed_with_one_comma() {
    for (before, after) in [
        ("{image: postgres, stop_signal: SIGTERM}", "{image: postgres}"),
        ("{stop_signal: SIGTERM, image: postgres}", "{image: postgres}"),
        ("{image: postgres, stop_signal: SIGTERM, ports: [5432]}", "{image: postgres, ports: [5432]}"),
        (
            "{image: postgres, \"stop_signal\": \"SIGTERM\", ports: [5432]}",
            "{image: postgres, ports: [5432]}",
        ),
        (
            "{\n  image: postgres,\n  stop_signal: SIGTERM,\n  ports: [5432]\n}",
            "{\n  image: postgres,\n  ports: [5432]\n}",
        ),
        ("{ stop_signal: SIGTERM ,  image: postgres }", "{ image: postgres }"),
    ] {
        let [text, expected] =
            [before, after].map(|service| format!("services:\n  db: {}\n", service.replace('\n', "\n    ")));
        assert!(ids(&check_text("compose.yaml", &text)).contains(&"C003"), "{text}");
        let fixed = fixed_text("compose.yaml", &text);
        // Another rule may set a grace period in the same mapping.
        let fixed = fixed.replace(", stop_grace_period: 60s", "");
        assert_eq!(fixed, expected);
    }
}

#[test]
fn a_value_that_another_place_repeats_is_not_changed() {
    for spec in [
        "\n  terminationGracePeriodSeconds: &grace 30\n  priority: *grace\n  containers: [{name: api, image: api}]\n",
        "\n  <<: &spec {containers: [{name: api, image: api}], terminationGracePeriodSeconds: 30}\n  <<: *spec\n",
    ] {
        let text = pod(spec);
        let report = check_text("a.yaml", &text);
        assert!(ids(&report).contains(&"K001"), "{text}");
        assert_eq!(fixed_text("a.yaml", &text), text);
    }
    let task = "x: &c\n  containers: [{name: api, image: api}]\n";
    let text = format!("{}{task}", pod(" *c\n").replace("spec: *c\n", "")) + "spec: *c\n";
    assert_eq!(fixed_text("a.yaml", &text), text);
}

/// The containers of a pod have one grace period: it becomes what the slowest needs, by one edit.
#[test]
fn equal_edits_are_made_once_and_different_ones_at_one_place_one_after_the_other() {
    let slow = |name: &str, time: u32| {
        format!("  - name: {name}\n    image: api\n    command: [gunicorn, --graceful-timeout, \"{time}\"]\n")
    };
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n{}{}",
        slow("a", 50),
        slow("b", 70)
    );
    let fixed = fixed(check_text("a.yaml", &text));
    let after = fixed.report.sources.iter().next().unwrap().1.text().to_owned();
    assert_eq!(after.matches("terminationGracePeriodSeconds: 72\n").count(), 1, "{after}");
    assert_eq!((fixed.applied.len(), ids(&fixed.report)), (2, vec![]));
    // Two rules set one value: the fraction of C004, then the drain of C001.
    let text = "services:\n  api:\n    image: api\n    stop_grace_period: 500ms\n    labels: {ebbtide.dev/drain: 20s}\n";
    assert_eq!(fixed_text("compose.yaml", text), text.replace("500ms", "22s"));
}

#[test]
fn suppressed_and_assumed_findings_are_not_fixed() {
    let suppressed = pod(
        "\n  # ebbtide:ignore K001 measured\n  terminationGracePeriodSeconds: 30\n  containers: [{name: api, image: api}]\n",
    );
    assert_eq!(fixed_text("a.yaml", &suppressed), suppressed);
    // The default of gunicorn is an assumption.
    let assumed = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n  - name: api\n    image: api\n    command: [gunicorn, app]\n";
    assert_eq!(ids(&check_text("a.yaml", assumed)), ["K001"]);
    assert_eq!(fixed_text("a.yaml", assumed), assumed);
}

#[test]
fn a_grace_period_beyond_the_limit_of_the_platform_is_not_set() {
    let task = "{\"requiresCompatibilities\": [\"FARGATE\"], \"containerDefinitions\": [{\"name\": \"api\", \"dockerLabels\": \
                {\"ebbtide.dev/drain\": \"200s\"}}]}";
    assert_eq!(fixed_text("task.json", task), task);
    let elsewhere = task.replace("FARGATE", "EC2");
    assert!(fixed_text("task.json", &elsewhere).contains("\"stopTimeout\": 202"));
}

/// Its settings have other names there, and a plan is not a source.
#[test]
fn no_edit_is_made_in_hcl() {
    let hcl = "resource \"aws_ecs_task_definition\" \"api\" {\n  family = \"api\"\n  container_definitions = jsonencode([{\n    \
               name = \"api\"\n    stopTimeout = 20\n    environment = [{ name = \"EBBTIDE_GRACE\", value = \"60s\" }]\n  }])\n}\n";
    let report = check_text("main.tf", hcl);
    assert!(ids(&report).contains(&"E002"), "{}", shown(&report));
    assert_eq!(fixed_text("main.tf", hcl), hcl);
}

/// systemd would end the stop before: the timeout of the unit has to be raised too, which is another place.
#[test]
fn the_stop_timeout_of_a_container_is_not_raised_beyond_that_of_its_unit() {
    for (drain, unit, fixed_to) in [
        ("60s", "", Some(62)),
        ("86s", "", Some(88)),
        ("87s", "", None),
        ("87s", "[Service]\nTimeoutStopSec=91\n", Some(89)),
        ("200s", "[Service]\nTimeoutStopSec=infinity\n", Some(202)),
    ] {
        let text = format!("[Container]\nImage=docker.io/a/a\nLabel=ebbtide.dev/drain={drain}\n{unit}");
        let report = check_text("a.container", &text);
        let remedy = report.active().find(|finding| finding.rule.id == "Q001").unwrap().remedy.clone();
        assert_eq!(remedy.contains("TimeoutStopSec"), fixed_to.is_none(), "{remedy}");
        let fixed = fixed(report);
        let after = fixed.report.sources.iter().next().unwrap().1.text().to_owned();
        let expected = fixed_to.map_or(text.clone(), |time| {
            text.replace("[Container]\n", &format!("[Container]\nStopTimeout={time}\n"))
        });
        assert_eq!(after, expected);
        assert!(!ids(&fixed.report).contains(&"Q002"), "{after}");
    }
}

/// A flag is a part of a longer value: the number alone is replaced, once.
#[test]
fn the_stop_timeout_among_the_options_of_podman_is_changed_where_it_is() {
    for (before, after) in [
        ("PodmanArgs=--memory=1g --stop-timeout=20", Some("PodmanArgs=--memory=1g --stop-timeout=62")),
        ("PodmanArgs=--stop-timeout=20", Some("PodmanArgs=--stop-timeout=62")),
        ("PodmanArgs=--stop-timeout 20 --memory 1g", Some("PodmanArgs=--stop-timeout 62 --memory 1g")),
        (
            "StopTimeout=15\nPodmanArgs=--stop-timeout=20",
            Some("StopTimeout=15\nPodmanArgs=--stop-timeout=62"),
        ),
        (
            "PodmanArgs=-e \"A=b c\" --stop-timeout \"20\" -q",
            Some("PodmanArgs=-e \"A=b c\" --stop-timeout \"62\" -q"),
        ),
        ("PodmanArgs=\"--stop-timeout=20\" -q", Some("PodmanArgs=\"--stop-timeout=62\" -q")),
        ("PodmanArgs=--stop-timeout='20'", Some("PodmanArgs=--stop-timeout='62'")),
        ("PodmanArgs=\"--stop-timeout=2\"0", None),
        ("PodmanArgs=--memory=1g \\\n  --stop-timeout=20", None),
    ] {
        let unit =
            |lines: &str| format!("[Container]\nImage=docker.io/a/a\nLabel=ebbtide.dev/drain=60s\n{lines}\n");
        assert!(ids(&check_text("a.container", &unit(before))).contains(&"Q001"), "{before}");
        assert_eq!(fixed_text("a.container", &unit(before)), unit(after.unwrap_or(before)));
    }
}

/// The key is in the base already, so that a second one beside it would be a duplicate.
#[test]
fn a_setting_that_an_override_resets_is_not_said_to_be_fixable() {
    let base = "services:\n  a:\n    image: a\n    command: [gunicorn, --graceful-timeout, \"60\", a]\n    stop_grace_period: 70s\n";
    let over = "services:\n  a:\n    stop_grace_period: !reset null\n";
    let report =
        crate::common::check_all(&[("docker-compose.yml", base), ("docker-compose.override.yml", over)]);
    assert_eq!(ids(&report), ["C001"]);
    assert!(report.findings[0].fix.is_none() && !shown(&report).contains("fixable"), "{}", shown(&report));
}

/// A second document resets what the first one has, so that another one there would be its duplicate.
#[test]
fn an_edit_that_cannot_be_made_leaves_the_others() {
    let service = |name: &str, more: &str| {
        format!("  {name}:\n    image: a\n{more}    labels: {{ebbtide.dev/drain: 60s}}\n")
    };
    let text = |more: &str| {
        let (a, b) = (service("a", "    stop_grace_period: 70s\n"), service("b", more));
        format!("services:\n{a}{b}---\nservices:\n  a: {{stop_grace_period: !reset null}}\n")
    };
    let fixed = fixed(check_text("compose.yaml", &text("")));
    let after = fixed.report.sources.iter().next().unwrap().1.text();
    assert_eq!(after, text("    stop_grace_period: 62s\n"));
    let refused: Vec<_> =
        fixed.refused.iter().map(|refused| (&*refused.fix.subject, &*refused.reason)).collect();
    assert_eq!(refused, [("service a", "duplicate key `stop_grace_period`")]);
    assert_eq!((fixed.applied.len(), ids(&fixed.report)), (1, vec!["C001"]));
    assert!(fixed.report.findings[0].fix.is_none());
}

#[test]
fn the_comment_of_a_removed_line_stays() {
    let compose = |lines: &str| format!("services:\n  db:\n{lines}    image: postgres\n");
    for (before, after) in [
        ("    stop_signal: SIGTERM\n", ""),
        ("    stop_signal: \"SIGTERM\" # x\n", "    # x\n"),
        ("    stop_signal: SIGTERM\t# x # y\r\n", "    # x # y\r\n"),
    ] {
        assert_eq!(fixed_text("compose.yaml", &compose(before)), compose(after));
    }
}
