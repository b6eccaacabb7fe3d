//! A time that is declared and cannot be read is reported with its place and what is expected, in every format: rules that need it would
//! be silent. What is replaced before the deploy is not reported.

use ebbtide_check::Report;

use crate::common::{check_text, ids, shown};

pub(crate) const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations: {ebbtide.dev/drain: 5s}\nspec:\n  terminationGracePeriodSeconds: @@\n  \
                   containers: [{name: api, image: api}]\n";

/// A file of each format with a time that is `@@`, a value that is one, one that is none, and a variable.
const FILES: &[(&str, &str, [&str; 3])] = &[
    ("pod.yaml", POD, ["30", "-5", "${GRACE}"]),
    ("pod.yaml", POD, ["30", "30s", "{{ grace }}"]),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api, annotations: {ebbtide.dev/lame-duck: @@}}\nspec: {containers: [{name: api}]}\n",
        ["5s", "banana", "$DUCK"],
    ),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n  - name: api\n    lifecycle: {preStop: {sleep: {seconds: @@}}}\n",
        ["5", "5s", "$SLEEP"],
    ),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  progressDeadlineSeconds: @@\n  template: {spec: {containers: [{name: \
         api}]}}\n",
        ["600", "10m", "${DEADLINE}"],
    ),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n  - name: api\n    args: [gunicorn, --graceful-timeout, '@@']\n",
        ["20", "soon", "$(TIMEOUT)"],
    ),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n  - name: api\n    env: [{name: EBBTIDE_GRACE, value: '@@'}]\n",
        ["20s", "-5s", "$(TIMEOUT)"],
    ),
    (
        "kubelet.yaml",
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nshutdownGracePeriod: @@\n",
        ["30s", "30", "$TIME"],
    ),
    (
        "ingress.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: api\n  annotations: {alb.ingress.kubernetes.io/target-group-attributes: \
         'a=b,deregistration_delay.timeout_seconds=@@'}\nspec: {ingressClassName: alb}\n",
        ["30", "30s", "$TIME"],
    ),
    (
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\n  annotations: {service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval: \
         '@@'}\nspec: {selector: {app: api}}\n",
        ["10", "10s", "$TIME"],
    ),
    (
        "knative.yaml",
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      timeoutSeconds: @@\n      containers: \
         [{image: api}]\n",
        ["300", "5m", "$TIME"],
    ),
    (
        "cloud-run.yaml",
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: api, annotations: {run.googleapis.com/launch-stage: GA, ebbtide.dev/drain: \
         @@}}\nspec: {template: {spec: {containers: [{image: api}]}}}\n",
        ["5s", "5", "$TIME"],
    ),
    (
        "compose.yaml",
        "services:\n  api:\n    image: api\n    stop_grace_period: @@\n",
        ["1d12h", "soon", "${GRACE:-10s}"],
    ),
    (
        "compose.yaml",
        "services:\n  api:\n    image: api\n    stop_grace_period: @@\n",
        ["1m30s", "30", "${GRACE}"],
    ),
    (
        "compose.yaml",
        "services:\n  api:\n    image: api\n    labels:\n    - ebbtide.dev/drain=@@\n",
        ["8s", "8", "${DRAIN}"],
    ),
    (
        "task.json",
        "{\"containerDefinitions\": [{\"name\": \"api\", \"stopTimeout\": @@}]}",
        ["30", "\"30\"", "\"${GRACE}\""],
    ),
    (
        "task.json",
        "{\"containerDefinitions\": [{\"name\": \"api\", \"dockerLabels\": {\"ebbtide.dev/drain\": \"@@\"}}]}",
        ["8s", "8", "${GRACE}"],
    ),
    (
        "template.yaml",
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: api, StopTimeout: @@}]\n",
        ["30", "-30", "!Ref Grace"],
    ),
    (
        "template.yaml",
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: api, StopTimeout: \"@@\"}]\n",
        ["30", "30s", "${Grace}"],
    ),
    (
        "template.yaml",
        "Resources:\n  Service:\n    Type: AWS::ECS::Service\n    Properties: {ServiceName: api, HealthCheckGracePeriodSeconds: @@}\n",
        ["30", "30s", "!Ref Grace"],
    ),
    (
        "template.yaml",
        "Resources:\n  Group:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n      TargetGroupAttributes: [{Key: \
         deregistration_delay.timeout_seconds, Value: @@}]\n",
        ["30", "30s", "!Ref Grace"],
    ),
    (
        "template.yaml",
        "Resources:\n  Template:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      LaunchTemplateData:\n        UserData: echo \
         ECS_CONTAINER_STOP_TIMEOUT=@@ >> /etc/ecs/ecs.config\n",
        ["45s", "soon", "$TIMEOUT"],
    ),
    ("api.service", "[Service]\nExecStart=/bin/api\nTimeoutStopSec=@@\n", ["1min 30s", "soon", "@TIMEOUT@"]),
    ("api.service", "[Service]\nExecStart=/bin/api\nTimeoutSec=@@\n", ["90", "-5", "{{ timeout }}"]),
    ("api.service", "[Service]\nExecStart=/bin/api\nTimeoutStopSec=@@\n", ["1month 2y", "5ns", "@TIMEOUT@"]),
    ("api.service", "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=@@\n", ["20s", "20 x", "${DRAIN}"]),
    ("api.service", "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=@@\n", ["0", "infinity", "@DRAIN@"]),
    (
        "api.container",
        "[Container]\nImage=docker.io/shop/api\nStopTimeout=@@\n[Service]\nTimeoutStopSec=90\n",
        ["30", "30s", "${TIMEOUT}"],
    ),
    (
        "api.container",
        "[Container]\nImage=docker.io/shop/api\nPodmanArgs=--stop-timeout=@@\n[Service]\nTimeoutStopSec=90\n",
        ["30", "30s", "${TIMEOUT}"],
    ),
    (
        "deploy.yml",
        "service: shop\nimage: shop/api\nservers: [192.0.2.1]\nregistry: {username: shop}\nstop_timeout: @@\n",
        ["30", "30s", "<%= timeout %>"],
    ),
    (
        "deploy.yml",
        "service: shop\nimage: shop/api\nservers: [192.0.2.1]\nregistry: {username: shop}\nstop_wait_time: @@\n",
        ["30", "30s", "<%= timeout %>"],
    ),
    (
        "deploy.yml",
        "service: shop\nimage: shop/api\nservers: {web: {hosts: [a], options: {stop-timeout: @@}}}\nregistry: {username: shop}\n",
        ["30", "30s", "<%= timeout %>"],
    ),
    (
        "deploy.yml",
        "service: shop\nimage: shop/api\nservers: {web: {hosts: [192.0.2.1], stop_timeout: @@}}\nregistry: {username: shop}\n",
        ["30", "-1", "<%= timeout %>"],
    ),
    (
        "job.nomad",
        "job \"shop\" {\n  group \"web\" {\n    task \"api\" {\n      driver = \"docker\"\n      kill_timeout = @@\n    }\n  }\n}\n",
        ["\"20s\"", "\"20\"", "var.timeout"],
    ),
    (
        "job.nomad",
        "job \"shop\" {\n  group \"web\" {\n    shutdown_delay = @@\n    task \"api\" {\n      driver = \"docker\"\n    }\n  }\n}\n",
        ["\"20s\"", "-5", "\"${local.delay}\""],
    ),
    (
        "job.json",
        "{\"Job\": {\"ID\": \"shop\", \"TaskGroups\": [{\"Name\": \"web\", \"Tasks\": [{\"Name\": \"api\", \"KillTimeout\": @@}]}]}}",
        ["20000000000", "\"20\"", "\"[[ .timeout ]]\""],
    ),
    ("client.hcl", "client {\n  max_kill_timeout = @@\n}\n", ["\"60s\"", "\"a minute\"", "\"${TIMEOUT}\""]),
    (
        "fly.toml",
        "app = \"shop\"\nprimary_region = \"ams\"\nkill_timeout = @@\n",
        ["\"2m\"", "-5", "\"${TIMEOUT}\""],
    ),
    (
        "fly.toml",
        "# ebbtide.dev/drain: @@\napp = \"shop\"\nprimary_region = \"ams\"\n",
        ["2s", "2", "${DRAIN}"],
    ),
    (
        "app.yaml",
        "type: Microsoft.App/containerApps\nname: shop\nproperties: {template: {terminationGracePeriodSeconds: @@, containers: [{image: a}]}}\n",
        ["30", "30s", "\"[parameters('grace')]\""],
    ),
    (
        "render.yaml",
        "services:\n- {type: web, name: shop, runtime: node, maxShutdownDelaySeconds: @@}\n",
        ["30", "-1", "$TIME"],
    ),
    ("Procfile", "# ebbtide.dev/lame-duck: @@\nweb: node server.js\n", ["2s", "two", "${DUCK}"]),
    (
        "main.tf",
        "resource \"kubernetes_deployment\" \"api\" {\n  spec {\n    template {\n      spec {\n        termination_grace_period_seconds = @@\n        container \
         {\n          name = \"api\"\n        }\n      }\n    }\n  }\n}\n",
        ["\"30\"", "\"30s\"", "var.grace"],
    ),
    (
        "main.tf",
        "resource \"aws_ecs_task_definition\" \"api\" {\n  container_definitions = jsonencode([{ name = \"api\", stopTimeout = @@ }])\n}\n",
        ["30", "\"soon\"", "var.grace"],
    ),
    (
        "main.tf",
        "resource \"aws_lb_target_group\" \"api\" {\n  deregistration_delay = @@\n}\n",
        ["30", "-5", "var.delay"],
    ),
    ("main.tf", "resource \"aws_lb\" \"api\" {\n  idle_timeout = @@\n}\n", ["30", "\"30s\"", "var.timeout"]),
    (
        "main.tf",
        "resource \"azurerm_container_app\" \"api\" {\n  template {\n    termination_grace_period_seconds = @@\n    container {\n      name = \
         \"api\"\n    }\n  }\n}\n",
        ["30", "\"30s\"", "var.grace"],
    ),
];

