use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Message;
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use ebbtide::queue::Delivery;
use tokio::sync::Mutex;

use super::headers::Known;

/// What NATS knows a delivery by, and what we know of its lease. Clones are of the same delivery.
#[derive(Clone)]
pub struct NatsReceipt {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// Where the server is told what becomes of it.
    pub(super) reply: Subject,
    /// The message's number in the stream.
    pub(super) sequence: u64,
    /// The job's id.
    pub(super) id: String,
    /// The attempts in earlier messages.
    pub(super) tries: u64,
    /// How often this message has been delivered.
    pub(super) delivered: u64,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
    pub(super) state: Mutex<State>,
}

/// Locked while the server is told, so that of two words that are said at once one comes second.
#[derive(Debug)]
pub(super) struct State {
    /// When the server had begun the lease by at the earliest.
    pub(super) since: Instant,
    pub(super) settled: bool,
}

/// Makes a delivery of a message that has arrived after `since`; nothing if it is none of a consumer.
pub(super) fn deliver(message: Message, since: Instant) -> Option<Delivery<NatsReceipt>> {
    let info = message.info().ok()?;
    let (sequence, delivered) = (info.stream_sequence, u64::try_from(info.delivered).unwrap_or(1).max(1));
    let message = message.message;
    let Known { job, tries } = Known::of(message.headers.as_ref());
    let id = job.unwrap_or_else(|| sequence.to_string());
    let attempt = u32::try_from(tries.saturating_add(delivered)).unwrap_or(u32::MAX);
    let inner = Inner {
        reply: message.reply?,
        sequence,
        id: id.clone(),
        tries,
        delivered,
        headers: message.headers,
        payload: message.payload,
        state: Mutex::new(State { since, settled: false }),
    };
    let payload = inner.payload.to_vec();
    Some(Delivery { receipt: NatsReceipt { inner: Arc::new(inner) }, id, payload, attempt })
}

/// Two are the same when they are of the same delivery.
impl PartialEq for NatsReceipt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for NatsReceipt {}

impl fmt::Debug for NatsReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { sequence, delivered, .. } = &*self.inner;
        f.debug_struct("NatsReceipt")
            .field("sequence", sequence)
            .field("delivered", delivered)
            .finish_non_exhaustive()
    }
}
