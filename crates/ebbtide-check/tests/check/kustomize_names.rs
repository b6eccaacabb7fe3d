//! The names that kustomizations give.

use ebbtide_check::Report;

use crate::common::{check_all, ids, shown};

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, annotations: {ebbtide.dev/drain: 40s}}\nspec:\n  replicas: 1\n  \
                          template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      - {name: api, image: api, ports: [{containerPort: \
                          80}]}\n      - {name: other, image: other}\n";
const BASE: &str = "resources: [d.yaml]\nnamePrefix: base-\n";

fn patch(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {{spec: {{terminationGracePeriodSeconds: 60}}}}}}\n"
    )
}

/// Returns the titles of what K001 finds.
fn overrun(report: &Report) -> Vec<String> {
    let found = report.active().filter(|finding| finding.rule.id == "K001");
    found.map(|finding| finding.subject.split(" (").next().unwrap().to_owned()).collect()
}

fn layered(overlay: &str, patched: &str) -> Report {
    let patch = patch(patched);
    check_all(&[
        ("base/kustomization.yaml", BASE),
        ("base/d.yaml", DEPLOYMENT),
        ("prod/kustomization.yaml", overlay),
        ("prod/patch.yaml", &patch),
    ])
}

#[test]
fn a_finding_has_the_name_that_the_last_kustomization_gives() {
    let plain = "resources: [../base]\nnamePrefix: prod-\nnameSuffix: -v2\n";
    let report = layered(plain, "api");
    assert_eq!(overrun(&report), ["Deployment prod-base-api-v2"], "{}", shown(&report));
    let alone = [("base/kustomization.yaml", BASE), ("base/d.yaml", DEPLOYMENT)];
    assert_eq!(overrun(&check_all(&alone)), ["Deployment base-api"]);
    assert_eq!(overrun(&check_all(&alone[1..])), ["Deployment api"]);
    // Which of two names it has depends on the environment.
    let other = ("dev/kustomization.yaml", "resources: [../base]\nnamePrefix: dev-\n");
    let both = [alone[0], alone[1], ("prod/kustomization.yaml", plain), other];
    assert_eq!(overrun(&check_all(&both)), ["Deployment api"]);
}

/// kustomize finds a resource by each name that it has had, and patches before it changes the names.
#[test]
fn a_patch_names_a_resource_as_the_layers_below_it_do() {
    let overlay = "resources: [../base]\nnamePrefix: prod-\npatches: [{path: patch.yaml}]\n";
    for (name, is_patched) in
        [("api", true), ("base-api", true), ("prod-base-api", false), ("prod-api", false), ("other", false)]
    {
        let report = layered(overlay, name);
        let expected = if is_patched { &[][..] } else { &["Deployment prod-base-api"] };
        assert_eq!(overrun(&report), expected, "{name}\n{}", shown(&report));
    }
    let json = |name: &str| {
        format!(
            "resources: [../base]\nnamePrefix: prod-\npatchesJson6902:\n- target: {{kind: Deployment, name: {name}}}\n  patch: |\n    - {{op: add, path: \
             /spec/template/spec/terminationGracePeriodSeconds, value: 60}}\n"
        )
    };
    assert_eq!(overrun(&layered(&json("prod-base-api"), "x")), [""; 0], "after the names are changed");
    assert_eq!(overrun(&layered(&json("prod-api"), "x")), ["Deployment prod-base-api"]);
    // A patch of the base does not know the names of what is above it.
    let report = check_all(&[
        ("base/kustomization.yaml", "resources: [d.yaml]\npatches: [{path: patch.yaml}]\n"),
        ("base/d.yaml", DEPLOYMENT),
        ("base/patch.yaml", &patch("prod-api")),
        ("prod/kustomization.yaml", "resources: [../base]\nnamePrefix: prod-\n"),
    ]);
    assert_eq!(overrun(&report), ["Deployment prod-api"], "{}", shown(&report));
}

#[test]
fn what_refers_to_a_workload_by_its_name_is_joined_and_renamed() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: api}}\n---\napiVersion: networking.k8s.io/v1\nkind: \
                   Ingress\nmetadata: {name: web}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: budget}\nspec: {minAvailable: 9, selector: \
                   {matchLabels: {app: api}}}\n";
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: api}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: \
               Deployment, name: NAME}\n  minReplicas: 3\n  maxReplicas: 9\n";
    let check = |kustomization: &str, scaled: &str| {
        let hpa = hpa.replace("NAME", scaled);
        let files = [
            ("k/d.yaml", DEPLOYMENT),
            ("k/s.yaml", service),
            ("k/h.yaml", &hpa),
            ("k/kustomization.yaml", kustomization),
        ];
        let report = check_all(&files);
        (ids(&report).contains(&"K015"), shown(&report))
    };
    let resources = "resources: [d.yaml, s.yaml, h.yaml]\n";
    let prefix = format!("{resources}namePrefix: prod-\n");
    for name in ["api", "prod-api"] {
        let (is_alone, shown) = check(&prefix, name);
        assert!(
            !is_alone && shown.contains("Ingress prod-web") && shown.contains("prod-budget"),
            "{name}\n{shown}"
        );
    }
    let (is_alone, shown) = check(resources, "api");
    assert!(!is_alone && shown.contains("Ingress web") && !shown.contains("prod-budget"), "{shown}");
    assert!(check(&prefix, "web").0 == check(resources, "web").0);
}
