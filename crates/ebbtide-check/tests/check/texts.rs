//! The words of a finding: they agree with its arithmetic, with the signal of the workload and with the keys of its file.

use ebbtide_check::{Options, Report, Sources, check, timelines};

use crate::common::{check_text, shown};

fn effect(report: &Report, rule: &str) -> String {
    let found = report.active().find(|finding| finding.rule.id == rule);
    found.unwrap_or_else(|| panic!("{}", shown(report))).effect.clone()
}

fn pod(drain: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api, annotations: {{ebbtide.dev/drain: {drain}}}}}\nspec:\n  containers:\n  - {{name: api, image: \
         a, lifecycle: {{preStop: {{sleep: {{seconds: 5}}}}}}}}\n"
    )
}

/// 25 s are left after the hook.
#[test]
fn a_drain_that_fits_without_its_margin_is_not_said_to_be_killed_while_it_drains() {
    for (drain, expected) in [
        ("24s", "the drain of 24 s fits in the 25 s after SIGTERM, but leaves 1 s for the exit itself: "),
        ("25s", "the drain of 25 s fits in the 25 s after SIGTERM, but leaves 0 s for the exit itself: "),
        ("26s", "SIGKILL arrives 25 s after SIGTERM, while the program may still drain for 26 s: "),
    ] {
        let said = effect(&check_text("pod.yaml", &pod(drain)), "K001");
        assert!(said.starts_with(expected), "{said}");
    }
    assert_eq!(shown(&check_text("pod.yaml", &pod("23s"))).matches("K001").count(), 0);
}

#[test]
fn a_sum_that_is_equal_to_the_limit_fits() {
    let mut sources = Sources::new();
    sources.add("Procfile", "# ebbtide.dev/drain: 28s\nweb: a\n");
    let timeline = timelines(sources, &Options::default()).all.remove(0);
    let sum = timeline.rows[0].arithmetic.clone().unwrap();
    assert_eq!(sum, "28 (drain, from comment ebbtide.dev/drain) + 2 (margin) = 30 <= 30 (limit of Heroku)");
}

#[test]
fn the_signal_is_that_of_the_workload() {
    let nomad = |driver: &str, signal: &str| {
        format!(
            "job \"a\" {{\n  group \"a\" {{\n    task \"a\" {{\n      driver = \"{driver}\"\n{signal}      meta = {{ \"ebbtide.dev/drain\" = \"60s\" \
             }}\n    }}\n  }}\n}}\n"
        )
    };
    let fly = "# ebbtide.dev/drain: 60s\napp = \"a\"\nprimary_region = \"b\"\n";
    let compose = "services:\n  a:\n    image: a\n    labels: {ebbtide.dev/drain: 60s}\n";
    let unit = "[Service]\nExecStart=/bin/a\nX-EbbtideDrain=200s\n";
    let quadlet = "[Container]\nImage=docker.io/a/a\nLabel=ebbtide.dev/drain=60s\n";
    let kamal = "service: a\nimage: a\nservers: {jobs: {hosts: [b], labels: {ebbtide.dev/drain: 60s}@@}}\nregistry: {username: c}\n";
    let stop = "spec:\n  containers:\n  - {name: api, image: a, lifecycle: {stopSignal: SIGUSR1}}\n";
    let (head, _) =
        pod("60s").split_once("spec:").map(|(head, tail)| (head.to_owned(), tail.to_owned())).unwrap();
    for (name, text, rule, signal) in [
        ("fly.toml", fly.to_owned(), "P001", "SIGINT"),
        ("fly.toml", format!("{fly}kill_signal = \"SIGTERM\"\n"), "P001", "SIGTERM"),
        ("fly.toml", format!("{fly}kill_signal = \"${{SIGNAL}}\"\n"), "P001", "the stop signal"),
        ("a.nomad", nomad("exec", ""), "N001", "SIGINT"),
        ("a.nomad", nomad("docker", ""), "N001", "SIGTERM"),
        ("a.nomad", nomad("exec", "      kill_signal = \"SIGUSR2\"\n"), "N001", "SIGUSR2"),
        ("compose.yaml", compose.to_owned(), "C001", "SIGTERM"),
        ("compose.yaml", format!("{compose}    stop_signal: SIGQUIT\n"), "C001", "SIGQUIT"),
        ("compose.yaml", format!("{compose}    stop_signal: '3'\n"), "C001", "SIGQUIT"),
        ("a.service", unit.to_owned(), "S001", "SIGTERM"),
        ("a.service", format!("{unit}KillSignal=SIGINT\n"), "S001", "SIGINT"),
        ("a.container", quadlet.to_owned(), "Q001", "SIGTERM"),
        ("a.container", format!("{quadlet}StopSignal=SIGINT\n"), "Q001", "SIGINT"),
        ("deploy.yml", kamal.replace("@@", ""), "M001", "SIGTERM"),
        ("deploy.yml", kamal.replace("@@", ", options: {stop-signal: INT}"), "M001", "SIGINT"),
        ("pod.yaml", head + stop, "K001", "SIGUSR1"),
    ] {
        let report = check_text(name, &text);
        let said = effect(&report, rule);
        assert!(said.contains(&format!(" after {signal}, ")), "{text}{said}");
        let finding = report.active().find(|finding| finding.rule.id == rule).unwrap();
        let label = format!("after {signal}");
        assert!(finding.labels.iter().any(|place| place.text == label), "{text}: {:?}", finding.labels);
    }
}

