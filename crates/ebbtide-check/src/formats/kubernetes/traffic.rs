use std::time::Duration;

use super::scalar::name_place;
use crate::formats::times::{self, Form, Unreadable};
use crate::input::Place;
use crate::model::{Declared, RouteKind, seconds};
use crate::tree::Node;

/// The annotations with the attributes of target groups, and the attribute that is a time.
const ALB_ATTRIBUTES: &str = "alb.ingress.kubernetes.io/target-group-attributes";
const NLB_ATTRIBUTES: &str = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes";
const DEREGISTRATION: &str = "deregistration_delay.timeout_seconds=";

/// The annotation with the time between two health checks of a node.
const HEALTH_CHECK_INTERVAL: &str = "service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval";

/// A Service that may select pods.
#[derive(Debug)]
pub(crate) struct Service {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) place: Place,
    /// Without a pair it selects nothing, unless a kustomization adds some.
    pub(super) selector: Vec<(String, String)>,
    pub(super) kind: RouteKind,
    pub(super) deregistration: Option<Declared<Duration>>,
    pub(super) node_removal: Option<(Duration, Place)>,
}

/// An Ingress or a route of the Gateway API, and the Services that it names.
#[derive(Debug)]
pub(crate) struct Ingress {
    pub(super) namespace: Option<String>,
    /// What findings call it.
    pub(super) title: String,
    pub(super) place: Place,
    pub(super) services: Vec<String>,
    pub(super) kind: RouteKind,
    pub(super) deregistration: Option<Declared<Duration>>,
}

/// What a Namespace says about the pods in it.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(super) name: String,
    pub(super) has_readiness_gate: bool,
}

pub(super) fn service(object: &Node) -> Option<Service> {
    let spec = object.get("spec")?;
    // It is a name of DNS: Kubernetes ignores its selector.
    if spec.text_of("type") == Some("ExternalName") {
        return None;
    }
    let selector = match spec.get("selector") {
        Some(node) if node.entries().is_empty() => return None,
        selector => selector.map_or(&[][..], Node::entries),
    };
    // With a value that is not known it may select anything.
    let selector: Vec<_> = selector
        .iter()
        .map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned())))
        .collect::<Option<_>>()?;
    let kind = match spec.text_of("type") {
        Some("LoadBalancer") if is_nlb_with_ip_targets(object) => RouteKind::Nlb,
        Some("LoadBalancer") => RouteKind::LoadBalancer,
        Some("NodePort") => RouteKind::NodePort,
        _ => RouteKind::Cluster,
    };
    Some(Service {
        namespace: namespace(object),
        name: name(object)?,
        place: name_place(object),
        selector,
        kind,
        deregistration: (kind == RouteKind::Nlb).then(|| deregistration(object, NLB_ATTRIBUTES)),
        node_removal: node_removal(object, spec).filter(|_| kind == RouteKind::LoadBalancer),
    })
}

pub(super) fn ingress(object: &Node) -> Option<Ingress> {
    let spec = object.get("spec")?;
    let backends = spec
        .list("rules")
        .iter()
        .flat_map(|rule| rule.at(&["http", "paths"]).map_or(&[][..], Node::items))
        .filter_map(|path| path.get("backend"))
        .chain(spec.get("defaultBackend"))
        .chain(spec.get("backend"));
    let services = backends
        .filter_map(|backend| backend.at(&["service", "name"]).or_else(|| backend.get("serviceName")))
        .filter_map(Node::text)
        .map(str::to_owned)
        .collect();
    let class =
        spec.text_of("ingressClassName").or_else(|| annotation(object, "kubernetes.io/ingress.class"));
    let is_ip = annotation(object, "alb.ingress.kubernetes.io/target-type") == Some("ip");
    let kind = match class {
        Some("alb") if is_ip => RouteKind::AlbIp,
        Some("alb") => RouteKind::LoadBalancer,
        _ => RouteKind::Ingress,
    };
    let title = title("Ingress", object)?;
    let deregistration = matches!(class, Some("alb")).then(|| deregistration(object, ALB_ATTRIBUTES));
    Some(Ingress {
        namespace: namespace(object),
        title,
        place: name_place(object),
        services,
        kind,
        deregistration,
    })
}

