//! The lame duck: from which files it is, and what it delays.

use ebbtide_check::{Options, Report, Severity, Sources, timelines};

use crate::common::{check_text, ids, shown};

/// A Deployment behind an Ingress, with these variables and annotations.
fn routed(variables: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop, annotations: {{{annotations}}}}}\nspec:\n  replicas: 3\n  \
         template:\n    metadata: {{labels: {{app: shop}}}}\n    spec:\n      containers:\n      - {{name: shop, image: shop, env: [{variables}]}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: shop}}\nspec: {{selector: {{app: shop}}, ports: [{{port: 80}}]}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: shop}}\nspec: {{defaultBackend: {{service: {{name: shop, port: {{number: 80}}}}}}}}\n"
    )
}

fn variable(name: &str, value: &str) -> String {
    format!("{{name: {name}, value: '{value}'}}")
}

fn delays(report: &Report) -> Vec<&'static str> {
    ids(report).into_iter().filter(|id| ["K005", "K006"].contains(id)).collect()
}

#[test]
fn the_variable_of_ebbtide_is_a_drain_delay() {
    for (value, expected) in [
        ("5s/1s/15s", &[][..]),
        ("20s", &[]),
        ("3s/1s/15s", &["K006"]),
        ("0s", &["K005"]),
        ("${LAME_DUCK}", &[]),
    ] {
        let report = check_text("shop.yaml", &routed(&variable("EBBTIDE_LAME_DUCK", value), ""));
        assert_eq!(delays(&report), expected, "{value}: {}", shown(&report));
    }
    assert_eq!(delays(&check_text("shop.yaml", &routed("", ""))), ["K005"]);
    assert_eq!(delays(&check_text("shop.yaml", &routed("", "ebbtide.dev/lame-duck: 0s"))), ["K005"]);
    let reference = "{name: EBBTIDE_LAME_DUCK, valueFrom: {configMapKeyRef: {name: a, key: b}}}";
    assert_eq!(delays(&check_text("shop.yaml", &routed(reference, ""))), [""; 0]);
}

/// The library's minimum on Kubernetes is 5 s: enough for an Ingress of nginx and too short for an ALB.
#[test]
fn a_service_of_ebbtide_has_the_default_of_the_library() {
    let text = routed(&variable("EBBTIDE_GRACE", "30s"), "");
    assert_eq!(delays(&check_text("shop.yaml", &text)), [""; 0]);
    let alb = text.replace(
        "kind: Ingress\nmetadata: {name: shop}\nspec: {",
        "kind: Ingress\nmetadata: {name: shop, annotations: {alb.ingress.kubernetes.io/target-type: ip}}\nspec: {ingressClassName: alb, ",
    );
    let report = check_text("shop.yaml", &alb);
    assert_eq!(delays(&report), ["K005"], "{}", shown(&report));
    assert!(
        shown(&report).contains("the program accepts for 5 s, the default of Ebbtide"),
        "{}",
        shown(&report)
    );
}

/// A program that still serves has not drained: the lame duck is the least drain.
#[test]
fn a_lame_duck_longer_than_the_grace_period_is_an_overrun() {
    let sum = |variables: &str, annotations: &str| {
        let report = check_text("shop.yaml", &routed(variables, annotations));
        let finding = report.active().find(|finding| finding.rule.id == "K001")?;
        assert_eq!(finding.severity, Severity::Error);
        finding.arithmetic.clone()
    };
    let limit = "(terminationGracePeriodSeconds, default)";
    let of_annotation = Some(format!("40 (drain, from the lame duck) + 2 (margin) = 42 > 30 {limit}"));
    assert_eq!(sum("", "ebbtide.dev/lame-duck: 40s"), of_annotation);
    assert_eq!(sum("", "ebbtide.dev/lame-duck: 40s, ebbtide.dev/drain: 10s"), of_annotation);
    assert_eq!(sum("", "ebbtide.dev/lame-duck: 28s"), None);
    assert_eq!(sum("", "ebbtide.dev/lame-duck: 10s, ebbtide.dev/drain: 28s"), None);
    let of_variable = Some(format!("40 (drain, from EBBTIDE_LAME_DUCK) + 2 (margin) = 42 > 30 {limit}"));
    assert_eq!(sum(&variable("EBBTIDE_LAME_DUCK", "5s/1s/40s"), ""), of_variable);
    let over_annotation = sum(&variable("EBBTIDE_LAME_DUCK", "40s"), "ebbtide.dev/drain: 10s");
    assert_eq!(over_annotation, of_annotation);
}