#[test]
fn a_shell_before_a_program_ends_at_the_signal_of_its_unit() {
    let unit = "[Service]\nExecStart=/bin/sh -c 'cd / && api; true'\nKillMode=mixed\n";
    for (setting, signal) in [("", "SIGTERM"), ("KillSignal=SIGINT\n", "SIGINT")] {
        let said = effect(&check_text("a.service", &format!("{unit}{setting}")), "S008");
        assert!(said.starts_with(&format!("the shell ends at {signal}, ")), "{said}");
    }
}

#[test]
fn a_surge_is_no_advice_for_pods_that_are_replaced_one_after_the_other() {
    let workload = |kind: &str, strategy: &str| {
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n  replicas: 40\n  minReadySeconds: 30\n{strategy}  template: {{spec: {{containers: \
             [{{name: a}}]}}}}\n"
        )
    };
    let in_place = "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}\n";
    let surge = "  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}\n";
    for (text, expected) in [
        (
            workload("StatefulSet", "").replace("replicas: 40", "replicas: 0x28"),
            "shorten the grace period, or give the deploy more time",
        ),
        (workload("StatefulSet", ""), "shorten the grace period, or give the deploy more time"),
        (
            workload("Deployment", in_place),
            "replace more pods in a step (maxSurge), shorten the grace period, or give the deploy more time",
        ),
        (
            workload("Deployment", surge),
            "replace more pods in a step (maxSurge), or give the deploy more time",
        ),
    ] {
        let report = check_text("a.yaml", &text);
        let finding = report.active().find(|finding| finding.rule.id == "K018");
        assert_eq!(finding.unwrap_or_else(|| panic!("{}", shown(&report))).remedy, expected);
    }
}

