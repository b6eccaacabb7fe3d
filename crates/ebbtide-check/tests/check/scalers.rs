//! What changes the number of instances: the number in the file of the workload is that of the first deploy.

use ebbtide_check::Severity;

use crate::common::{check_all, check_text, ids, shown};

/// A Deployment behind a Service, of which one pod may be missing.
fn deployment(replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n{replicas}  strategy: {{rollingUpdate: {{maxSurge: 0, \
         maxUnavailable: 1}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n      - {{name: web, image: \
         web, lifecycle: {{preStop: {{sleep: {{seconds: 10}}}}}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: \
         {{selector: {{app: web}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web}}\nspec: {{minAvailable: \
         2, selector: {{matchLabels: {{app: web}}}}}}\n"
    )
}

const HPA: &str = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: \
                   {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 3\n  maxReplicas: 9\n";
const KEDA: &str = "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {name: web}\n  \
                    minReplicaCount: 3\n";

fn found(files: &[(&str, &str)]) -> Vec<&'static str> {
    let report = check_all(files);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    let all = ids(&report);
    all.into_iter().filter(|id| ["K015", "K016", "K018", "K028"].contains(id)).collect()
}

#[test]
fn the_minimum_of_a_scaler_is_the_number_of_pods() {
    let one = deployment("  replicas: 1\n");
    let two = deployment("  replicas: 2\n");
    assert_eq!(found(&[("web.yaml", &one)]), ["K015", "K028"]);
    assert_eq!(found(&[("web.yaml", &two)]), ["K028"]);
    for scaler in [HPA, KEDA] {
        for text in [&one, &two, &deployment("")] {
            assert_eq!(found(&[("web.yaml", &format!("{text}{scaler}"))]), [""; 0], "{scaler}");
            assert_eq!(found(&[("web.yaml", text), ("scaler.yaml", scaler)]), [""; 0], "{scaler}");
        }
        // Fewer than the file says.
        let low = scaler.replace(": 3", ": 1");
        let report = check_text("web.yaml", &format!("{}{low}", deployment("  replicas: 5\n")));
        let outage = report.active().find(|finding| finding.rule.id == "K015").unwrap();
        let sum = outage.arithmetic.clone().unwrap();
        assert!(sum.starts_with("1 (minReplica") && sum.ends_with(") - 1 (maxUnavailable) = 0 < 1"), "{sum}");
        // A default, nothing at all, and a variable.
        for least in
            ["", "  minReplicaCount: 0\n", "  minReplicas: \"${MIN}\"\n  minReplicaCount: \"${MIN}\"\n"]
        {
            let lines = scaler.lines().filter(|line| !line.contains(": 3"));
            let other: String = lines.map(|line| format!("{line}\n")).collect();
            assert_eq!(found(&[("web.yaml", &format!("{one}{other}{least}"))]), [""; 0], "{other}{least}");
        }
    }
}

#[test]
fn a_scaler_of_another_workload_changes_nothing_and_one_that_may_be_of_this_makes_the_number_unknown() {
    let one = deployment("  replicas: 1\n");
    let both = ["K015", "K028"];
    for other in [
        HPA.replace("name: web}\n  min", "name: api}\n  min"),
        HPA.replace("kind: Deployment", "kind: StatefulSet"),
    ] {
        assert_eq!(found(&[("web.yaml", &format!("{one}{other}"))]), both, "{other}");
    }
    // An overlay.
    assert_eq!(found(&[("base/web.yaml", &one), ("prod/scaler.yaml", HPA)]), [""; 0]);
    let elsewhere = HPA.replace("{name: web}\nspec", "{name: web, namespace: b}\nspec");
    let here = one.replace("{name: web}", "{name: web, namespace: a}");
    assert_eq!(found(&[("web.yaml", &here), ("scaler.yaml", &elsewhere)]), both);
    // What has no pods is not scaled.
    let none = deployment("  replicas: 0\n")
        .replace("rollingUpdate: {maxSurge: 0, maxUnavailable: 1}", "type: Recreate");
    assert_eq!(found(&[("web.yaml", &format!("{none}{HPA}"))]), [""; 0]);
}

#[test]
fn an_autoscaler_of_terraform_is_read() {
    let text = |scaler: &str| {
        format!(
            "resource \"kubernetes_deployment_v1\" \"web\" {{\n  metadata {{\n    name = \"web\"\n  }}\n  spec {{\n    replicas = 1\n    \
             strategy {{\n      rolling_update {{\n        max_surge = \"0\"\n        max_unavailable = \"1\"\n      }}\n    }}\n    \
             template {{\n      metadata {{\n        labels = {{ app = \"web\" }}\n      }}\n      spec {{\n        container {{\n          \
             name = \"web\"\n        }}\n      }}\n    }}\n  }}\n}}\nresource \"kubernetes_service_v1\" \"web\" {{\n  metadata {{\n    name \
             = \"web\"\n  }}\n  spec {{\n    selector = {{ app = \"web\" }}\n  }}\n}}\n{scaler}"
        )
    };
    assert_eq!(found(&[("main.tf", &text(""))]), ["K015"]);
    for version in ["", "_v1", "_v2", "_v2beta2"] {
        let scaler = format!(
            "resource \"kubernetes_horizontal_pod_autoscaler{version}\" \"web\" {{\n  metadata {{\n    name = \"web\"\n  }}\n  spec {{\n    \
             min_replicas = 3\n    max_replicas = 9\n    scale_target_ref {{\n      kind = \"Deployment\"\n      name = \"web\"\n    }}\n  \
             }}\n}}\n"
        );
        assert_eq!(found(&[("main.tf", &text(&scaler))]), [""; 0], "{version}");
    }
}

#[test]
fn the_tasks_that_application_auto_scaling_counts_are_not_known() {
    let template = |scaler: &str| {
        let text = format!(
            "Resources:\n  Web:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: 1\n      DeploymentConfiguration: \
             {{MinimumHealthyPercent: 100, MaximumPercent: 150}}\n{scaler}"
        );
        ids(&check_text("template.yaml", &text)).contains(&"E008")
    };
    let target = |id: &str| {
        format!(
            "  Scaling:\n    Type: AWS::ApplicationAutoScaling::ScalableTarget\n    Properties: {{MinCapacity: 2, ResourceId: {id}}}\n"
        )
    };
    assert!(template(""));
    for id in ["!Sub \"service/shop/${Web.Name}\"", "!Join [/, [service, shop, !GetAtt Web.Name]]", "!Ref Id"]
    {
        assert!(!template(&target(id)), "{id}");
    }
    let other = "  Jobs:\n    Type: AWS::ECS::Service\n    Properties: {DesiredCount: 1}\n";
    assert!(template(&format!("{other}{}", target("!Sub \"service/shop/${Jobs.Name}\""))));
    let module = "resource \"aws_ecs_service\" \"web\" {\n  desired_count = 1\n  deployment_minimum_healthy_percent = 100\n  \
                  deployment_maximum_percent = 150\n}\n";
    let scaling = "resource \"aws_appautoscaling_target\" \"web\" {\n  min_capacity = 2\n  resource_id = \
                   \"service/${aws_ecs_cluster.main.name}/${aws_ecs_service.web.name}\"\n}\n";
    assert_eq!(ids(&check_text("main.tf", module)), ["E008"]);
    assert_eq!(ids(&check_all(&[("main.tf", module), ("scaling.tf", scaling)])), [""; 0]);
    assert_eq!(ids(&check_all(&[("a/main.tf", module), ("b/scaling.tf", scaling)])), ["E008"]);
}

/// The API server computes with what is written: percentages too.
#[test]
fn two_zeros_of_a_rollout_are_rejected_and_rounded_ones_are_an_outage() {
    let found = |amounts: &str, replicas: u32, is_routed: bool| {
        let all = deployment(&format!("  replicas: {replicas}\n"))
            .replace("maxSurge: 0, maxUnavailable: 1", amounts);
        let text = if is_routed { all } else { all.split("---").next().unwrap().to_owned() };
        let report = check_text("web.yaml", &text);
        let found = report.active().find(|finding| finding.rule.id == "K015");
        found.map(|finding| (finding.severity, finding.arithmetic.is_some()))
    };
    for zeros in [
        "maxSurge: 0, maxUnavailable: 0",
        "maxSurge: 0%, maxUnavailable: 0",
        "maxSurge: 0, maxUnavailable: \"0%\"",
    ] {
        for (replicas, is_routed) in [(1, true), (9, true), (1, false)] {
            assert_eq!(found(zeros, replicas, is_routed), Some((Severity::Error, false)), "{zeros}");
        }
    }
    assert_eq!(found("maxSurge: 0, maxUnavailable: 25%", 1, true), Some((Severity::Warning, true)));
    assert_eq!(found("maxSurge: 0, maxUnavailable: 25%", 1, false), None);
    assert_eq!(found("maxSurge: 1, maxUnavailable: 0", 1, true), None);
    assert_eq!(found("maxUnavailable: 0", 1, true), None);
    assert_eq!(found("maxSurge: 0, maxUnavailable: \"${N}\"", 1, true), None);
}
