//! One fact in each notation that has it is one finding, and a value that is computed elsewhere is none.

use ebbtide_check::{Place, Severity};

use crate::common::{check_all, check_text, ids, shown};

/// A container of ECS that drains for 40 s and is killed after 30.
const CONTAINER: &str = r#"{"name": "api", "image": "api:1", "dockerLabels": {"ebbtide.dev/drain": "40s"}}"#;

const SERVICE: &str = "resource \"aws_ecs_service\" \"api\" {\n  task_definition = aws_ecs_task_definition.api.arn\n  desired_count   = 1\n  \
                       deployment_minimum_healthy_percent = 100\n  deployment_maximum_percent = 150\n  load_balancer {\n    target_group_arn = \
                       aws_lb_target_group.api[0].arn\n    container_name = \"api\"\n    container_port = 80\n  }\n  capacity_provider_strategy {\n    \
                       capacity_provider = \"FARGATE_SPOT\"\n    weight = 1\n  }\n}\n";

const GROUP: &str =
    "resource \"aws_lb_target_group\" \"api\" {\n  port = 80\n  deregistration_delay = 110\n}\n";

fn task(definitions: &str) -> String {
    format!(
        "resource \"aws_ecs_task_definition\" \"api\" {{\n  family = \"api\"\n  container_definitions = {definitions}\n}}\n"
    )
}

#[test]
fn the_containers_of_terraform_are_read_from_each_notation() {
    let hcl = "jsonencode([{ name = \"api\", image = \"api:1\", dockerLabels = { \"ebbtide.dev/drain\" = \"40s\" } }])";
    for definitions in [
        hcl.to_owned(),
        format!("<<EOF\n[{CONTAINER}]\nEOF"),
        format!("<<-EOF\n  [{CONTAINER}]\n  EOF"),
        format!("<<EOF\n[{}]\nEOF", CONTAINER.replace("api:1", "${var.image}")),
    ] {
        let report = check_text("ecs.tf", &task(&definitions));
        assert_eq!(
            (ids(&report), report.problems.len()),
            (vec!["E002"], 0),
            "{definitions}\n{}",
            shown(&report)
        );
        let text =
            |place: Place| &report.sources.get(place.source).unwrap().text()[place.start()..place.end()];
        let labels: Vec<&str> = report.findings[0].labels.iter().map(|label| text(label.place)).collect();
        assert!(labels.contains(&"\"40s\""), "{definitions} {labels:?}");
    }
    let plan = serde_json::json!({"planned_values": {"root_module": {"child_modules": [{"resources": [{
        "type": "aws_ecs_task_definition", "name": "api", "values": {"container_definitions": format!("[{CONTAINER}]")}
    }]}]}}});
    assert_eq!(ids(&check_text("plan.json", &plan.to_string())), ["E002"]);
}

#[test]
fn what_terraform_computes_is_reported_as_not_read_and_never_guessed() {
    for definitions in ["file(\"containers.json\")", "local.containers", "templatefile(\"a.tftpl\", {})"] {
        let report = check_text("ecs.tf", &task(definitions));
        assert_eq!((ids(&report).len(), report.is_incomplete()), (0, false), "{}", shown(&report));
        assert!(report.problems[0].message.contains(definitions), "{}", shown(&report));
    }
    let definitions = "jsonencode([{ name = \"api\", image = \"a\", stopTimeout = var.stop, dockerLabels = { \"ebbtide.dev/drain\" = \"40s\" } }])";
    assert_eq!(ids(&check_text("ecs.tf", &task(definitions))), [""; 0]);
    assert_eq!(
        ids(&check_text("ecs.tf", &SERVICE.replace("= 1\n  deploy", "= var.count\n  deploy"))),
        [""; 0]
    );
}

