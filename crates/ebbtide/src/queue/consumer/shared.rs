use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::books::Books;
use super::outage::Outage;
use crate::queue::{ConsumeOptions, Queue};
use crate::runtime::Backoff;

/// How long to wait before the queue is asked again after an error. Short enough that nobody notices a broker that was
/// restarted, long enough that a broker that is away isn't kept busy by being asked.
pub(super) const AGAIN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// What the loop, the jobs' tasks and the heart share.
pub(super) struct Shared<Q: Queue, F> {
    pub(super) name: Arc<str>,
    pub(super) queue: Arc<Q>,
    pub(super) options: ConsumeOptions,
    pub(super) handler: F,
    pub(super) books: Arc<Books<Q::Receipt>>,
    pub(super) settling: Outage,
    /// Grows whenever the task of the renewals runs.
    pub(super) beats: AtomicU64,
}

impl<Q: Queue, F> Shared<Q, F> {
    pub(super) fn new(name: Arc<str>, queue: Q, options: ConsumeOptions, handler: F) -> Self {
        let settling = Outage::new(Arc::clone(&name), "settle jobs");
        let (queue, books) = (Arc::new(queue), Arc::new(Books::new()));
        Self { name, queue, options, handler, books, settling, beats: AtomicU64::new(0) }
    }
}