pub(super) fn gateway_route(object: &Node, kind: &str) -> Option<Ingress> {
    let rules = object.get("spec")?.list("rules").iter();
    let backends = rules.flat_map(|rule| rule.list("backendRefs"));
    let services = backends
        .filter(|backend| backend.text_of("kind").is_none_or(|kind| kind == "Service"))
        .filter_map(|backend| backend.text_of("name"))
        .map(str::to_owned)
        .collect();
    let title = title(kind, object)?;
    Some(Ingress {
        namespace: namespace(object),
        title,
        place: name_place(object),
        services,
        kind: RouteKind::Gateway,
        deregistration: None,
    })
}

pub(super) fn namespace_labels(object: &Node) -> Option<Namespace> {
    let label = object
        .at(&["metadata", "labels"])
        .and_then(|labels| labels.text_of("elbv2.k8s.aws/pod-readiness-gate-inject"));
    Some(Namespace { name: name(object)?, has_readiness_gate: label == Some("enabled") })
}

/// Reads `deregistration_delay.timeout_seconds` of the target groups that the AWS load balancer controller makes: 300 s by default.
fn deregistration(object: &Node, key: &str) -> Declared<Duration> {
    let node = object.at(&["metadata", "annotations"]).and_then(|annotations| annotations.get(key));
    let Some(node) = node else { return Declared::Default(seconds(300)) };
    let attributes = node.text().unwrap_or_default().split(',');
    let mut values = attributes.filter_map(|attribute| attribute.trim().strip_prefix(DEREGISTRATION));
    match values.next().map(str::parse) {
        None => Declared::Default(seconds(300)),
        Some(Ok(number)) => Declared::Written(seconds(number), node.place),
        Some(Err(_)) => Declared::Unresolved(node.place),
    }
}

/// Notes the times in the annotations of a Service or an Ingress that are none.
pub(super) fn note_unreadable(object: &Node, unreadable: &mut Unreadable) {
    let Some(annotations) = object.at(&["metadata", "annotations"]) else { return };
    times::note(annotations, &[(HEALTH_CHECK_INTERVAL, Form::Seconds)], unreadable);
    for node in [ALB_ATTRIBUTES, NLB_ATTRIBUTES].into_iter().filter_map(|key| annotations.get(key)) {
        for attribute in node.text().unwrap_or_default().split(',') {
            let Some(value) = attribute.trim().strip_prefix(DEREGISTRATION) else { continue };
            let key = DEREGISTRATION.trim_end_matches('=');
            times::note_text(
                key,
                (value, node.place),
                value.parse::<u64>().is_ok(),
                times::SECONDS,
                unreadable,
            );
        }
    }
}

/// Returns how long a load balancer of AWS needs to take a node out without a ready pod: it asks each node with
/// `externalTrafficPolicy: Local`.
fn node_removal(object: &Node, spec: &Node) -> Option<(Duration, Place)> {
    let annotations = object.at(&["metadata", "annotations"])?;
    let value = |key: &str| {
        let node =
            annotations.get(&format!("service.beta.kubernetes.io/aws-load-balancer-healthcheck-{key}"))?;
        Some((u64::try_from(node.integer()?).ok()?, node.place))
    };
    let (interval, place) = value("interval")?;
    let (threshold, _) = value("unhealthy-threshold")?;
    let is_local = spec.text_of("externalTrafficPolicy") == Some("Local");
    is_local.then(|| (seconds(interval.saturating_mul(threshold)), place))
}

/// Returns whether annotations ask for a network load balancer of AWS that sends to the pods. With `instance` targets, the default,
/// it sends to the nodes, and the pod is taken out by kube-proxy as for any other Service.
fn is_nlb_with_ip_targets(object: &Node) -> bool {
    let kind = annotation(object, "service.beta.kubernetes.io/aws-load-balancer-type");
    let target = annotation(object, "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type");
    let is_nlb = kind == Some("external")
        || object.get("spec").and_then(|spec| spec.text_of("loadBalancerClass"))
            == Some("service.k8s.aws/nlb");
    kind == Some("nlb-ip") || (is_nlb && target == Some("ip"))
}

fn annotation<'n>(object: &'n Node, key: &str) -> Option<&'n str> {
    object.at(&["metadata", "annotations"])?.text_of(key)
}

fn namespace(object: &Node) -> Option<String> {
    object.at(&["metadata", "namespace"]).and_then(Node::text).map(str::to_owned)
}

fn name(object: &Node) -> Option<String> {
    object.at(&["metadata", "name"]).and_then(Node::text).map(str::to_owned)
}

fn title(kind: &str, object: &Node) -> Option<String> {
    let name = name(object)?;
    Some(match namespace(object) {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    })
}

impl Service {
    pub(super) fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("Service {namespace}/{}", self.name),
            None => format!("Service {}", self.name),
        }
    }
}