fn failures(report: &Report) -> Vec<&str> {
    report.problems.iter().filter(|problem| problem.is_failure).map(|problem| &*problem.message).collect()
}

#[test]
fn a_time_that_cannot_be_read_is_reported_in_every_format_and_a_variable_is_not() {
    for (name, text, [good, bad, variable]) in FILES {
        let [good, invalid, unknown] =
            [good, bad, variable].map(|value| check_text(name, &text.replace("@@", value)));
        assert_eq!(failures(&good), [""; 0], "{text}");
        assert_eq!(failures(&unknown), [""; 0], "{text}");
        assert_eq!(good.recognised, 1, "{text}");
        let found = failures(&invalid);
        let value = bad.trim_matches('"');
        assert!(
            found.len() == 1
                && found[0].starts_with("invalid duration `")
                && found[0].contains(value)
                && found[0].contains(": expected a "),
            "{text}\n{found:?}"
        );
        let place = invalid.problems[0].place.unwrap();
        let source = invalid.sources.get(place.source).unwrap().text();
        // Of a flag, the place is that of the flag.
        let shown = &source[place.start()..place.end()];
        assert!(shown.contains(value) || shown.contains("--graceful-timeout"), "{text}");
    }
}

/// Each parser of YAML has its own numbers. Those of Kubernetes are read as it reads them; elsewhere a number that is not written with
/// plain digits is reported, since what it means depends on the parser.
#[test]
fn a_number_in_another_form_is_read_as_the_platform_does_or_reported() {
    let platforms = [
        "deploy.yml",
        "app.yaml",
        "render.yaml",
        "template.yaml",
        "compose.yaml",
        "pod.yaml",
        "api.container",
    ];
    for (value, seconds) in
        [("0x1E", 30), ("1e1", 10), ("0.0", 0), ("1_000", 1000), ("0o17", 15), ("017", 15), ("30.0", 30)]
    {
        let report = check_text("pod.yaml", &POD.replace("5s", "2000s").replace("@@", value));
        assert_eq!(failures(&report), [""; 0], "{value}");
        let rule = if seconds == 0 { "K004" } else { "K001" };
        assert!(ids(&report).contains(&rule), "{value}: {}", shown(&report));
        assert!(seconds == 0 || shown(&report).contains(&format!("> {seconds} (termination")), "{value}");
        for platform in platforms {
            let texts = FILES.iter().filter(|(name, text, _)| {
                *name == platform
                    && (text.contains("Seconds: @@")
                        || text.contains("StopTimeout")
                        || text.contains("stop_"))
            });
            for (name, text, _) in texts.filter(|(_, text, _)| *text != POD && !text.contains("\"@@\"")) {
                let report = check_text(name, &text.replace("@@", value));
                let is_read = name.starts_with("pod") || (value == "017" && name.ends_with("container"));
                assert_eq!(
                    failures(&report).len(),
                    usize::from(!is_read),
                    "{text}{value}: {}",
                    shown(&report)
                );
            }
        }
    }
    let fly = |value: &str| {
        let text = format!(
            "# ebbtide.dev/drain: 2000s\napp = \"shop\"\nprimary_region = \"a\"\nkill_timeout = {value}\n"
        );
        check_text("fly.toml", &text)
    };
    for (value, seconds) in [("0x1E", 30), ("0o17", 15), ("1_0", 10)] {
        assert!(shown(&fly(value)).contains(&format!("> {seconds} (kill_timeout)")), "{value}");
    }
    for value in ["1e1", "30.0"] {
        assert_eq!(failures(&fly(value)).len(), 1, "{value}");
    }
}