/// The sum is that of the library: 60 s less its margin of 5 s.
#[test]
fn the_grace_period_of_ebbtide_is_its_deadline_and_the_margin_of_the_check() {
    let sum = |grace: u32, variables: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\nspec:\n  terminationGracePeriodSeconds: {grace}\n  \
             containers:\n  - {{name: shop, image: shop, env: [{variables}]}}\n"
        );
        let report = check_text("pod.yaml", &text);
        report
            .active()
            .find(|finding| finding.rule.id == "K001")
            .map(|found| found.arithmetic.clone().unwrap())
    };
    let own = variable("EBBTIDE_GRACE", "60s");
    assert_eq!(sum(57, &own), None);
    let expected = "55 (drain, from EBBTIDE_GRACE less its margin) + 2 (margin) = 57 > 56 (terminationGracePeriodSeconds)";
    assert_eq!(sum(56, &own).as_deref(), Some(expected));
    let longer = format!("{own}, {}", variable("EBBTIDE_MARGIN", "20s"));
    assert_eq!((sum(42, &longer), sum(41, &longer).is_some()), (None, true));
}

#[test]
fn settings_with_which_the_service_would_not_start_are_reported() {
    for (variables, expected) in [
        (variable("EBBTIDE_LAME_DUCK", "1s/2s"), "expected DURATION or MIN/QUIET/MAX"),
        (
            format!("{}, {}", variable("EBBTIDE_GRACE", "30s"), variable("EBBTIDE_LAME_DUCK", "26s")),
            "invalid EBBTIDE_LAME_DUCK `26s`: 26 s does not fit in the 25 s that EBBTIDE_GRACE leaves",
        ),
    ] {
        let report = check_text("shop.yaml", &routed(&variables, ""));
        assert!(report.is_incomplete() && shown(&report).contains(expected), "{}", shown(&report));
    }
}

#[test]
fn a_task_of_nomad_and_one_of_ecs_have_the_lame_duck_of_their_variables() {
    let nomad = |value: &str, delay: &str| {
        format!(
            "job \"shop\" {{\n  group \"web\" {{\n    {delay}\n    service {{\n      name = \"web\"\n    }}\n    task \"api\" {{\n      driver = \"docker\"\n      kill_timeout = \"30s\"\n      env {{\n        EBBTIDE_LAME_DUCK = \"{value}\"\n      }}\n      config {{\n        image = \"shop\"\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    let found = |text: &str| ids(&check_text("shop.nomad", text)).contains(&"N004");
    assert!(!found(&nomad("10s", "")) && found(&nomad("1s", "")) && found(&nomad("0s", "")));
    assert!(
        !found(&nomad("2s", "shutdown_delay = \"3s\"")) && found(&nomad("1s", "shutdown_delay = \"3s\""))
    );
    let ecs = |value: &str| {
        format!(
            "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      \
             ContainerDefinitions: [{{Name: web, Image: web, StopTimeout: 60, Environment: [{{Name: EBBTIDE_LAME_DUCK, Value: {value}}}]}}]\n  \
             Service:\n    Type: AWS::ECS::Service\n    Properties:\n      TaskDefinition: !Ref Task\n      LoadBalancers: [{{ContainerName: web}}]\n      \
             CapacityProviderStrategy: [{{CapacityProvider: FARGATE_SPOT, Weight: 1}}]\n"
        )
    };
    let found = |value: &str| ids(&check_text("template.yaml", &ecs(value))).contains(&"E004");
    assert!(!found("20s") && found("5s"));
}

#[test]
fn the_time_axis_shows_the_lame_duck_of_the_variables() {
    let mut sources = Sources::new();
    let variables =
        format!("{}, {}", variable("EBBTIDE_GRACE", "30s"), variable("EBBTIDE_LAME_DUCK", "5s/1s/15s"));
    sources.add("shop.yaml", routed(&variables, ""));
    let all = timelines(sources, &Options::default()).all;
    let spans: Vec<_> =
        all[0].rows[0].spans.iter().map(|span| (span.kind.name(), span.end.as_secs())).collect();
    assert_eq!(spans, [("lame duck", 5), ("drain", 25), ("margin", 27)]);
}
