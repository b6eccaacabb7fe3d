//! What kustomizations add to everything that they are made of, and what is deployed together because of that.

use ebbtide_check::{Report, Severity};

use crate::common::{check_all, ids, shown};

/// A Deployment and the Service that leads to it, with these labels and this selector.
fn orders(labels: &str, selector: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: orders}}\nspec:\n  replicas: 2\n  strategy: {{type: Recreate}}\n  template:\n    metadata: \
         {{labels: {{{labels}}}}}\n    spec: {{containers: [{{name: orders, image: orders}}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: \
         orders}}\nspec: {{{selector}ports: [{{port: 80}}]}}\n"
    )
}

const INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: orders}\nspec: {defaultBackend: {service: {name: orders}}}\n";

/// Returns the severity of K005, which depends on what leads to the pods.
fn severity(report: &Report) -> Option<Severity> {
    report.active().find(|finding| finding.rule.id == "K005").map(|finding| finding.severity)
}

#[test]
fn labels_with_selectors_are_added_to_pods_and_to_services() {
    let checked = |kustomization: &str, labels: &str, selector: &str| {
        let kustomization = format!("resources: [all.yaml]\n{kustomization}\n");
        check_all(&[("k/kustomization.yaml", &kustomization), ("k/all.yaml", &orders(labels, selector))])
    };
    for (kustomization, labels, selector, is_selected) in [
        ("labels: [{pairs: {app: orders}, includeSelectors: true}]", "", "", true),
        ("commonLabels: {app: orders}", "", "", true),
        ("labels: [{pairs: {tier: a}}, {pairs: {app: orders}, includeSelectors: true}]", "", "", true),
        ("commonLabels: {app: orders}", "app: web", "selector: {app: site}, ", true),
        ("commonLabels: {tier: a}", "app: web", "selector: {app: web}, ", true),
        ("labels: [{pairs: {app: orders}, includeTemplates: true}]", "", "selector: {app: orders}, ", true),
        // Labels of the objects alone, and a Service that selects nothing or other pods.
        ("labels: [{pairs: {app: orders}}]", "", "", false),
        ("labels: [{pairs: {app: orders}}]", "", "selector: {app: orders}, ", false),
        ("labels: [{pairs: {app: orders}, includeTemplates: true}]", "", "", false),
        ("commonLabels: {tier: a}", "app: web", "selector: {app: site}, ", false),
        ("", "", "", false),
    ] {
        let report = checked(kustomization, labels, selector);
        assert_eq!(
            ids(&report).contains(&"K016"),
            is_selected,
            "{kustomization} {labels} {selector}\n{}",
            shown(&report)
        );
    }
    let text = orders("", "type: LoadBalancer, ");
    let files =
        [("kustomization.yaml", "resources: [all.yaml]\ncommonLabels: {app: orders}\n"), ("all.yaml", &text)];
    assert_eq!(severity(&check_all(&files)), Some(Severity::Warning));
    assert_eq!(severity(&check_all(&files[1..])), None);
}

#[test]
fn an_overlay_leads_to_the_pods_of_its_base() {
    let base = orders("app: orders", "selector: {app: orders}, ");
    let checked = |overlay: &str, ingress: &str| {
        let overlay = format!("resources: [../base, ingress.yaml]\n{overlay}\n");
        severity(&check_all(&[
            ("base/all.yaml", &base),
            ("base/kustomization.yaml", "resources: [all.yaml]\nnamespace: shop\n"),
            ("prod/ingress.yaml", ingress),
            ("prod/kustomization.yaml", &overlay),
        ]))
    };
    let own = INGRESS.replace("name: orders}\n", "name: orders, namespace: shop}\n");
    let other = own.replace("shop", "other");
    assert_eq!(checked("namespace: prod", INGRESS), Some(Severity::Warning));
    assert_eq!(checked("namespace: prod", &other), Some(Severity::Warning));
    assert_eq!(checked("", &own), Some(Severity::Warning));
    // It is not known which namespace the overlay's objects have, or it is another one.
    assert_eq!(checked("", INGRESS), Some(Severity::Info));
    assert_eq!(checked("", &other), Some(Severity::Info));
    assert_eq!(
        checked("namespace: prod", &INGRESS.replace("service: {name: orders}", "service: {name: web}")),
        Some(Severity::Info)
    );
    // Without the kustomizations the folders are two applications.
    let files = [("base/all.yaml", &*base), ("prod/ingress.yaml", INGRESS)];
    assert_eq!(severity(&check_all(&files)), Some(Severity::Info));
}

/// A finding is about every environment, so that what one of them has alone is no reason for it.
#[test]
fn what_each_overlay_has_leads_to_the_pods_of_the_base() {
    let base = orders("app: orders", "selector: {app: orders}, ");
    let overlay = |namespace: &str| format!("namespace: {namespace}\nresources: [../base, ingress.yaml]\n");
    let (dev, prod) = (overlay("dev"), overlay("prod"));
    let checked = |dev: &str, of_dev: &str, of_prod: &str| {
        severity(&check_all(&[
            ("base/all.yaml", &base),
            ("base/kustomization.yaml", "resources: [all.yaml]\n"),
            ("dev/ingress.yaml", of_dev),
            ("dev/kustomization.yaml", dev),
            ("prod/ingress.yaml", of_prod),
            ("prod/kustomization.yaml", &prod),
        ]))
    };
    let alb = INGRESS.replace("spec: {", "spec: {ingressClassName: alb, ");
    assert_eq!(checked(&dev, INGRESS, INGRESS), Some(Severity::Warning));
    assert_eq!(checked(&dev, &alb, INGRESS), Some(Severity::Info));
    assert_eq!(checked("namespace: dev\nresources: [../base]\n", INGRESS, INGRESS), Some(Severity::Info));
    // Both are parts of one: the namespaces keep them apart.
    let all = |dev: &str| {
        severity(&check_all(&[
            ("base/all.yaml", &base),
            ("base/kustomization.yaml", "resources: [all.yaml]\n"),
            ("dev/kustomization.yaml", dev),
            ("dev/ingress.yaml", INGRESS),
            ("prod/kustomization.yaml", &prod),
            ("prod/ingress.yaml", INGRESS),
            ("kustomization.yaml", "resources: [dev, prod]\n"),
        ]))
    };
    assert_eq!(all(&dev), Some(Severity::Warning));
    assert_eq!(all("namespace: dev\nresources: [../base]\n"), Some(Severity::Info));
}

/// Each level doubles the results, and a kustomization may name itself.
#[test]
fn kustomizations_of_many_results_are_left_out() {
    let text = orders("", "");
    let mut files = vec![
        ("k0/all.yaml".to_owned(), text),
        ("k0/kustomization.yaml".to_owned(), "resources: [all.yaml]\ncommonLabels: {app: a}\n".to_owned()),
    ];
    for level in 1..40 {
        let inner = level - 1;
        for copy in ["", "b"] {
            files.push((
                format!("k{level}{copy}/kustomization.yaml"),
                format!("resources: [../k{inner}, ../k{inner}b]\n"),
            ));
        }
    }
    files.push(("k0b/kustomization.yaml".to_owned(), "resources: [../k0, ../k0b]\n".to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(ids(&check_all(&files)), [""; 0]);
}
