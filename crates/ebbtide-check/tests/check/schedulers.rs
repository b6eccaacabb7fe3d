//! ECS and Nomad: which deployments a limit is about, and what a part of a list that is only known at the deploy leaves open.

use ebbtide_check::{Report, Severity};

use crate::common::{check_text, ids, shown};

fn found(name: &str, text: &str) -> Vec<&'static str> {
    let report = check_text(name, text);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    ids(&report)
}

/// A service of one task, of which one has to stay and one may run, in a form of CloudFormation, of the API and of Terraform.
fn single(controller: Option<&str>, strategy: Option<&str>) -> [(&'static str, String); 3] {
    let part = |value: Option<&str>, text: &dyn Fn(&str) -> String| value.map_or(String::new(), text);
    let template = format!(
        "Resources:\n  Service:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: 1\n{}      \
         DeploymentConfiguration: {{MinimumHealthyPercent: 100, MaximumPercent: 100{}}}\n",
        part(controller, &|kind| format!("      DeploymentController: {{Type: {kind}}}\n")),
        part(strategy, &|name| format!(", Strategy: {name}")),
    );
    let api = format!(
        "{{\"serviceName\": \"web\", \"desiredCount\": 1{}, \"deploymentConfiguration\": {{\"minimumHealthyPercent\": 100, \
         \"maximumPercent\": 100{}}}}}",
        part(controller, &|kind| format!(", \"deploymentController\": {{\"type\": \"{kind}\"}}")),
        part(strategy, &|name| format!(", \"strategy\": \"{name}\"")),
    );
    let module = format!(
        "resource \"aws_ecs_service\" \"web\" {{\n  desired_count = 1\n  deployment_minimum_healthy_percent = 100\n  \
         deployment_maximum_percent = 100\n{}{}}}\n",
        part(controller, &|kind| format!("  deployment_controller {{\n    type = \"{kind}\"\n  }}\n")),
        part(strategy, &|name| format!("  deployment_configuration {{\n    strategy = \"{name}\"\n  }}\n")),
    );
    [("template.yaml", template), ("service.json", api), ("main.tf", module)]
}

#[test]
fn the_percentages_limit_rolling_deployments_alone() {
    for (controller, strategy, is_rolling) in [
        (None, None, true),
        (Some("ECS"), None, true),
        (None, Some("ROLLING"), true),
        (Some("ECS"), Some("ROLLING"), true),
        (Some("CODE_DEPLOY"), None, false),
        (Some("EXTERNAL"), None, false),
        (None, Some("BLUE_GREEN"), false),
        (None, Some("LINEAR"), false),
        (Some("ECS"), Some("CANARY"), false),
    ] {
        for (name, text) in single(controller, strategy) {
            let expected: &[&str] = if is_rolling { &["E008"] } else { &[] };
            assert_eq!(found(name, &text), expected, "{name}\n{text}");
        }
    }
}

#[test]
fn a_controller_that_is_only_known_at_the_deploy_may_be_any() {
    for (name, text) in [
        ("template.yaml", single(Some("!Ref Kind"), None)[0].1.clone()),
        ("template.yaml", single(None, Some("!If [Fast, BLUE_GREEN, ROLLING]"))[0].1.clone()),
        (
            "main.tf",
            single(Some("x"), None)[2]
                .1
                .replace("deployment_controller {", "dynamic \"deployment_controller\" {"),
        ),
        ("main.tf", single(Some("x"), None)[2].1.replace("\"x\"", "var.kind")),
    ] {
        assert_eq!(found(name, &text), [""; 0], "{text}");
    }
}

#[test]
fn an_outage_is_that_of_a_rolling_deployment() {
    let text = "Resources:\n  Service:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: 2\n      LoadBalancers: \
                [{ContainerName: web, ContainerPort: 80}]\n      DeploymentConfiguration: {MinimumHealthyPercent: 0}\n";
    assert_eq!(found("template.yaml", text), ["E009"]);
    let other =
        text.replace("DesiredCount: 2\n", "DesiredCount: 2\n      DeploymentController: {Type: EXTERNAL}\n");
    assert_eq!(found("template.yaml", &other), [""; 0]);
    // A load balancer that may not be there.
    let conditional = text.replace("[{ContainerName", "[!If [P, {ContainerName").replace("80}]", "80}, x]]");
    assert_eq!(found("template.yaml", &conditional), [""; 0], "{conditional}");
}

/// A service on Spot whose target group has these attributes, with a task of these containers.
fn spot(attributes: &str, containers: &str) -> String {
    format!(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n{containers}  Targets:\n    \
         Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n      Protocol: HTTP\n{attributes}  Service:\n    Type: \
         AWS::ECS::Service\n    Properties:\n      TaskDefinition: !Ref Task\n      CapacityProviderStrategy: [{{CapacityProvider: \
         FARGATE_SPOT, Weight: 1}}]\n      LoadBalancers: [{{ContainerName: web, TargetGroupArn: !Ref Targets}}]\n"
    )
}

fn severities(report: &Report, rule: &str) -> Vec<Severity> {
    let found = report.active().filter(|finding| finding.rule.id == rule);
    found.map(|finding| finding.severity).collect()
}

#[test]
fn what_a_condition_adds_to_a_list_has_no_defaults() {
    const DELAY: &str = "      TargetGroupAttributes:\n        - {Key: deregistration_delay.timeout_seconds, Value: \"100\"}\n";
    const WEB: &str = "        - {Name: web, Image: web}\n";
    const CONDITIONAL: &str =
        "        - !If [P, {Name: z, Image: z, StopTimeout: 10}, !Ref \"AWS::NoValue\"]\n";
    let conditional_delay =
        DELAY.replace("- {", "- !If [P, {").replace("\"100\"}", "\"10\"}, !Ref \"AWS::NoValue\"]");
    let alternatives = "      TargetGroupAttributes: !If [P, [{Key: deregistration_delay.timeout_seconds, Value: \"10\"}], []]\n";
    for (attributes, containers, expected) in [
        (DELAY, WEB.to_owned(), &[Severity::Error][..]),
        (DELAY, CONDITIONAL.to_owned(), &[]),
        // The other container is stopped after 30 s at the latest, whatever the condition adds.
        (DELAY, format!("{WEB}{CONDITIONAL}"), &[Severity::Error]),
        ("", WEB.to_owned(), &[Severity::Warning]),
        (&conditional_delay, WEB.to_owned(), &[]),
        (alternatives, WEB.to_owned(), &[]),
    ] {
        let text = spot(attributes, &containers);
        let report = check_text("template.yaml", &text);
        assert!(report.problems.is_empty(), "{}", shown(&report));
        assert_eq!(severities(&report, "E003"), expected, "{text}");
    }
    let module = |containers: &str| {
        let text = format!(
            "resource \"aws_ecs_task_definition\" \"web\" {{\n  container_definitions = jsonencode([{containers}])\n}}\n\
             resource \"aws_lb_target_group\" \"web\" {{\n  deregistration_delay = 100\n}}\nresource \"aws_ecs_service\" \"web\" {{\n  \
             task_definition = aws_ecs_task_definition.web.arn\n  capacity_provider_strategy {{\n    capacity_provider = \
             \"FARGATE_SPOT\"\n    weight = 1\n  }}\n  load_balancer {{\n    target_group_arn = aws_lb_target_group.web.arn\n  }}\n}}\n"
        );
        severities(&check_text("main.tf", &text), "E003")
    };
    assert_eq!(module("{ name = \"web\", image = \"web\" }"), [Severity::Error]);
    assert_eq!(module("var.web"), []);
}

#[test]
fn a_dependency_that_a_condition_adds_may_be_that_on_the_proxy() {
    let text = |depends: &str| {
        format!(
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - {{Name: envoy, \
             Image: envoy}}\n        - Name: web\n          Image: web\n          PortMappings: [{{ContainerPort: 80}}]\n{depends}"
        )
    };
    assert!(found("template.yaml", &text("")).contains(&"E011"));
    let conditional =
        "          DependsOn: [!If [P, {ContainerName: envoy, Condition: START}, !Ref \"AWS::NoValue\"]]\n";
    assert!(!found("template.yaml", &text(conditional)).contains(&"E011"));
    let essential = text("").replace("Image: envoy}", "Image: envoy, Essential: !If [P, true, false]}");
    assert!(!found("template.yaml", &essential).contains(&"E011"));
}

#[test]
fn nomad_refuses_a_long_kill_timeout_in_service_jobs_alone() {
    for (kind, is_refused) in [
        ("", true),
        ("  type = \"service\"\n", true),
        ("  type = \"system\"\n", false),
        ("  type = \"batch\"\n", false),
        ("  type = \"sysbatch\"\n", false),
        ("  type = var.type\n", false),
    ] {
        let text = format!(
            "job \"a\" {{\n{kind}  update {{\n    progress_deadline = \"20s\"\n  }}\n  group \"a\" {{\n    task \"a\" {{\n      driver = \
             \"docker\"\n      kill_timeout = \"25s\"\n      config {{\n        image = \"a\"\n      }}\n    }}\n  }}\n}}\n"
        );
        assert_eq!(found("a.nomad.hcl", &text).contains(&"N003"), is_refused, "{text}");
    }
}

#[test]
fn the_options_of_the_java_driver_declare_the_drain() {
    let found = |config: &str| {
        let text = format!(
            "job \"a\" {{\n  group \"a\" {{\n    task \"a\" {{\n      driver = \"java\"\n      kill_timeout = \"20s\"\n      kill_signal = \
             \"SIGTERM\"\n      env {{\n        SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE = \"5s\"\n      }}\n      config {{\n        \
             {config}\n      }}\n    }}\n  }}\n}}\n"
        );
        let report = check_text("a.nomad.hcl", &text);
        let sum = report.active().find(|finding| finding.rule.id == "N001");
        let line = |finding: &ebbtide_check::Finding| {
            let labels = finding.labels.iter().map(|label| report.sources.position(label.place).line);
            labels.collect::<Vec<_>>()
        };
        sum.map(line)
    };
    let jar = "jar_path = \"local/a.jar\"\n        ";
    let drain = "spring.lifecycle.timeout-per-shutdown-phase=30s";
    for (config, line) in [
        (format!("{jar}jvm_options = [\"-Xmx1g\", \"-D{drain}\"]"), Some(12)),
        (format!("jvm_options = [\"-D{drain}\"]\n        {jar}"), Some(11)),
        (format!("class = \"com.example.A\"\n        jvm_options = [\"-D{drain}\"]"), Some(12)),
        (format!("{jar}args = [\"serve\", \"--{drain}\"]"), Some(12)),
        // After the program it is an argument, which Spring does not take for a property of the system.
        (format!("{jar}args = [\"-D{drain}\"]"), None),
        (format!("{jar}jvm_options = [\"--{drain}\"]"), None),
        (jar.to_owned(), None),
    ] {
        let lines = found(&config);
        assert_eq!(lines.is_some(), line.is_some(), "{config}");
        assert!(line.is_none_or(|line| lines.is_some_and(|lines| lines.contains(&line))), "{config}");
    }
}

#[test]
fn options_of_java_that_are_only_known_at_the_deploy_may_replace_a_variable() {
    let nomad = |options: &str| {
        format!(
            "job \"a\" {{\n  group \"a\" {{\n    task \"a\" {{\n      driver = \"java\"\n      env {{\n        \
             SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE = \"30s\"\n      }}\n      config {{\n        jar_path = \"a.jar\"\n        \
             {options}\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    let ecs = |option: &str| {
        format!(
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: web\n          \
             Image: web\n          Environment: [{{Name: SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE, Value: 40s}}]\n          Command: \
             [java{option}, -jar, a.jar]\n"
        )
    };
    for (name, text, rule, is_known) in [
        ("a.nomad.hcl", nomad("jvm_options = [\"-Xmx1g\"]"), "N001", true),
        ("a.nomad.hcl", nomad("jvm_options = []"), "N001", true),
        ("a.nomad.hcl", nomad("jvm_options = var.options"), "N001", false),
        ("template.yaml", ecs(""), "E002", true),
        ("template.yaml", ecs(", -cp, !Ref Path"), "E002", true),
        ("template.yaml", ecs(", !Ref Option"), "E002", false),
        ("template.yaml", ecs(", !If [P, -Xmx1g, -Xmx1g]"), "E002", true),
    ] {
        assert_eq!(found(name, &text).contains(&rule), is_known, "{text}");
    }
}

/// A task whose shell stays in front of its program, with these settings of the container and of the task.
fn shell(settings: &str) -> String {
    format!(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: web\n          \
         Image: web\n          Command: [sh, -c, \"web; true\"]\n{settings}"
    )
}

#[test]
fn what_a_condition_chooses_is_known_if_both_branches_agree() {
    const WITH: &str = "InitProcessEnabled: true";
    const NONE: &str = "!Ref \"AWS::NoValue\"";
    for (linux, expected) in [
        (String::new(), &["E013"][..]),
        (format!("!If [P, {{{WITH}}}, {NONE}]"), &[]),
        (format!("!If [P, {NONE}, {{{WITH}}}]"), &[]),
        (format!("!If [P, {{{WITH}}}, {{InitProcessEnabled: false}}]"), &[]),
        (format!("!If [P, {{{WITH}}}, {{{WITH}, SharedMemorySize: 64}}]"), &["D008"]),
        (format!("!If [P, {{{WITH}}}, !If [Q, {{{WITH}}}, {{{WITH}}}]]"), &["D008"]),
        (format!("!If [P, {{SharedMemorySize: 64}}, {NONE}]"), &["E013"]),
        ("{InitProcessEnabled: !If [P, true, true]}".to_owned(), &["D008"]),
        ("{InitProcessEnabled: !If [P, false, false]}".to_owned(), &["E013"]),
        ("{InitProcessEnabled: !If [P, true, false]}".to_owned(), &[]),
        ("{InitProcessEnabled: !Ref Init}".to_owned(), &[]),
        ("!Ref Linux".to_owned(), &[]),
    ] {
        let line = if linux.is_empty() { linux } else { format!("          LinuxParameters: {linux}\n") };
        assert_eq!(found("template.yaml", &shell(&line)), expected, "{line}");
    }
    let json = |linux: &str| {
        format!(
            "{{\"Resources\": {{\"T\": {{\"Type\": \"AWS::ECS::TaskDefinition\", \"Properties\": {{\"ContainerDefinitions\": [{{\"Name\": \
             \"web\", \"Image\": \"web\", \"Command\": [\"sh\", \"-c\", \"web; true\"], \"LinuxParameters\": {{\"Fn::If\": [\"P\", \
             {linux}]}}}}]}}}}}}}}"
        )
    };
    let with = "{\"InitProcessEnabled\": true}";
    assert_eq!(found("t.json", &json(&format!("{with}, {{\"Ref\": \"AWS::NoValue\"}}"))), [""; 0]);
    assert_eq!(found("t.json", &json(&format!("{with}, {with}"))), ["D008"]);
    let compose = "services:\n  web:\n    image: web\n    command: [sh, -c, \"web; true\"]\n    init: ";
    assert!(!found("compose.yaml", &format!("{compose}${{INIT}}\n")).contains(&"D002"));
    assert!(found("compose.yaml", &format!("{compose}false\n")).contains(&"D002"));
}

#[test]
fn no_rule_of_ecs_reports_what_one_branch_has() {
    let stop = |value: &str| {
        let settings = format!(
            "          DockerLabels: {{ebbtide.dev/drain: 40s}}\n          StopTimeout: {value}\n          LinuxParameters: {{InitProcessEnabled: \
             true}}\n"
        );
        found("template.yaml", &shell(&settings).replace("[sh, -c, \"web; true\"]", "[web]"))
    };
    assert_eq!(stop("!If [P, 20, 20]"), ["E002"]);
    assert_eq!(stop("!If [P, 20, 60]"), [""; 0]);
    let labels = |labels: &str| {
        let settings = format!("          DockerLabels: {labels}\n");
        found("template.yaml", &shell(&settings).replace("[sh, -c, \"web; true\"]", "[web]"))
    };
    let long = "{ebbtide.dev/drain: 40s}";
    assert_eq!(labels(&format!("!If [P, {long}, {long}]")), ["E002"]);
    assert_eq!(labels(&format!("!If [P, {long}, {{team: a}}]")), [""; 0]);
    // Which command runs is not known.
    let command = shell("").replace("[sh, -c, \"web; true\"]", "!If [P, [sh, -c, \"web; true\"], [web]]");
    assert_eq!(found("template.yaml", &command), [""; 0]);
    let command = shell("").replace("\"web; true\"", "!If [P, \"web; true\", \"exec web\"]");
    assert_eq!(found("template.yaml", &command), [""; 0]);
    let outage = |percent: &str, count: &str| {
        let text = format!(
            "Resources:\n  Service:\n    Type: AWS::ECS::Service\n    Properties:\n      {count}\n      DeploymentConfiguration: {percent}\n"
        );
        found("template.yaml", &text)
    };
    let stuck = "{MinimumHealthyPercent: 100, MaximumPercent: 100}";
    assert_eq!(outage(&format!("!If [P, {stuck}, {stuck}]"), "DesiredCount: 1"), ["E008"]);
    assert_eq!(outage(&format!("!If [P, {stuck}, !Ref \"AWS::NoValue\"]"), "DesiredCount: 1"), [""; 0]);
    assert_eq!(outage(stuck, "DesiredCount: !If [P, 1, 2]"), [""; 0]);
    assert_eq!(outage(stuck, "SchedulingStrategy: !If [P, DAEMON, REPLICA]"), [""; 0]);
    assert_eq!(
        outage(stuck, "DesiredCount: 1\n      SchedulingStrategy: !If [P, REPLICA, REPLICA]"),
        ["E008"]
    );
    // On Spot alone the target group has to be faster.
    let weight =
        spot("", "        - {Name: web, Image: web}\n").replace("Weight: 1", "Weight: !If [P, 1, 0]");
    assert_eq!(severities(&check_text("template.yaml", &weight), "E003"), []);
}

#[test]
fn the_setting_of_an_agent_in_one_branch_is_none() {
    let text = |data: &str, kind: &str| {
        let settings = format!(
            "          DockerLabels: {{ebbtide.dev/drain: 20s}}\n{kind}  Machines:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      \
             LaunchTemplateData: {{UserData: {data}}}\n"
        );
        let text = shell(&settings).replace("[sh, -c, \"web; true\"]", "[web]");
        found("template.yaml", &text).contains(&"E014")
    };
    let (short, long) = ("ECS_CONTAINER_STOP_TIMEOUT=5s", "ECS_CONTAINER_STOP_TIMEOUT=60s");
    assert!(text(short, ""));
    assert!(text(&format!("!If [P, \"{short} A=1\", \"{short} A=2\"]"), ""));
    assert!(!text(&format!("!If [P, {short}, {long}]"), ""));
    assert!(!text(&format!("!If [P, {short}, echo]"), ""));
    assert!(!text(short, "      RequiresCompatibilities: [!If [P, FARGATE, EC2]]\n"));
}
