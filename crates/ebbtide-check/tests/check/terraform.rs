//! Local values and the defaults of variables of a Terraform module, whichever of its files defines them.

use ebbtide_check::{Report, Severity};

use crate::common::{check_all, check_text, ids, shown};

/// A task definition on Fargate, whose stop timeout is this expression. 300 s are refused there.
fn task(timeout: &str) -> String {
    format!(
        "resource \"aws_ecs_task_definition\" \"web\" {{\n  family = \"web\"\n  requires_compatibilities = [\"FARGATE\"]\n  \
         container_definitions = jsonencode([{{ name = \"web\", image = \"web\", stopTimeout = {timeout} }}])\n}}\n"
    )
}

fn is_found(report: &Report) -> bool {
    assert!(report.problems.is_empty(), "{}", shown(report));
    ids(report).contains(&"E001")
}

#[test]
fn values_that_cannot_be_parsed_make_the_check_incomplete() {
    for (name, is_incomplete) in [("prod.auto.tfvars", true), ("packer.hcl", false)] {
        let report = check_all(&[("main.tf", &task("var.stop")), (name, "stop = [\n")]);
        assert_eq!((report.is_incomplete(), report.problems.len()), (is_incomplete, 1), "{}", shown(&report));
    }
}

#[test]
fn literal_values_are_resolved_and_others_are_not_known() {
    for (timeout, values, is_known) in [
        ("local.stop", "locals {\n  stop = 300\n}\n", true),
        ("\"${local.stop}\"", "locals {\n  stop = 300\n}\n", true),
        ("local.times.stop", "locals {\n  times = { stop = 300 }\n}\n", true),
        ("local.stop", "locals {\n  stop = var.stop\n}\nvariable \"stop\" {\n  default = 300\n}\n", true),
        ("var.stop", "variable \"stop\" {\n  type    = number\n  default = 300\n}\n", true),
        ("var.stop", "variable \"stop\" {\n  type = number\n}\n", false),
        ("var.stop", "", false),
        ("local.stop", "locals {\n  stop = max(300, 200)\n}\n", false),
        ("local.stop", "locals {\n  stop = local.stop\n}\n", false),
        ("local.stop + 1", "locals {\n  stop = 300\n}\n", false),
        ("local.stop", "locals {\n  stop = 100\n}\n", false),
    ] {
        for files in [
            vec![("main.tf", format!("{values}{}", task(timeout)))],
            vec![("main.tf", task(timeout)), ("values.tf", values.to_owned())],
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
            assert_eq!(is_found(&check_all(&files)), is_known, "{timeout}\n{values}");
        }
    }
}

#[test]
fn the_default_of_a_variable_that_is_set_elsewhere_is_not_its_value() {
    let module = task("var.stop") + "variable \"stop\" {\n  default = 300\n}\n";
    let call = "module \"web\" {\n  source = \"../modules/web\"\n  stop   = 60\n}\n";
    let files = |caller: &'static str| {
        let report = check_all(&[("modules/web/main.tf", &module), ("prod/main.tf", caller)]);
        is_found(&report)
    };
    assert!(files("locals {\n}\n") && !files(call));
    let values = |text: &'static str| is_found(&check_all(&[("main.tf", &module), ("prod.tfvars", text)]));
    assert!(values("other = 1\n") && !values("stop = 60\n"));
    // The values of an environment, which `-var-file` names, and those of another module.
    let below = |name: &'static str, text: &'static str| {
        is_found(&check_all(&[("app/main.tf", &module), (name, text)]))
    };
    assert!(
        !below("app/env/prod.tfvars", "stop = 60\n")
            && !below("app/env/eu/prod.tfvars.json", "{\"stop\": 60}")
    );
    assert!(below("app/env/prod.tfvars", "other = 1\n") && below("app2/prod.tfvars", "stop = 60\n"));
    assert!(!is_found(&check_all(&[("main.tf", &module), ("env/prod.tfvars", "stop = 60\n")])));
    assert!(is_found(&check_all(&[("a/main.tf", &module), ("b/prod.tfvars", "stop = 60\n")])));
}

