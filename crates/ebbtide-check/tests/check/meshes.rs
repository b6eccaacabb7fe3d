//! What annotations say of the proxy of a mesh: whether there is one, and how long it drains.

use crate::common::{check_text, ids, shown};

/// A Deployment with annotations and labels of its pods, and containers.
fn deployment(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: rates}}\nspec:\n  template:\n    metadata: {{{metadata}}}\n    spec: {{{spec}}}\n"
    )
}

const ONE: &str = "containers: [{name: rates, image: x/rates}]";

/// The injected container would be killed at 30 s; without an injection there is none.
#[test]
fn the_wait_of_a_proxy_that_is_not_injected_is_none() {
    let istio = "proxy.istio.io/config: 'terminationDrainDuration: 45s'";
    let linkerd = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds: '45'";
    for (metadata, is_injected) in [
        (format!("annotations: {{{istio}}}"), true),
        (format!("annotations: {{{linkerd}}}"), true),
        (format!("annotations: {{sidecar.istio.io/inject: 'true', {istio}}}"), true),
        (format!("annotations: {{sidecar.istio.io/inject: 'false', {istio}}}"), false),
        (format!("annotations: {{{istio}}}, labels: {{sidecar.istio.io/inject: 'false'}}"), false),
        (
            format!(
                "annotations: {{sidecar.istio.io/inject: 'false', {istio}}}, labels: {{sidecar.istio.io/inject: 'true'}}"
            ),
            true,
        ),
        (format!("annotations: {{sidecar.istio.io/inject: '${{INJECT}}', {istio}}}"), false),
        (format!("annotations: {{linkerd.io/inject: enabled, {linkerd}}}"), true),
        (format!("annotations: {{linkerd.io/inject: ingress, {linkerd}}}"), true),
        (format!("annotations: {{linkerd.io/inject: disabled, {linkerd}}}"), false),
        // Each mesh has its own switch.
        (format!("annotations: {{linkerd.io/inject: disabled, {istio}}}"), true),
    ] {
        let report = check_text("rates.yaml", &deployment(&metadata, ONE));
        let expected: &[&str] = if is_injected { &["K021"] } else { &[] };
        assert_eq!(ids(&report), expected, "{metadata}\n{}", shown(&report));
    }
    let own = "containers: [{name: istio-proxy, image: 'istio/proxyv2:1.26'}]";
    let metadata = format!("annotations: {{sidecar.istio.io/inject: 'false', {istio}}}");
    assert_eq!(ids(&check_text("own.yaml", &deployment(&metadata, own))), ["K021"]);
}

