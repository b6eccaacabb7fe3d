//! Which pods a Service or a disruption budget is about.

use crate::common::{check_text, ids, shown};

fn with(object: &str) -> ebbtide_check::Report {
    check_text(
        "api.yaml",
        &format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api, namespace: shop}}\nspec:\n  replicas: 2\n  strategy: {{type: Recreate}}\n  \
             template:\n    metadata: {{labels: {{app: api}}}}\n    spec: {{containers: [{{name: api, image: api}}]}}\n---\n{object}"
        ),
    )
}

/// Kubernetes ignores the selector of a Service that is a name of DNS.
#[test]
fn a_service_of_type_external_name_leads_to_no_pod() {
    let service = |kind: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: api, namespace: shop}}\nspec: {{type: {kind}, externalName: a.example, selector: {{app: api}}}}\n"
        )
    };
    assert!(ids(&with(&service("ClusterIP"))).contains(&"K016"));
    let report = with(&service("ExternalName"));
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
}

#[test]
fn a_disruption_budget_with_an_empty_selector_is_about_every_pod() {
    for (version, selector, is_about) in [
        ("policy/v1", "{}", true),
        ("policy/v1", "{matchLabels: {}}", true),
        ("policy/v1", "{matchLabels: {}, matchExpressions: []}", true),
        ("policy/v1", "{matchExpressions: []}", true),
        ("policy/v1", "{matchLabels: {app: api}}", true),
        ("policy/v1", "{matchLabels: {app: other}}", false),
        ("policy/v1", "{matchExpressions: [{key: app, operator: Exists}]}", true),
        ("policy/v1", "{matchExpressions: [{key: app, operator: DoesNotExist}]}", false),
        ("policy/v1", "{matchExpressions: [{key: tier, operator: DoesNotExist}]}", true),
        ("policy/v1", "{matchExpressions: [{key: app, operator: In, values: [api]}]}", true),
        ("policy/v1", "{matchExpressions: [{key: app, operator: In, values: [web, api]}]}", true),
        ("policy/v1", "{matchExpressions: [{key: app, operator: In, values: [web]}]}", false),
        ("policy/v1", "{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", true),
        ("policy/v1", "{matchExpressions: [{key: app, operator: NotIn, values: [api]}]}", false),
        ("policy/v1", "{matchExpressions: [{key: app, operator: In, values: ['${APP}']}]}", false),
        ("policy/v1", "{matchExpressions: [{key: app, operator: NotIn, values: ['${APP}']}]}", false),
        ("policy/v1", "{matchExpressions: [{key: app, operator: Near, values: [api]}]}", false),
        ("policy/v1", "{matchLabels: {app: web}, matchExpressions: [{key: app, operator: Exists}]}", false),
        ("policy/v1", "{matchLabels: {app: api}, matchExpressions: [{key: tier, operator: Exists}]}", false),
        ("policy/v1", "{matchLabel: {app: api}}", false),
        ("policy/v1beta1", "{matchExpressions: [{key: app, operator: Exists}]}", true),
        ("policy/v1", "~", false),
        ("policy/v1", "\"${SELECTOR}\"", false),
        // There an empty one is about none.
        ("policy/v1beta1", "{}", false),
    ] {
        let report = with(&format!(
            "apiVersion: {version}\nkind: PodDisruptionBudget\nmetadata: {{name: all, namespace: shop}}\nspec: {{maxUnavailable: 0, selector: {selector}}}\n"
        ));
        assert_eq!(ids(&report).contains(&"K028"), is_about, "{version} {selector}\n{}", shown(&report));
    }
    let other = with(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: all, namespace: other}\nspec: {maxUnavailable: 0, selector: {}}\n",
    );
    assert_eq!(ids(&other), [""; 0], "{}", shown(&other));
}