#[test]
fn a_container_or_a_manifest_that_an_expression_makes_is_noted() {
    let merged = task("jsonencode([{ name = \"a\", image = \"a\" }, merge(local.base, { name = \"b\" })])");
    let manifest =
        |value: &str| format!("resource \"kubernetes_manifest\" \"y\" {{\n  manifest = {value}\n}}\n");
    let decoded = manifest("yamldecode(<<-EOT\n    kind: Pod\n  EOT\n  )");
    for (text, note) in [
        (
            merged,
            "a container of aws_ecs_task_definition.api is not in the file: `merge(local.base, { name = \"b\" })`",
        ),
        (decoded, "manifest of kubernetes_manifest.y is not in the file: `yamldecode(<<-EOT`"),
    ] {
        let report = check_text("main.tf", &text);
        let messages: Vec<&str> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!((messages, report.is_incomplete()), (vec![note], false), "{}", shown(&report));
    }
    let literal = manifest("{ apiVersion = \"v1\", kind = \"Pod\", metadata = { name = \"y\" } }");
    assert!(check_text("main.tf", &literal).problems.is_empty());
}

#[test]
fn the_files_of_a_module_are_joined_and_those_of_another_are_not() {
    let definitions = "jsonencode([{ name = \"api\", image = \"a\", stopTimeout = 30 }])";
    let (task, service) = (task(definitions), SERVICE.to_owned());
    let together = check_all(&[("m/task.tf", &task), ("m/service.tf", &service), ("m/group.tf", GROUP)]);
    let errors = |report: &ebbtide_check::Report| {
        let found = report.active().filter(|finding| finding.severity == Severity::Error);
        let mut ids: Vec<_> = found.map(|finding| finding.rule.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(errors(&together), ["E003", "E008"], "{}", shown(&together));
    let apart = check_all(&[("a/task.tf", &task), ("m/service.tf", &service), ("b/group.tf", GROUP)]);
    assert_eq!(errors(&apart), ["E008"], "{}", shown(&apart));
}

#[test]
fn kubernetes_resources_of_terraform_are_the_manifests_that_they_stand_for() {
    let text = "resource \"kubernetes_deployment_v1\" \"shop\" {\n  metadata {\n    name = var.name\n    annotations = { \"ebbtide.dev/drain\" = \"25s\" }\n  }\n  \
                spec {\n    replicas = 2\n    selector { match_labels = { app = \"shop\" } }\n    template {\n      metadata {\n        labels = { app = \"shop\" }\n      }\n      \
                spec {\n        termination_grace_period_seconds = 30\n        container {\n          name = \"shop\"\n          image = \"shop:1\"\n          port { container_port = 80 }\n          \
                lifecycle {\n            pre_stop {\n              exec {\n                command = [\"sleep\", \"10\"]\n              }\n            }\n          }\n        }\n      }\n    }\n  }\n}\n\
                resource \"kubernetes_service\" \"shop\" {\n  metadata { name = \"shop\" }\n  spec {\n    selector = { app = \"shop\" }\n    type = \"LoadBalancer\"\n  }\n}\n";
    let report = check_text("k8s.tf", text);
    assert_eq!(ids(&report), ["K001"], "{}", shown(&report));
    assert_eq!(report.findings[0].subject, "Deployment shop");
    let without = text.replace("pre_stop", "post_start");
    let report = check_text("k8s.tf", &without);
    assert_eq!(ids(&report), ["K005"], "{}", shown(&report));
    assert_eq!(report.findings[0].severity, Severity::Warning);
}

#[test]
fn cloud_run_and_knative_have_their_own_limits() {
    let hcl = "resource \"google_cloud_run_v2_service\" \"shop\" {\n  template {\n    containers {\n      image = \"shop\"\n      command = [\"gunicorn\"]\n      \
               args = [\"--graceful-timeout\", \"20\"]\n    }\n  }\n}\n";
    assert_eq!(ids(&check_text("run.tf", hcl)), ["P002"]);
    let knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: shop}\nspec:\n  template:\n    metadata: {annotations: {ebbtide.dev/drain: 40s}}\n    \
                   spec:\n      timeoutSeconds: 30\n      containers: [{image: shop}]\n";
    let report = check_text("shop.yaml", knative);
    assert_eq!(ids(&report), ["K001"]);
    assert!(report.findings[0].arithmetic.as_ref().unwrap().ends_with("> 30 (timeoutSeconds)"));
    assert_eq!(ids(&check_text("shop.yaml", &knative.replace("      timeoutSeconds: 30\n", ""))), [""; 0]);
    let cloud_run = knative.replace(
        "kind: Service\nmetadata: {name: shop}",
        "kind: Service\nmetadata: {name: shop, annotations: {run.googleapis.com/launch-stage: GA}}",
    );
    assert_eq!(ids(&check_text("shop.yaml", &cloud_run)), ["P002"]);
}

#[test]
fn a_job_of_nomad_is_read_from_hcl_its_json_and_the_api() {
    let hcl = "job \"shop\" {\n  group \"web\" {\n    task \"api\" {\n      driver = \"docker\"\n      kill_timeout = \"20s\"\n      meta = { \"ebbtide.dev/drain\" = \"30s\" }\n      \
               config { image = \"shop:1\" }\n    }\n  }\n}\n";
    let json = r#"{"job": {"shop": {"group": {"web": {"task": {"api": {"driver": "docker", "kill_timeout": "20s",
        "meta": {"ebbtide.dev/drain": "30s"}, "config": {"image": "shop:1"}}}}}}}}"#;
    let api = r#"{"Job": {"ID": "shop", "TaskGroups": [{"Name": "web", "Tasks": [{"Name": "api", "Driver": "docker",
        "KillTimeout": 20000000000, "KillSignal": "", "Meta": {"ebbtide.dev/drain": "30s"}, "Config": {"image": "shop:1"}}]}]}}"#;
    for (name, text) in [("shop.nomad", hcl), ("-", hcl), ("shop.json", json), ("api.json", api)] {
        let report = check_text(name, text);
        assert_eq!(ids(&report), ["N001"], "{name} {}", shown(&report));
        assert_eq!(report.findings[0].subject, "task group shop/web", "{name}");
        assert_eq!(
            report.findings[0].arithmetic.as_deref(),
            Some("30 (drain, from meta ebbtide.dev/drain) + 2 (margin) = 32 > 20 (kill_timeout)")
        );
    }
    assert_eq!(ids(&check_text("shop.nomad", &hcl.replace("\"20s\"", "var.kill_timeout"))), [""; 0]);
    assert_eq!(
        ids(&check_text(
            "shop.nomad",
            &hcl.replace("group \"web\" {", "type = \"batch\"\n  group \"web\" {")
        )),
        [""; 0]
    );
}

