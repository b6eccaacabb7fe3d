use ebbtide::queue::JobCounts;
use serde::{Deserialize, Serialize};

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Jobs that nobody has.
    pub waiting: u64,
    /// Jobs that a consumer has, or had when it died; `None` where the broker does not tell.
    pub leased: Option<u64>,
    /// Jobs that failed for good.
    pub buried: u64,
}

impl Left {
    /// Tells whether all jobs have been done.
    pub fn is_none(&self) -> bool {
        (self.waiting, self.leased.unwrap_or_default(), self.buried) == (0, 0, 0)
    }
}

impl From<JobCounts> for Left {
    fn from(JobCounts { waiting, leased, buried, .. }: JobCounts) -> Self {
        Self { waiting, leased: Some(leased), buried }
    }
}