/// The injector sees the pods alone.
#[test]
fn the_annotations_of_a_controller_configure_no_proxy() {
    let controller = |annotation: &str, of_pods: &str| {
        let text = deployment(of_pods, ONE);
        let named = format!("metadata: {{name: rates, annotations: {{{annotation}}}}}");
        ids(&check_text("rates.yaml", &text.replace("metadata: {name: rates}", &named)))
    };
    let istio = "proxy.istio.io/config: 'terminationDrainDuration: 45s'";
    let of_pods = format!("annotations: {{{istio}}}");
    let off = "sidecar.istio.io/inject: 'false'";
    assert_eq!(controller(istio, ""), [""; 0]);
    assert_eq!(controller("a: b", &of_pods), ["K021"]);
    assert_eq!(controller(off, &of_pods), ["K021"]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: rates, annotations: {";
    assert_eq!(ids(&check_text("pod.yaml", &format!("{pod}{istio}}}}}\nspec: {{{ONE}}}\n"))), ["K021"]);
}

#[test]
fn a_proxy_of_istio_drains_as_the_annotation_configures_it() {
    let found = |config: &str, spec: &str| {
        let metadata = format!("annotations: {{ebbtide.dev/drain: 20s, proxy.istio.io/config: '{config}'}}");
        let mut found = ids(&check_text("rates.yaml", &deployment(&metadata, spec)));
        found.sort_unstable();
        found
    };
    let proxy = "name: istio-proxy, image: 'istio/proxyv2:1.26'";
    let beside = format!(
        "terminationGracePeriodSeconds: 60, containers: [{{name: rates, image: x, ports: [{{containerPort: 80}}]}}, {{{proxy}}}]"
    );
    let native = format!(
        "terminationGracePeriodSeconds: 30, initContainers: [{{{proxy}, restartPolicy: Always}}], containers: [{{name: rates, image: x}}]"
    );
    for (config, beside_ids, native_ids) in [
        ("", &["K019"][..], &[][..]),
        ("concurrency: 2", &["K019"], &[]),
        ("# terminationDrainDuration: 40s", &["K019"], &[]),
        ("terminationDrainDuration: 40s", &[], &["K020", "K021"]),
        ("{\"terminationDrainDuration\": \"20s\"}", &[], &["K020"]),
        ("terminationDrainDuration: 8s", &["K019"], &[]),
        ("terminationDrainDuration: 9s", &["K019"], &["K020"]),
        // Not known.
        ("terminationDrainDuration: ${DRAIN}", &[], &[]),
        ("terminationDrainDuration: [", &[], &[]),
        // It waits for its connections, from 5 s on, instead.
        ("proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\"}", &[], &[]),
        (
            "{terminationDrainDuration: 40s, proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\"}}",
            &[],
            &[],
        ),
        (
            "proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\", MINIMUM_DRAIN_DURATION: 15s}",
            &[],
            &["K020"],
        ),
        ("proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"false\"}", &["K019"], &[]),
    ] {
        assert_eq!(found(config, &beside), beside_ids, "{config}");
        assert_eq!(found(config, &native), native_ids, "{config}");
    }
}

/// The injection writes the configuration into a variable of the container.
#[test]
fn a_proxy_of_istio_drains_as_the_variable_of_its_container_configures_it() {
    let found = |variable: &str, annotation: &str| {
        let proxy = format!("name: istio-proxy, image: 'istio/proxyv2:1.26', env: [{variable}]");
        let beside = format!(
            "terminationGracePeriodSeconds: 60, containers: [{{name: rates, image: x, ports: [{{containerPort: 80}}]}}, {{{proxy}}}]"
        );
        let native = format!(
            "terminationGracePeriodSeconds: 30, initContainers: [{{{proxy}, restartPolicy: Always}}], containers: [{{name: rates, image: x}}]"
        );
        let metadata = format!("annotations: {{ebbtide.dev/drain: 20s{annotation}}}");
        [beside, native].map(|spec| ids(&check_text("rates.yaml", &deployment(&metadata, &spec))))
    };
    let with = |config: &str| found(&format!("{{name: PROXY_CONFIG, value: '{config}'}}"), "");
    let is_default = [vec!["K019"], vec![]];
    let nothing = [vec![], vec![]];
    let drains = [vec![], vec!["K020"]];
    for (config, expected) in [
        ("", &is_default),
        ("{}", &is_default),
        ("{\"concurrency\":2}", &is_default),
        ("{\"terminationDrainDuration\":\"30s\"}", &drains),
        ("terminationDrainDuration: 30s", &drains),
        ("{\"terminationDrainDuration\":\"$(DRAIN)\"}", &nothing),
        ("{\"terminationDrainDuration\":", &nothing),
        ("{\"proxyMetadata\":{\"EXIT_ON_ZERO_ACTIVE_CONNECTIONS\":\"true\"}}", &nothing),
    ] {
        assert_eq!(&with(config), expected, "{config}");
    }
    assert_eq!(found("{name: PROXY_CONFIG, valueFrom: {secretKeyRef: {name: a, key: b}}}", ""), nothing);
    assert_eq!(found("{name: OTHER, value: 'terminationDrainDuration: 30s'}", ""), is_default);
    // The agent reads the annotation after the variable.
    let own = "{name: PROXY_CONFIG, value: 'terminationDrainDuration: 30s'}";
    assert_eq!(found(own, ", proxy.istio.io/config: 'terminationDrainDuration: 6s'"), is_default);
    assert_eq!(found(own, ", proxy.istio.io/config: 'concurrency: 2'")[0], [""; 0]);
}