#[test]
fn comments_suppress_in_hcl_and_toml() {
    let toml = "app = \"shop\"\nprimary_region = \"ams\"\n# ebbtide.dev/drain: 30s\n# ebbtide:ignore P001 machines are drained by hand\nkill_timeout = 5\n";
    let report = check_text("fly.toml", toml);
    assert_eq!((ids(&report).len(), report.counts().suppressed), (0, 1), "{}", shown(&report));
    let hcl = "job \"shop\" {\n  group \"web\" {\n    task \"api\" {\n      driver = \"docker\"\n      kill_timeout = \"60s\" // ebbtide:ignore N002 our clients allow it\n      \
               config { image = \"shop:1\" }\n    }\n  }\n}\n";
    let report = check_text("shop.hcl", hcl);
    assert_eq!((ids(&report).len(), report.counts().suppressed), (0, 1), "{}", shown(&report));
}

#[test]
fn files_of_other_programs_are_not_taken_for_deployments() {
    for (name, text) in [
        ("Cargo.toml", "[package]\nname = \"a\"\n"),
        ("versions.hcl", "plugin \"a\" {\n  enabled = true\n}\n"),
        ("broken.hcl", "plugin = = \n"),
        ("broken.toml", "a = \n"),
        ("values.yaml", "app: shop\nservices: {web: {port: 80}}\nenv: {EBBTIDE_GRACE: 60s}\n"),
        ("ci.yaml", "job:\n  test:\n    task:\n      run: {driver: docker, config: {command: sh}}\n"),
        ("main.tf", "resource \"random_id\" \"a\" {\n  byte_length = 4\n}\n"),
    ] {
        let report = check_text(name, text);
        assert_eq!((report.recognised, report.is_incomplete()), (0, false), "{name} {}", shown(&report));
    }
    assert!(check_text("job.hcl", "job \"a\" {\n  group = \n").is_incomplete());
    let levant =
        check_text("job.nomad", "job \"a\" {\n  group \"[[ .name ]]\" {\n    count = [[ .count ]]\n  }\n}\n");
    assert_eq!((levant.problems.len(), levant.is_incomplete()), (1, false), "{}", shown(&levant));
}