/// The API server refuses a string, which this check can read nevertheless.
#[test]
fn a_number_in_quotes_is_refused_where_the_platform_refuses_it() {
    let long = POD.replace("5s", "40s");
    for (value, problems) in [("'30'", 1), ("\"30\"", 1), ("30", 0), ("\"${GRACE}\"", 0)] {
        let report = check_text("pod.yaml", &long.replace("@@", value));
        assert_eq!(failures(&report).len(), problems, "{value}\n{}", shown(&report));
        assert_eq!(ids(&report).len(), usize::from(value == "30"), "{value}");
    }
    let quoted = shown(&check_text("pod.yaml", &long.replace("@@", "'30'")));
    assert!(
        quoted.contains("invalid duration `\"30\"` of terminationGracePeriodSeconds: expected"),
        "{quoted}"
    );
    assert!(quoted.contains("without quotes"), "{quoted}");
}

#[test]
fn a_list_and_a_mapping_are_no_time_and_a_function_of_the_template_may_be_one() {
    let compose = "services:\n  api:\n    image: api\n    stop_grace_period: @@\n";
    let task = "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: api, StopTimeout: @@}]\n";
    for (name, text, value, problems) in [
        ("pod.yaml", POD, "[30]", 1),
        ("pod.yaml", POD, "", 0),
        ("compose.yaml", compose, "{seconds: 3}", 1),
        ("template.yaml", task, "[30]", 1),
        ("template.yaml", task, "{Ref: Grace}", 0),
        ("template.yaml", task, "{'Fn::If': [a, 30, 60]}", 0),
    ] {
        assert_eq!(
            failures(&check_text(name, &text.replace("@@", value))).len(),
            problems,
            "{name}: {value}"
        );
    }
}

