//! What a delivery is settled by, and how it is settled.

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
use super::headers::{Known, ROOM, add_error, anew};
use super::link::Link;
use super::queue::NatsQueue;

/// No error needs more words than this.
const LONGEST_ERROR: usize = 16 * 1024;

/// What NATS knows a delivery by, and what we know of its lease. Clones are of the same delivery.
#[derive(Clone)]
pub struct NatsReceipt {
    pub(super) inner: Arc<InFlightJob>,
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
        let InFlightJob { sequence, delivered, .. } = &*self.inner;
        f.debug_struct("NatsReceipt")
            .field("sequence", sequence)
            .field("delivered", delivered)
            .finish_non_exhaustive()
    }
}

pub(super) struct InFlightJob {
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
    pub(super) state: Mutex<LeaseState>,
}

/// Locked while the server is told, so that of two words that are said at once one comes second.
#[derive(Debug)]
pub(super) struct LeaseState {
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
        // What is seldom said is boxed, and so no part of every job's future.
        match settlement {
            Settlement::Ack => self.link.tell(&job.reply, AckKind::Ack).await?,
            Settlement::Requeue => Box::pin(self.requeue(job)).await?,
            Settlement::Retry { after, error: _ } => {
                // The server keeps nanoseconds in 64 bits.
                let after = (!after.is_zero()).then_some(after.min(LONGEST_TIME));
                self.link.tell(&job.reply, AckKind::Nak(after)).await?;
            }
            Settlement::DeadLetter { error } => Box::pin(self.dead_letter(job, &error)).await?,
        }
        state.settled = true;
        Ok(Settled::Done)
    }

    /// Begins a lease anew, unless it is over or the delivery is being settled.
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

    /// Publishes the job anew before its message is acknowledged: whatever happens in between, it is there.
    async fn requeue(&self, job: &InFlightJob) -> Result<(), NatsQueueError> {
        if self.room_beside(job) < ROOM {
            return self.link.tell(&job.reply, AckKind::Nak(None)).await;
        }
        let tries = job.tries.saturating_add(job.delivered).saturating_sub(1);
        let once = format!("back-{}-{}", job.sequence, job.delivered);
        let headers = anew(job.headers.as_ref(), &job.id, tries, once);
        self.link.publish(&self.plan.name, Some(headers), job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Ack).await
    }

    /// Stores the job where it is looked for before it is taken from where it is delivered.
    async fn dead_letter(&self, job: &InFlightJob, error: &str) -> Result<(), NatsQueueError> {
        let room = self.room_beside(job);
        let headers = (room >= ROOM).then(|| {
            let tries = job.tries.saturating_add(job.delivered);
            let once = format!("dead-{}-{}", job.sequence, job.delivered);
            let mut headers = anew(job.headers.as_ref(), &job.id, tries, once);
            add_error(&mut headers, error, LONGEST_ERROR.min(room - ROOM / 2));
            headers
        });
        self.link.publish(&self.plan.dead, headers, job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Term).await
    }

    /// Returns how many bytes the server takes beside the payload and the producer's own headers.
    fn room_beside(&self, job: &InFlightJob) -> usize {
        let theirs = job.headers.iter().flat_map(|headers| headers.iter()).map(|(name, values)| {
            let name = name.to_string().len() + ": \r\n".len();
            values.iter().map(|value| name + value.as_str().len()).sum::<usize>()
        });
        self.link.client.max_payload().saturating_sub(job.payload.len() + theirs.sum::<usize>())
    }
}