/// Fargate does not allow what such a drain needs, and Compose rounds fractions down.
#[test]
fn a_remedy_is_one_that_the_platform_accepts() {
    let task = "{\"requiresCompatibilities\": [\"FARGATE\"], \"containerDefinitions\": [{\"name\": \"api\", \"dockerLabels\": \
                {\"ebbtide.dev/drain\": \"150s\"}}]}";
    assert!(shown(&check_text("task.json", task)).contains("shorten the drain to 118 s or less"));
    let compose = "services:\n  api:\n    image: api\n    stop_grace_period: 10s\n    labels: {ebbtide.dev/drain: 12500ms}\n";
    assert!(shown(&check_text("compose.yaml", compose)).contains("set stop_grace_period to 15s or more"));
    let render = |limit: u32| {
        format!(
            "# ebbtide.dev/drain: 400s\nservices:\n- {{type: web, name: shop, runtime: node, maxShutdownDelaySeconds: {limit}}}\n"
        )
    };
    let report = check_text("render.yaml", &render(300));
    assert!(ids(&report) == ["P003"] && shown(&report).contains("shorten the drain to 298 s or less"));
    assert_eq!(ids(&check_text("render.yaml", &render(500))), ["P003"]);
    let fly = "# ebbtide.dev/drain: 400s\napp = \"shop\"\nprimary_region = \"ams\"\nkill_timeout = 20\n";
    let remedy = "set kill_timeout to 402 or more, or shorten the drain; shared machines allow 300 s";
    assert!(shown(&check_text("fly.toml", fly)).contains(remedy));
    let shared = fly.to_owned() + "[[vm]]\n  size = \"shared-cpu-1x\"\n";
    assert!(shown(&check_text("fly.toml", &shared)).contains("shorten the drain to 298 s or less"));
}

#[test]
fn an_annotation_of_cloud_run_declares_the_drain_in_terraform_too() {
    let annotations = "annotations = { \"ebbtide.dev/drain\" = \"@@\" }";
    let containers = "containers { image = \"shop\" }";
    for (kind, body) in [
        ("google_cloud_run_v2_service", format!("{annotations}\n  template {{\n    {containers}\n  }}")),
        ("google_cloud_run_v2_service", format!("template {{\n    {annotations}\n    {containers}\n  }}")),
        (
            "google_cloud_run_service",
            format!(
                "template {{\n    metadata {{\n      {annotations}\n    }}\n    spec {{\n      {containers}\n    }}\n  }}"
            ),
        ),
    ] {
        for (drain, expected) in [("20s", &["P002"][..]), ("5s", &[])] {
            let hcl = format!("resource \"{kind}\" \"shop\" {{\n  {body}\n}}\n").replace("@@", drain);
            assert_eq!(ids(&check_text("main.tf", &hcl)), expected, "{hcl}");
        }
    }
}

