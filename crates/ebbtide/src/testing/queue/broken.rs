use std::time::Duration;

use super::promise::Promise;
use crate::runtime::{BoxError, chain};

/// A promise that a queue has broken.
#[derive(Debug, thiserror::Error)]
#[error("{promise:?}, which is that {promise}")]
pub struct Broken {
    /// Which one.
    pub promise: Promise,
    /// How that showed.
    #[source]
    pub why: Why,
}

/// How a broken promise showed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Something else than was promised.
    #[error("{0}")]
    Seen(String),
    /// A call failed that ought not to.
    #[error("failed to {step}")]
    Failed {
        /// What was tried.
        step: &'static str,
        /// What the adapter said.
        source: BoxError,
    },
    /// Something else than was promised, but behind a lease that may have run out meanwhile, which the promise allows.
    #[error(
        "{seen}; its lease had {late:?} too little for a broker or a machine this slow, so that proves nothing: \
         try it again where less else runs"
    )]
    TooSlow {
        /// What was seen.
        seen: String,
        /// How long the lease may have been over.
        late: Duration,
    },
    /// A call did not return.
    #[error("it took more than {limit:?} to {step}")]
    TookTooLong {
        /// What was tried.
        step: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
}

/// A queue does not keep what [`Queue`](crate::queue::Queue) promises.
#[derive(Debug, thiserror::Error)]
#[error("the queue breaks {} of its promises:{}", broken.len(), list(broken))]
#[non_exhaustive]
pub struct NotConforming {
    /// What it breaks, at least one.
    pub broken: Vec<Broken>,
}

fn list(broken: &[Broken]) -> String {
    broken.iter().map(|broken| format!("\n- {}", chain(broken))).collect()
}
