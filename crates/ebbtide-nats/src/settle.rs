//! The receipt of a delivery, and its settlement.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::{AckKind, Message};
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use ebbtide::adapter::clock;
use ebbtide::model::LONGEST_TIME;
use ebbtide::queue::{Delivery, Settled, Settlement};
use tokio::sync::Mutex;

use super::error::NatsQueueError;
use super::headers::{Known, ROOM, add_error, republished_headers};
use super::link::Link;
use super::queue::NatsQueue;

/// The maximum length of a stored error.
const LONGEST_ERROR: usize = 16 * 1024;

/// The receipt of a delivery of NATS, with the state of its lease. Clones belong to the same delivery.
#[derive(Clone)]
pub struct NatsReceipt {
    pub(super) inner: Arc<InFlightJob>,
}

/// Two receipts are equal if they belong to the same delivery.
impl PartialEq for NatsReceipt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for NatsReceipt {}

impl fmt::Debug for NatsReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InFlightJob { sequence, delivered, .. } = &*self.inner;
        f.debug_struct("NatsReceipt")
            .field("sequence", sequence)
            .field("delivered", delivered)
            .finish_non_exhaustive()
    }
}

pub(super) struct InFlightJob {
    /// The subject for acknowledgements.
    pub(super) reply: Subject,
    /// The sequence number of the message in the stream.
    pub(super) sequence: u64,
    /// The job's id.
    pub(super) id: String,
    /// The number of attempts in earlier messages.
    pub(super) tries: u64,
    /// How often this message has been delivered.
    pub(super) delivered: u64,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
    pub(super) state: Mutex<LeaseState>,
}

/// Locked during a settlement or renewal, so that concurrent ones run one after the other.
#[derive(Debug)]
pub(super) struct LeaseState {
    /// The earliest time at which the server may have begun the lease.
    pub(super) since: Instant,
    pub(super) settled: bool,
}

/// Converts a message that arrived after `since` to a delivery; returns `None` if it does not come from a consumer.
pub(super) fn deliver(message: Message, since: Instant) -> Option<Delivery<NatsReceipt>> {
    let info = message.info().ok()?;
    let (sequence, delivered) = (info.stream_sequence, u64::try_from(info.delivered).unwrap_or(1).max(1));
    let message = message.message;
    let Known { job, tries } = Known::of(message.headers.as_ref());
    let id = job.unwrap_or_else(|| sequence.to_string());
    let attempt = u32::try_from(tries.saturating_add(delivered)).unwrap_or(u32::MAX);
    let inner = InFlightJob {
        reply: message.reply?,
        sequence,
        id: id.clone(),
        tries,
        delivered,
        headers: message.headers,
        payload: message.payload,
        state: Mutex::new(LeaseState { since, settled: false }),
    };
    let payload = inner.payload.to_vec();
    Some(Delivery { receipt: NatsReceipt { inner: Arc::new(inner) }, id, payload, attempt })
}

impl NatsQueue {
    pub(super) async fn say(
        &self,
        receipt: &NatsReceipt,
        settlement: Settlement,
    ) -> Result<Settled, NatsQueueError> {
        let job = &*receipt.inner;
        let mut state = job.state.lock().await;
        if state.settled || clock::now() >= clock::after(state.since, self.lease()) {
            return Ok(Settled::Lost);
        }
        // Rare settlements are boxed, so that they do not enlarge every job's future.
        match settlement {
            Settlement::Ack => self.link.tell(&job.reply, AckKind::Ack).await?,
            Settlement::Requeue => Box::pin(self.requeue(job)).await?,
            Settlement::Retry { after, error: _ } => {
                // The server stores nanoseconds in 64 bits.
                let after = (!after.is_zero()).then_some(after.min(LONGEST_TIME));
                self.link.tell(&job.reply, AckKind::Nak(after)).await?;
            }
            Settlement::DeadLetter { error } => Box::pin(self.dead_letter(job, &error)).await?,
        }
        state.settled = true;
        Ok(Settled::Done)
    }

    /// Renews a lease, unless it has expired or the delivery is being settled.
    pub(super) async fn prolong(&self, link: &Link, receipt: &NatsReceipt) -> Result<(), NatsQueueError> {
        let job = &*receipt.inner;
        let Ok(mut state) = job.state.try_lock() else { return Ok(()) };
        let now = clock::now();
        if state.settled || now >= clock::after(state.since, self.lease()) {
            return Ok(());
        }
        link.tell(&job.reply, AckKind::Progress).await?;
        state.since = now;
        Ok(())
    }

    /// Publishes the job again before its message is acknowledged: a failure in between does not lose it.
    async fn requeue(&self, job: &InFlightJob) -> Result<(), NatsQueueError> {
        if self.room_beside(job) < ROOM {
            return self.link.tell(&job.reply, AckKind::Nak(None)).await;
        }
        let tries = job.tries.saturating_add(job.delivered).saturating_sub(1);
        let once = format!("back-{}-{}", job.sequence, job.delivered);
        let headers = republished_headers(job.headers.as_ref(), &job.id, tries, once);
        self.link.publish(&self.plan.name, Some(headers), job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Ack).await
    }

    /// Stores the job in the dead-letter stream before it is removed from the queue's stream.
    async fn dead_letter(&self, job: &InFlightJob, error: &str) -> Result<(), NatsQueueError> {
        let room = self.room_beside(job);
        let headers = (room >= ROOM).then(|| {
            let tries = job.tries.saturating_add(job.delivered);
            let once = format!("dead-{}-{}", job.sequence, job.delivered);
            let mut headers = republished_headers(job.headers.as_ref(), &job.id, tries, once);
            add_error(&mut headers, error, LONGEST_ERROR.min(room - ROOM / 2));
            headers
        });
        self.link.publish(&self.plan.dead, headers, job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Term).await
    }

    /// Returns how many bytes the server accepts beside the payload and the producer's headers.
    fn room_beside(&self, job: &InFlightJob) -> usize {
        let theirs = job.headers.iter().flat_map(|headers| headers.iter()).map(|(name, values)| {
            let name = name.to_string().len() + ": \r\n".len();
            values.iter().map(|value| name + value.as_str().len()).sum::<usize>()
        });
        self.link.client.max_payload().saturating_sub(job.payload.len() + theirs.sum::<usize>())
    }
}