/// Terraform loads `terraform.tfvars` and then `*.auto.tfvars` in the order of their names; others need `-var-file`.
#[test]
fn values_that_terraform_loads_by_itself_are_known() {
    let module =
        |default: u32| task("var.stop") + &format!("variable \"stop\" {{\n  default = {default}\n}}\n");
    let (long, short) = ("stop = 300\n", "stop = 60\n");
    let severity = |default: u32, files: &[(&str, &str)]| {
        let module = module(default);
        let mut all = vec![("app/main.tf", module.as_str())];
        all.extend_from_slice(files);
        let report = check_all(&all);
        is_found(&report).then(|| report.active().next().unwrap().severity)
    };
    let error = Some(Severity::Error);
    for (default, files, expected) in [
        (60, &[("app/terraform.tfvars", long)][..], error),
        (60, &[("app/terraform.tfvars.json", "{\"stop\": 300}")], error),
        (60, &[("app/prod.auto.tfvars", long)], error),
        (300, &[("app/terraform.tfvars", short)], None),
        (300, &[("app/terraform.tfvars", "other = 1\n")], Some(Severity::Warning)),
        (60, &[("app/terraform.tfvars", short), ("app/a.auto.tfvars", long)], error),
        (60, &[("app/a.auto.tfvars", long), ("app/terraform.tfvars", short)], error),
        (60, &[("app/a.auto.tfvars", short), ("app/b.auto.tfvars", long)], error),
        (60, &[("app/b.auto.tfvars", short), ("app/a.auto.tfvars", long)], None),
        // Another file may set it after that, and nothing is loaded from another folder.
        (300, &[("app/terraform.tfvars", long), ("app/prod.tfvars", short)], None),
        (300, &[("app/terraform.tfvars", long), ("app/env/prod.tfvars", short)], None),
        (60, &[("app/env/terraform.tfvars", long)], None),
        (300, &[("app/env/terraform.tfvars", short)], None),
        (60, &[("terraform.tfvars", long)], None),
        // Those of a module that is called are not loaded.
        (
            60,
            &[("app/terraform.tfvars", long), ("main.tf", "module \"a\" {\n  source = \"./app\"\n}\n")],
            None,
        ),
    ] {
        assert_eq!(severity(default, files), expected, "{default} {files:?}");
    }
}

#[test]
fn containers_of_a_local_value_are_read_where_they_are_written() {
    let definitions =
        "locals {\n  containers = [\n    { name = \"web\", image = \"web\", stopTimeout = 300 },\n  ]\n}\n";
    let task = "resource \"aws_ecs_task_definition\" \"web\" {\n  requires_compatibilities = [\"FARGATE\"]\n  container_definitions = \
                jsonencode(local.containers)\n}\n";
    let report = check_all(&[("task.tf", task), ("locals.tf", definitions)]);
    assert!(is_found(&report));
    let place = report.active().next().unwrap().place().unwrap();
    assert_eq!((report.sources.name(place), report.sources.position(place).line), ("locals.tf", 3));
}

#[test]
fn values_that_repeat_each_other_end_quickly() {
    let mut text = "locals {\n  a0 = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..30 {
        let names = vec![format!("local.a{}", level - 1); 10].join(", ");
        text.push_str(&format!("  a{level} = [{names}]\n"));
    }
    text.push_str("}\n");
    let report = check_all(&[("main.tf", &(text + &task("local.a29")))]);
    assert!(!is_found(&report));
}

