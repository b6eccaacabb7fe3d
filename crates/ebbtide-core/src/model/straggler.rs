use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Describes work that was still in flight when it was asked after, or when its time was up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Straggler {
    /// What the work is, such as `GET /orders/7 from 10.0.0.8:51234` or a job's id.
    pub name: String,
    /// How long it had been in flight.
    #[serde(rename = "age_ms", with = "super::millis")]
    pub age: Duration,
    /// Where it was created, as `file:line`, where that is known.
    pub created: Option<String>,
}

impl Straggler {
    /// How many stragglers of a component a report and a snapshot have at most: the oldest.
    pub const SHOWN: usize = 100;
}
