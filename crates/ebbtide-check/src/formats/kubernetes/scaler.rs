use super::scalar::{count, name_place};
use crate::input::Place;
use crate::model::Declared;
use crate::tree::Node;

/// An object that changes the number of pods of another one: a HorizontalPodAutoscaler, or a ScaledObject of KEDA.
#[derive(Debug)]
pub(crate) struct Scaler {
    pub(super) namespace: Option<String>,
    pub(super) kind: String,
    /// The name of what it scales.
    pub(super) target: String,
    /// The fewest pods that it leaves, and the setting for it.
    pub(super) least: Declared<u32>,
    pub(super) setting: &'static str,
    pub(super) name: String,
    pub(super) place: Place,
}

/// Reads a HorizontalPodAutoscaler: one pod by default.
pub(super) fn autoscaler(object: &Node) -> Option<Scaler> {
    scaler(object, "minReplicas", 1)
}

/// Reads a ScaledObject of KEDA, which scales a Deployment to nothing by default.
pub(super) fn scaled_object(object: &Node) -> Option<Scaler> {
    scaler(object, "minReplicaCount", 0)
}

fn scaler(object: &Node, setting: &'static str, default: u32) -> Option<Scaler> {
    let spec = object.get("spec")?;
    let target = spec.get("scaleTargetRef")?;
    let text = |key: &str| object.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
    let place = name_place(object);
    let least = match count(spec.get(setting), default) {
        // None runs until something is to be done: how many then is not known.
        Declared::Default(0) | Declared::Written(0, _) => Declared::Unresolved(place),
        least => least,
    };
    Some(Scaler {
        namespace: text("namespace"),
        kind: target.text_of("kind").unwrap_or("Deployment").to_owned(),
        target: target.text_of("name")?.to_owned(),
        least,
        setting,
        name: text("name").unwrap_or_default(),
        place,
    })
}