/// A drain of the workload is about the program, not about what runs beside it.
#[test]
fn a_drain_of_a_pod_is_about_its_program_or_noted() {
    let pod = |a: &str, b: &str| {
        let metadata = "metadata: {name: shop, annotations: {ebbtide.dev/drain: 60s}}";
        check_text(
            "pod.yaml",
            &format!("apiVersion: v1\nkind: Pod\n{metadata}\nspec: {{containers: [{a}, {b}]}}\n"),
        )
    };
    let app = "{name: a, image: app}";
    for other in [
        "{name: b, image: otel/opentelemetry-collector}",
        "{name: b, image: 'envoyproxy/envoy:v1.30', ports: [{containerPort: 80}]}",
        "{name: b, image: fluent/fluent-bit}",
        "{name: shop, image: b}",
        "{name: b, image: b, ports: [{containerPort: 80}]}",
    ] {
        let report = pod(app, other);
        assert_eq!((ids(&report), report.problems.len()), (vec!["K001"], 0), "{other} {}", shown(&report));
    }
    let report = pod(app, "{name: b, image: b}");
    assert_eq!((ids(&report), report.is_incomplete()), (vec![], false), "{}", shown(&report));
    assert!(
        shown(&report).contains("not read: which of the containers `a`, `b` of Pod shop drains"),
        "{}",
        shown(&report)
    );
    let job = "job \"shop\" {\n  group \"web\" {\n    meta = { \"ebbtide.dev/drain\" = \"30s\" }\n    task \"a\" {\n      driver = \"docker\"\n    }\n    \
               task \"b\" {\n      driver = \"docker\"\n    }\n  }\n}\n";
    let report = check_text("shop.nomad", job);
    assert!(
        shown(&report).contains("which of the containers `a`, `b` of task group shop/web drains"),
        "{}",
        shown(&report)
    );
    assert_eq!(ids(&check_text("shop.nomad", &job.replace("task \"a\"", "task \"web\""))), ["N001"]);
}

#[test]
fn a_pod_that_keeps_its_node_has_its_whole_grace_period() {
    let pod = |value: &str| {
        let annotation =
            format!("annotations: {{cluster-autoscaler.kubernetes.io/safe-to-evict: '{value}'}}");
        let spec = "spec: {terminationGracePeriodSeconds: 900, containers: [{name: a, image: a}]}";
        ids(&check_text(
            "pod.yaml",
            &format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, {annotation}}}\n{spec}\n"),
        ))
    };
    assert_eq!((pod("false"), pod("true")), (vec![], vec!["K023"]));
}

#[test]
fn a_hook_that_the_image_cannot_run_takes_no_time() {
    let pod = |image: &str| {
        let hook = "lifecycle: {preStop: {exec: {command: [sleep, '10']}}}";
        let spec = format!("spec: {{containers: [{{name: a, image: '{image}', {hook}}}]}}");
        let metadata = "metadata: {name: a, annotations: {ebbtide.dev/drain: 25s}}";
        ids(&check_text("pod.yaml", &format!("apiVersion: v1\nkind: Pod\n{metadata}\n{spec}\n")))
    };
    assert_eq!(pod("gcr.io/distroless/static:nonroot"), ["K010"]);
    assert_eq!(pod("debian:12"), ["K001"]);
}

#[test]
fn the_help_of_an_overrun_says_what_it_adds_for_sidecars() {
    let sidecar = "initContainers: [{name: istio-proxy, image: 'istio/proxyv2:1.24', restartPolicy: Always}]";
    let spec = format!(
        "spec: {{terminationGracePeriodSeconds: 30, {sidecar}, containers: [{{name: a, image: a}}]}}"
    );
    let metadata = "metadata: {name: a, annotations: {ebbtide.dev/drain: 30s}}";
    let report = check_text("pod.yaml", &format!("apiVersion: v1\nkind: Pod\n{metadata}\n{spec}\n"));
    let finding = report.active().find(|finding| finding.rule.id == "K001").unwrap();
    assert!(
        finding.remedy.contains("at least 37 (with 5 s for the drain of `istio-proxy` after it)"),
        "{}",
        finding.remedy
    );
}