#[test]
fn what_rests_on_the_default_of_a_variable_is_a_warning_that_says_so() {
    let variable = "variable \"stop\" {\n  default = 300\n}\n";
    for (timeout, values, is_assumed) in [
        ("300", "", false),
        ("local.stop", "locals {\n  stop = 300\n}\n", false),
        ("var.stop", variable, true),
        ("local.stop", &format!("locals {{\n  stop = var.stop\n}}\n{variable}"), true),
        ("local.all.stop", &format!("locals {{\n  all = {{ stop = var.stop }}\n}}\n{variable}"), true),
        ("var.all.stop", "variable \"all\" {\n  default = { stop = 300 }\n}\n", true),
    ] {
        let report = check_all(&[("main.tf", &task(timeout)), ("values.tf", values)]);
        let found = report.active().find(|finding| finding.rule.id == "E001").unwrap();
        let name = if timeout == "var.all.stop" { "var.all" } else { "var.stop" };
        let is_noted = found.notes.iter().any(|note| note.starts_with(&format!("{name} has its default")));
        let severity = if is_assumed { Severity::Warning } else { Severity::Error };
        assert_eq!(
            (found.severity, is_noted),
            (severity, is_assumed),
            "{timeout}\n{values}{}",
            shown(&report)
        );
    }
    // Whole containers, and an error of which one value of two is a default.
    let containers = "variable \"containers\" {\n  default = [{ name = \"web\", image = \"web\", stopTimeout = 300 }]\n}\n";
    let whole = task("1").replace("[{ name = \"web\", image = \"web\", stopTimeout = 1 }]", "var.containers");
    let severity = |text: &str| check_text("main.tf", text).active().map(|finding| finding.severity).max();
    assert_eq!(severity(&format!("{whole}{containers}")), Some(Severity::Warning));
    let service = |most: &str| {
        format!(
            "resource \"aws_ecs_service\" \"web\" {{\n  desired_count = 1\n  deployment_minimum_healthy_percent = 100\n  \
             deployment_maximum_percent = {most}\n}}\nvariable \"most\" {{\n  default = 100\n}}\n"
        )
    };
    assert_eq!(severity(&service("100")), Some(Severity::Error));
    assert_eq!(severity(&service("var.most")), Some(Severity::Warning));
}

/// The defaults of parameters and variables of other formats are not used at all.
#[test]
fn defaults_of_parameters_of_other_formats_are_not_values() {
    let template = "Parameters:\n  Stop: {Type: Number, Default: 300}\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    \
                    Properties:\n      RequiresCompatibilities: [FARGATE]\n      ContainerDefinitions: [{Name: web, Image: web, \
                    StopTimeout: !Ref Stop}]\n";
    let job = "variable \"kill\" {\n  default = \"20m\"\n}\njob \"a\" {\n  group \"a\" {\n    task \"a\" {\n      driver = \
               \"docker\"\n      kill_timeout = var.kill\n    }\n  }\n}\n";
    for (name, text, literal) in
        [("template.yaml", template, ("!Ref Stop", "300")), ("a.nomad.hcl", job, ("var.kill", "\"20m\""))]
    {
        assert_eq!(ids(&check_text(name, text)), [""; 0], "{text}");
        assert!(!ids(&check_text(name, &text.replace(literal.0, literal.1))).is_empty(), "{text}");
    }
}

#[test]
fn a_note_says_what_of_the_containers_is_not_read() {
    let task = |definitions: &str| {
        let text = format!(
            "variable \"t\" {{}}\nresource \"aws_ecs_task_definition\" \"api\" {{\n  family = \"api\"\n  container_definitions = {definitions}\n}}\n"
        );
        let report = check_text("main.tf", &text);
        report.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("\n")
    };
    let computed = task("<<-EOT\n  [{\"name\": \"api\", \"stopTimeout\": ${var.t}}]\n  EOT");
    assert!(computed.contains("are not read: `${var.t}` in their JSON"), "{computed}");
    let broken = task("<<-EOT\n  [{\"name\": }]\n  EOT");
    assert!(broken.contains("are not read: their text is no list in JSON"), "{broken}");
    let elsewhere = task("file(\"a.json\")");
    assert!(elsewhere.contains("are not in the file: `file("), "{elsewhere}");
}
