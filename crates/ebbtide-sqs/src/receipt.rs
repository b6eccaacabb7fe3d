use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use ebbtide::adapter::clock;
use ebbtide::queue::Delivery;
use tokio::sync::Mutex;

use super::message::{self, Attributes};

/// After that SQS gives a message out again, whatever its consumer says.
pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(12 * 3600);

/// What SQS knows a delivery by, and what we know of its lease. Clones are of the same delivery.
#[derive(Clone)]
pub struct SqsReceipt {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) handle: String,
    /// The job's id.
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Attributes,
    /// When nothing can be extended any more.
    pub(super) last: Instant,
    pub(super) state: Mutex<State>,
}

/// Locked while SQS is told, so that of two words that are said at once one comes second.
#[derive(Debug)]
pub(super) struct State {
    /// When the lease runs out at the earliest.
    pub(super) until: Instant,
    /// Whether the dead have the job already.
    pub(super) is_among_the_dead: bool,
    pub(super) settled: bool,
    /// How long it stays out of sight when it is handed back.
    pub(super) back_after: Duration,
}

impl Inner {
    /// Returns how long a word that is said now may keep the message out of sight, in whole seconds.
    pub(super) fn at_most(&self, wished: Duration, now: Instant) -> Duration {
        let left = self.last.saturating_duration_since(now);
        Duration::from_secs(wished.min(left).as_secs())
    }
}

/// Makes a delivery of a message for which was asked at `since`; nothing if it lacks what every message has.
pub(super) fn deliver(message: Message, since: Instant, lease: Duration) -> Option<Delivery<SqsReceipt>> {
    let counts = message.attributes.unwrap_or_default();
    let count = counts.get(&MessageSystemAttributeName::ApproximateReceiveCount);
    let attempt = count.and_then(|count| count.parse().ok()).unwrap_or(1).max(1);
    let id = message.message_id?;
    let until = clock::after(since, lease);
    let state = State { until, is_among_the_dead: false, settled: false, back_after: Duration::ZERO };
    let inner = Inner {
        handle: message.receipt_handle?,
        id: id.clone(),
        body: message.body.unwrap_or_default(),
        attributes: message.message_attributes.unwrap_or_default(),
        last: clock::after(since, LONGEST_LEASE),
        state: Mutex::new(state),
    };
    let payload = message::read(&inner.body, &inner.attributes);
    Some(Delivery { receipt: SqsReceipt { inner: Arc::new(inner) }, id, payload, attempt })
}

/// Two are the same when they are of the same delivery.
impl PartialEq for SqsReceipt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for SqsReceipt {}

impl fmt::Debug for SqsReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsReceipt").field("id", &self.inner.id).finish_non_exhaustive()
    }
}
