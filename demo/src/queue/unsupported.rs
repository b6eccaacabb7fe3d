use ebbtide::BoxError;

use super::{AnyQueue, QueuePlace};
use crate::MissingFeature;

/// Stands in for a broker that this build has no client for.
pub(super) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
    Err(missing(place))
}

pub(super) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
    Err(missing(place))
}

fn missing(place: &QueuePlace) -> BoxError {
    let name = place.kind.name();
    MissingFeature::new(format!("--queue {name}"), name).into()
}
