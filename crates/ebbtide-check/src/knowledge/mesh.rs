//! What the annotations, the labels and the proxy container of a pod say of the proxy of its mesh.

use std::time::Duration;

use crate::input::{Place, SourceId};
use crate::model::{Annotation, Container, Workload, go_duration, is_variable, seconds};
use crate::tree::{Node, Parsed, parse_yaml};

/// Istio's configuration of one proxy, in YAML.
const ISTIO: &str = "proxy.istio.io/config";
/// The variable of the proxy's container that has it too: the injection writes it.
const ISTIO_VARIABLE: &str = "PROXY_CONFIG";
/// Whether Istio injects a proxy: an annotation, or a label, which counts more.
const ISTIO_INJECT: &str = "sidecar.istio.io/inject";
/// Linkerd's wait, in seconds.
const LINKERD: &str = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds";
/// Whether Linkerd injects a proxy.
const LINKERD_INJECT: &str = "linkerd.io/inject";

/// How long Istio's proxy drains by default. With EXIT_ON_ZERO_ACTIVE_CONNECTIONS it is the least time before it looks for connections.
const ISTIO_DRAIN: Duration = seconds(5);

/// What Istio's proxy does after SIGTERM.
pub(crate) struct IstioStop {
    /// How long it drains at least; nothing if that is not known.
    pub(crate) drain: Option<Duration>,
    /// Whether it then waits until its connections are closed.
    pub(crate) waits_for_connections: bool,
}

/// Returns whether a container is Istio's proxy.
pub(crate) fn is_istio_proxy(container: &Container) -> bool {
    container.image_name() == Some("proxyv2")
}

/// Returns what Istio's proxy of a pod does after SIGTERM: its container, if the file has one, and the annotation configure it. Of a setting that
/// both have, the agent of the proxy takes that of the annotation.
pub(crate) fn istio_stop(workload: &Workload, proxy: Option<&Container>) -> IstioStop {
    let of_pod = annotation(workload, ISTIO).map(|own| (own.place.source, Some(own.value.as_str())));
    let own = proxy.and_then(|proxy| proxy.variables.iter().rev().find(|own| own.name == ISTIO_VARIABLE));
    let own = own.map(|own| (own.place.source, own.value.as_deref()));
    let configs: Option<Vec<Parsed>> =
        of_pod.into_iter().chain(own).map(|(source, text)| config(source, text?)).collect();
    match configs {
        Some(configs) => stop_of(&configs, proxy),
        None => IstioStop { drain: None, waits_for_connections: true },
    }
}

/// Parses a configuration of a proxy. `None`: it cannot be read.
fn config(source: SourceId, text: &str) -> Option<Parsed> {
    let parsed = parse_yaml(source, text);
    (parsed.documents.len() <= 1 && parsed.errors.is_empty()).then_some(parsed)
}

/// Of the configurations an earlier one counts more.
fn stop_of(configs: &[Parsed], proxy: Option<&Container>) -> IstioStop {
    let written = |path: &[&str]| {
        configs.iter().flat_map(|config| &config.documents).find_map(|document| document.root.at(path))
    };
    let setting = |name: &str| {
        let of_container = proxy.and_then(|proxy| proxy.variables.iter().rev().find(|own| own.name == name));
        let of_metadata = || written(&["proxyMetadata", name])?.text();
        of_container.map(|own| own.value.as_deref()).or_else(|| of_metadata().map(Some))
    };
    // A value that is not known may be true.
    let may_be_true = |value: Option<&str>| {
        value.is_none_or(|value| {
            is_variable(value) || ["1", "t", "true"].contains(&&*value.to_ascii_lowercase())
        })
    };
    let waits_for_connections = setting("EXIT_ON_ZERO_ACTIVE_CONNECTIONS").is_some_and(may_be_true);
    let drain = if waits_for_connections {
        setting("MINIMUM_DRAIN_DURATION")
    } else {
        written(&["terminationDrainDuration"]).map(Node::text)
    };
    let drain = drain.map_or(Some(ISTIO_DRAIN), |drain| go_duration(drain?));
    IstioStop { drain, waits_for_connections }
}

/// Returns the waits of the proxies that a mesh injects into a pod, as annotations declare them, and where.
pub(crate) fn mesh_waits(workload: &Workload) -> impl Iterator<Item = (Duration, Place)> {
    let linkerd = annotation(workload, LINKERD).filter(|_| has_linkerd(workload));
    let linkerd = linkerd.and_then(|own| Some((own.value.trim().parse().ok().map(seconds)?, own.place)));
    let istio = annotation(workload, ISTIO).filter(|_| has_istio(workload));
    let istio = istio.and_then(|own| {
        let proxy = workload.running().find(|container| is_istio_proxy(container));
        let stop = istio_stop(workload, proxy);
        Some((stop.drain.filter(|_| !stop.waits_for_connections)?, own.place))
    });
    linkerd.into_iter().chain(istio)
}

/// Returns whether a pod may have a proxy of Istio: its own, or one that is injected. The namespace of a pod that says nothing decides.
fn has_istio(workload: &Workload) -> bool {
    let label = workload.labels.iter().find(|(key, _)| key == ISTIO_INJECT).map(|(_, value)| value);
    let said = label.or_else(|| annotation(workload, ISTIO_INJECT).map(|own| &own.value));
    let is_injected =
        said.is_none_or(|said| ["", "y", "yes", "true", "on"].contains(&&*said.to_ascii_lowercase()));
    is_injected || workload.running().any(is_istio_proxy)
}

/// Returns whether Linkerd may inject its proxy, with a hook for the wait.
fn has_linkerd(workload: &Workload) -> bool {
    let said = annotation(workload, LINKERD_INJECT);
    said.is_none_or(|said| ["enabled", "ingress"].contains(&&*said.value))
}

/// Returns an annotation of the pods. A mesh does not read those of their controller.
fn annotation<'w>(workload: &'w Workload, key: &str) -> Option<&'w Annotation> {
    let of_pods = workload.annotations.get(workload.of_controller..).unwrap_or_default();
    of_pods.iter().rev().find(|annotation| annotation.key == key)
}
