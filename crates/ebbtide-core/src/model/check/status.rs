use std::time::Duration;

use serde::Serialize;

use super::Check;

/// Tells how a readiness check stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckStatus {
    /// The check's name.
    pub name: String,
    /// Whether it is green.
    pub passing: bool,
    /// Whether the service is unready while it is red.
    pub required: bool,
    /// After what time in red it begins the stop.
    #[serde(rename = "critical_after_ms", serialize_with = "millis_if_any")]
    pub critical_after: Option<Duration>,
    /// How long it has been green, or red.
    #[serde(rename = "for_ms", with = "crate::model::millis")]
    pub age: Duration,
    /// What the last run failed with; `None` after a pass, and before the first run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl CheckStatus {
    /// Makes the status of a check that has not run yet.
    pub fn new(name: impl Into<String>, check: &Check) -> Self {
        Self {
            name: name.into(),
            passing: false,
            required: !check.is_advisory(),
            critical_after: check.critical_after(),
            age: Duration::ZERO,
            error: None,
        }
    }
}

fn millis_if_any<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => crate::model::millis::serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}