/// A reader searches the file for the key that a finding names.
#[test]
fn keys_are_named_as_the_file_has_them() {
    let deployment = "resource \"kubernetes_deployment\" \"a\" {\n  metadata {\n    name = \"a\"\n  }\n  spec {\n    template {\n      metadata {\n        annotations = \
                      { \"ebbtide.dev/drain\" = \"90s\" }\n      }\n      spec {\n@@        container {\n          name = \"a\"\n        }\n      }\n    }\n  }\n}\n";
    let manifest = "resource \"kubernetes_manifest\" \"a\" {\n  manifest = {\n    apiVersion = \"v1\"\n    kind = \"Pod\"\n    metadata = { name = \"a\", annotations = \
                    { \"ebbtide.dev/drain\" = \"90s\" } }\n    spec = { containers = [{ name = \"a\" }] }\n  }\n}\n";
    let app = "resource \"azurerm_container_app\" \"a\" {\n  template {\n    container {\n      name = \"a\"\n      args = [\"gunicorn\", \
               \"--graceful-timeout\", \"90\"]\n    }\n  }\n}\n";
    let template = "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: a, DockerLabels: \
                    {ebbtide.dev/drain: 90s}}]\n";
    let json =
        "{\"containerDefinitions\": [{\"name\": \"a\", \"dockerLabels\": {\"ebbtide.dev/drain\": \"90s\"}}]}";
    let task = "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = jsonencode([{ name = \"a\", dockerLabels = { \"ebbtide.dev/drain\" = \"90s\" } \
                }])\n}\n";
    for (name, text, own, other) in [
        (
            "main.tf",
            deployment.replace("@@", ""),
            "termination_grace_period_seconds",
            "terminationGracePeriodSeconds",
        ),
        (
            "main.tf",
            deployment.replace("@@", "        termination_grace_period_seconds = 30\n"),
            "termination_grace_period_seconds",
            "terminationGracePeriodSeconds",
        ),
        (
            "main.tf",
            deployment.replace("@@", "        termination_grace_period_seconds = \"30s\"\n"),
            "termination_grace_period_seconds",
            "terminationGracePeriodSeconds",
        ),
        ("main.tf", manifest.to_owned(), "terminationGracePeriodSeconds", "termination_grace_period_seconds"),
        ("main.tf", app.to_owned(), "termination_grace_period_seconds", "terminationGracePeriodSeconds"),
        ("main.tf", task.to_owned(), "stopTimeout", "StopTimeout"),
        ("template.yaml", template.to_owned(), "StopTimeout", "stopTimeout"),
        ("task.json", json.to_owned(), "stopTimeout", "StopTimeout"),
        ("pod.yaml", pod("90s"), "terminationGracePeriodSeconds", "termination_grace_period_seconds"),
    ] {
        let shown = shown(&check_text(name, &text));
        assert!(shown.contains(own) && !shown.contains(other), "{text}\n{shown}");
        let mut sources = Sources::new();
        sources.add(name, text);
        for timeline in timelines(sources, &Options::default()).all {
            let sums: String = timeline.rows.iter().filter_map(|row| row.arithmetic.clone()).collect();
            assert!(!sums.contains(other), "{sums}");
        }
    }
}

/// The settings of a service of ECS have other names in Terraform too.
#[test]
fn the_names_of_a_service_are_those_of_its_format() {
    let service = |name: &str, text: &str| {
        let mut sources = Sources::new();
        sources.add(name, text);
        let report = check(sources, &Options::default());
        let found = report.active().find(|finding| finding.rule.id == "E008");
        found.unwrap_or_else(|| panic!("{}", shown(&report))).clone()
    };
    let terraform = service(
        "main.tf",
        "resource \"aws_ecs_service\" \"a\" {\n  name = \"a\"\n  desired_count = 1\n  deployment_minimum_healthy_percent = 100\n  deployment_maximum_percent = 100\n}\n",
    );
    assert_eq!(
        terraform.remedy,
        "set deployment_maximum_percent to 200, or deployment_minimum_healthy_percent to 0"
    );
    assert!(terraform.labels.iter().any(|label| label.text == "1 task at most"), "{:?}", terraform.labels);
    let template = service(
        "template.yaml",
        "Resources:\n  A:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: 1\n      DeploymentConfiguration: {MinimumHealthyPercent: 100, MaximumPercent: \
         100}\n",
    );
    assert_eq!(template.remedy, "set MaximumPercent to 200, or MinimumHealthyPercent to 0");
}

#[test]
fn a_suppressed_finding_is_listed_with_its_subject() {
    let text = pod("90s").replace("metadata:", "# ebbtide:ignore K001 jobs run again\nmetadata:");
    let report = check_text("pod.yaml", &text);
    let look = ebbtide_check::render::Look { shows_suppressed: true, ..Default::default() };
    let shown = ebbtide_check::render::text(&report, look);
    assert!(
        shown.contains("suppressed[K001]: Pod api needs 97 s to stop, but is killed after 30 s\n"),
        "{shown}"
    );
}

/// A percentage that still rounds up to every task would change nothing.
#[test]
fn the_percentage_that_is_advised_lets_a_task_stop() {
    for (desired, advised) in [(1, "to 0"), (2, "to 50"), (3, "to 66")] {
        let text = format!(
            "Resources:\n  A:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: {desired}\n      DeploymentConfiguration: \
             {{MinimumHealthyPercent: 90, MaximumPercent: 100}}\n"
        );
        let report = check_text("a.yaml", &text);
        let found = report.active().find(|finding| finding.rule.id == "E008").unwrap();
        assert!(found.remedy.ends_with(advised), "{}", found.remedy);
    }
}