/// Objects that this check does not read may have anything under these names.
#[test]
fn other_objects_may_have_other_values_under_the_same_names() {
    for (name, text) in [
        (
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\ndata: {terminationGracePeriodSeconds: 'soon', periodSeconds: '5'}\n",
        ),
        (
            "crd.yaml",
            "apiVersion: a/v1\nkind: Other\nspec: {terminationGracePeriodSeconds: {type: integer}, seconds: x}\n",
        ),
        ("compose.yaml", "x-a: {stop_grace_period: soon}\nservices: {api: {image: api}}\n"),
        ("main.tf", "resource \"aws_lambda\" \"a\" {\n  idle_timeout = \"soon\"\n}\n"),
        ("a.yaml", "stop_grace_period: soon\nservices: {}\n"),
        (
            "fly.toml",
            "app = \"a\"\nprimary_region = \"b\"\n[env]\n# drain: soon\nX = \"ebbtide.dev/drain: soon\"\n",
        ),
    ] {
        assert_eq!(failures(&check_text(name, text)), [""; 0], "{text}");
    }
}

/// The message is shown with the line, and the check counts as incomplete.
#[test]
fn the_message_has_the_place_and_what_is_expected() {
    let report =
        check_text("compose.yaml", "services:\n  api:\n    image: api\n    stop_grace_period: soon\n");
    let text = shown(&report);
    assert!(report.is_incomplete() && text.contains("compose.yaml:4:24"), "{text}");
    assert!(text.contains("expected a number with a unit, such as 20s or 1m30s"), "{text}");
    assert!(
        text.ends_with(
            "1 part not checked; in the rest 0 errors, 0 warnings in 1 workload, 1 deployment file\n"
        ),
        "{text}"
    );
}

#[test]
fn a_platform_without_fractions_of_seconds_is_given_none() {
    let pod = POD.replace("drain: 5s", "drain: 1.5s").replace("@@", "3");
    let report = check_text("pod.yaml", &pod);
    let text = shown(&report);
    assert!(
        text.contains("1.5 (drain") && text.contains("set terminationGracePeriodSeconds to at least 4"),
        "{text}"
    );
}
