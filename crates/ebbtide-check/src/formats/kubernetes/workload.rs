use super::pod;
use super::scalar::{count, duration, name_place};
use crate::formats::times::Form;
use crate::input::Place;
use crate::model::{Amount, Declared, Platform, Rollout, Workload, is_variable, seconds};
use crate::tree::{Node, Value};

/// The times of the objects that run pods.
pub(super) const TIMES: [(&str, Form); 7] = [
    ("terminationGracePeriodSeconds", Form::Number),
    ("minReadySeconds", Form::Number),
    ("progressDeadlineSeconds", Form::Number),
    ("scaleDownDelaySeconds", Form::Number),
    ("periodSeconds", Form::Number),
    ("initialDelaySeconds", Form::Number),
    // Of a hook that sleeps.
    ("seconds", Form::Number),
];

/// Reads an object that runs pods.
pub(super) fn workload(object: &Node, group: &str, kind: &str) -> Option<Workload> {
    let pod = pod_of(object, group, kind)?;
    let spec = pod.get("spec")?;
    let name = object.at(&["metadata", "name"]).or_else(|| object.at(&["metadata", "generateName"]));
    let place = name_place(object);
    let grace = Declared::Default(seconds(30));
    let mut workload = Workload::new(
        Platform::Kubernetes,
        kind,
        name.and_then(Node::text).unwrap_or("(unnamed)"),
        place,
        grace,
    );
    workload.namespace = object.at(&["metadata", "namespace"]).and_then(Node::text).map(str::to_owned);
    if let Some(metadata) = object.get("metadata").filter(|_| kind != "Pod") {
        pod::add_annotations(&mut workload, metadata);
        workload.of_controller = workload.annotations.len();
    }
    pod::fill(&mut workload, pod.get("metadata"), spec);
    // Every other kind of controller but a job has `Always`.
    workload.is_on_demand =
        kind == "Pod" && matches!(spec.text_of("restartPolicy"), Some("Never" | "OnFailure"));
    if let Some(controller) = object.get("spec").filter(|_| kind != "Pod") {
        workload.replicas = count(controller.get("replicas"), 1);
        workload.min_ready = duration(controller.get("minReadySeconds"), seconds(0));
        workload.progress_deadline = duration(controller.get("progressDeadlineSeconds"), seconds(600));
        workload.rollout = rollout(controller, kind);
    }
    Some(workload)
}

/// Returns the pod or the template of pods of an object.
fn pod_of<'n>(object: &'n Node, group: &str, kind: &str) -> Option<&'n Node> {
    match (group, kind) {
        ("", "Pod") => Some(object),
        ("batch", "CronJob") => object.at(&["spec", "jobTemplate", "spec", "template"]),
        _ if runs_pods(group, kind) => object.at(&["spec", "template"]),
        _ => None,
    }
}

/// Returns whether a kind of objects has the template of its pods in its spec.
fn runs_pods(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("", "ReplicationController")
            | ("argoproj.io", "Rollout")
            | ("batch", "Job")
    )
}

/// Returns the part of an object that runs pods which is a value where its pods have to be. What a tool replaces before the deploy is none.
pub(super) fn mistyped(object: &Node, group: &str, kind: &str) -> Option<(Place, &'static str)> {
    let keys: &[&'static str] = match (group, kind) {
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        ("", "Pod") => &["spec"],
        _ if runs_pods(group, kind) => &["spec", "template", "spec"],
        _ => return None,
    };
    let mut node = object;
    for key in keys {
        node = node.get(key)?;
        let is_known = node.tag.is_none() && node.text().is_none_or(|text| !is_variable(text));
        if !matches!(node.value, Value::Map(_)) {
            return is_known.then_some((node.place, *key));
        }
    }
    None
}

fn rollout(spec: &Node, kind: &str) -> Rollout {
    match kind {
        "Deployment" => {
            let strategy = spec.get("strategy");
            if let Some(recreate) = strategy
                .and_then(|strategy| strategy.get("type"))
                .filter(|node| node.text() == Some("Recreate"))
            {
                return Rollout::Recreate(recreate.place);
            }
            let rolling = strategy.and_then(|strategy| strategy.get("rollingUpdate"));
            let part = |key: &str| amount(rolling.and_then(|rolling| rolling.get(key)), Amount::Percent(25));
            Rollout::Rolling { surge: part("maxSurge"), unavailable: part("maxUnavailable") }
        }
        "StatefulSet" => Rollout::Ordered,
        "Rollout" => match spec.at(&["strategy", "blueGreen"]) {
            Some(strategy) => Rollout::BlueGreen {
                scale_down: duration(strategy.get("scaleDownDelaySeconds"), seconds(30)),
            },
            None => Rollout::Other,
        },
        _ => Rollout::Other,
    }
}

pub(super) fn amount(node: Option<&Node>, default: Amount) -> Declared<Amount> {
    let Some(node) = node else { return Declared::Default(default) };
    let Some(text) = node.text().filter(|text| !is_variable(text)) else {
        return Declared::Unresolved(node.place);
    };
    let amount = match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().map(Amount::Percent),
        None => text.parse().ok().map(Amount::Count),
    };
    amount.map_or(Declared::Unresolved(node.place), |amount| Declared::Written(amount, node.place))
}