#[test]
fn findings_about_a_job_speak_of_no_requests() {
    let template = |drain: &str, command: &str, hook: &str, grace: &str| {
        format!(
            "template:\n      metadata: {{annotations: {{{drain}}}}}\n      spec:\n        {grace}restartPolicy: Never\n        containers: \
             [{{name: a, image: nginx, {hook}command: {command}}}]\n"
        )
    };
    for (drain, command, hook, grace) in [
        ("ebbtide.dev/drain: 60s", "[a]", "", ""),
        ("ebbtide.dev/drain: 29s", "[a]", "", ""),
        ("", "[sh, -c, a; b]", "", ""),
        ("", "[npm, start]", "", ""),
        ("", "[a]", "lifecycle: {preStop: {sleep: {seconds: 25}}}, ", ""),
        ("", "[a]", "lifecycle: {preStop: {sleep: {seconds: 30}}}, ", ""),
        ("", "[a]", "lifecycle: {stopSignal: SIGKILL}, ", "os: {name: linux}\n        "),
        ("", "[a]", "", "terminationGracePeriodSeconds: 0\n        "),
        ("", "[nginx]", "lifecycle: {preStop: {exec: {command: [sh, -c, kill -TERM 1]}}}, ", ""),
    ] {
        let job = template(drain, command, hook, grace);
        let text = format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: a}}\nspec:\n    {job}");
        let report = check_text("job.yaml", &text);
        assert!(report.problems.is_empty(), "{}", shown(&report));
        for finding in report.active() {
            let said = format!("{} {}", finding.title, finding.effect);
            let is_of_service = ["request", "client", "traffic", "connection", "serves"]
                .iter()
                .any(|word| said.contains(word));
            assert!(!is_of_service, "{}: {said}", finding.rule.id);
        }
        assert!(!report.findings.is_empty() || hook.contains("kill -TERM"), "{text}");
    }
}

/// The renderer reads all that it is given, for each finding anew.
#[test]
fn the_excerpt_of_a_long_line_is_the_part_around_the_place() {
    let pods = (0..300).map(|number| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"ä{number}\"}},\"spec\":{{\"terminationGracePeriodSeconds\":30,\"containers\":[{{\"name\":\"a\",\"image\":\"a\",\
             \"command\":[\"gunicorn\",\"--graceful-timeout\",\"60\"]}}]}}}}"
        )
    });
    let list = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}}",
        pods.collect::<Vec<_>>().join(",")
    );
    let text = shown(&check_text("list.json", &list));
    let at = list.find("\"ä250\"").and_then(|at| Some(at + list[at..].find(":30")? + 1)).unwrap();
    let column = list[..at].chars().count() + 1;
    assert!(text.contains(&format!("--> list.json:1:{column}\n")), "{}", &text[..3000]);
    assert!(
        text.contains("\"terminationGracePeriodSeconds\":30") && text.contains("^^ "),
        "{}",
        &text[..3000]
    );
    assert!(text.lines().all(|line| line.len() < 500));
    // The same text in lines has the excerpts that a reader is used to.
    let lines = shown(&check_text("list.json", &list.replace("{\"apiVersion", "\n{\"apiVersion")));
    assert!(lines.contains("--> list.json:252:"), "{}", &lines[..3000]);
}

/// A deployment without a number keeps the one that runs.
#[test]
fn the_desired_number_of_tasks_has_to_be_written() {
    let check = |desired: &str| {
        let text = format!(
            "Resources:\n  A:\n    Type: AWS::ECS::Service\n    Properties:\n{desired}      DeploymentConfiguration: {{MinimumHealthyPercent: 100, MaximumPercent: 150}}\n"
        );
        crate::common::ids(&check_text("a.yaml", &text)).contains(&"E008")
    };
    assert!(check("      DesiredCount: 1\n") && !check("") && !check("      DesiredCount: 2\n"));
}
