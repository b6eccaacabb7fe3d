//! The receipt of a delivery, and its settlement.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use ebbtide::adapter::clock;
use ebbtide::queue::{Delivery, Settled, Settlement};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::builder::whole_seconds;
use super::error::SqsQueueError;
use super::link::{BATCH, Link};
use super::message::{self, Attributes, with_error};

/// After this time SQS delivers a message again, whatever its consumer does.
pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(12 * 3600);

/// The receipt of a delivery of SQS, with the state of its lease. Clones belong to the same delivery.
#[derive(Clone)]
pub struct SqsReceipt {
    pub(super) inner: Arc<InFlightJob>,
}

/// Two receipts are equal if they belong to the same delivery.
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

pub(super) struct InFlightJob {
    handle: String,
    /// The job's id.
    id: String,
    body: String,
    attributes: Attributes,
    /// The time after which the lease cannot be extended any more.
    last: Instant,
    pub(super) state: Mutex<LeaseState>,
}

/// Locked during a request, so that concurrent ones run one after the other.
#[derive(Debug)]
pub(super) struct LeaseState {
    /// The earliest time at which the lease expires.
    until: Instant,
    /// Whether the dead-letter queue has the job already.
    is_dead_lettered_already: bool,
    settled: bool,
    /// How long a requeue hides the job.
    pub(super) requeue_delay: Duration,
}

impl InFlightJob {
    /// Returns how long a request at `now` may hide the message, in whole seconds.
    fn at_most(&self, wished: Duration, now: Instant) -> Duration {
        let left = self.last.saturating_duration_since(now);
        Duration::from_secs(wished.min(left).as_secs())
    }
}

/// Converts a message that was requested at `since` to a delivery; returns `None` if it lacks a required field.
pub(super) fn deliver(message: Message, since: Instant, lease: Duration) -> Option<Delivery<SqsReceipt>> {
    let counts = message.attributes.unwrap_or_default();
    let count = counts.get(&MessageSystemAttributeName::ApproximateReceiveCount);
    let attempt = count.and_then(|count| count.parse().ok()).unwrap_or(1).max(1);
    let id = message.message_id?;
    let until = clock::after(since, lease);
    let state =
        LeaseState { until, is_dead_lettered_already: false, settled: false, requeue_delay: Duration::ZERO };
    let inner = InFlightJob {
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

/// Settles a delivery, unless its lease has expired.
pub(super) async fn settle(
    link: &Link,
    receipt: &SqsReceipt,
    settlement: Settlement,
) -> Result<Settled, SqsQueueError> {
    let job = &*receipt.inner;
    let mut state = job.state.lock().await;
    let now = clock::now();
    if state.settled || now >= state.until {
        return Ok(Settled::Lost);
    }
    if let Settlement::DeadLetter { error } = &settlement {
        send_to_dead_letter_queue(link, job, &mut state, error).await?;
    }
    let said = match settlement {
        Settlement::Ack | Settlement::DeadLetter { .. } => link.delete(&job.handle).await,
        Settlement::Requeue => link.hide(&job.handle, state.requeue_delay).await,
        Settlement::Retry { after, error: _ } => {
            link.hide(&job.handle, job.at_most(whole_seconds(after), now)).await
        }
    };
    match said {
        Ok(()) => {
            state.settled = true;
            Ok(Settled::Done)
        }
        Err(error) if error.is_gone() => Ok(Settled::Lost),
        Err(error) => Err(error),
    }
}

/// Renews the leases that have not expired and are not being settled.
pub(super) async fn extend(link: &Link, receipts: &[SqsReceipt]) -> Result<(), SqsQueueError> {
    let mut words = JoinSet::new();
    for batch in receipts.chunks(BATCH) {
        let (link, batch) = (link.clone(), batch.to_vec());
        words.spawn(async move { extend_batch(&link, &batch).await });
    }
    let mut failed = None;
    while let Some(said) = words.join_next().await {
        let said = said.map_err(|error| SqsQueueError::unreachable("extend leases", error.into()));
        failed = said.flatten().err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

/// Holds the locks during the request: an extension after a requeue would hide the job again.
async fn extend_batch(link: &Link, receipts: &[SqsReceipt]) -> Result<(), SqsQueueError> {
    let now = clock::now();
    let held: Vec<_> = receipts
        .iter()
        .filter_map(|receipt| Some((&*receipt.inner, receipt.inner.state.try_lock().ok()?)))
        .filter(|(_, state)| !state.settled && now < state.until)
        .map(|(job, state)| (job, state, job.at_most(link.lease, now)))
        .filter(|(_, _, time)| !time.is_zero())
        .collect();
    if held.is_empty() {
        return Ok(());
    }
    let entries: Vec<_> = held.iter().map(|(job, _, time)| (&*job.handle, *time)).collect();
    let kept = link.hide_all(&entries).await?;
    for ((_, mut state, time), kept) in held.into_iter().zip(kept) {
        if kept {
            state.until = clock::after(now, time);
        }
    }
    Ok(())
}

/// Stores the job in the dead-letter queue before it is deleted from the queue.
async fn send_to_dead_letter_queue(
    link: &Link,
    job: &InFlightJob,
    state: &mut LeaseState,
    error: &str,
) -> Result<(), SqsQueueError> {
    if state.is_dead_lettered_already {
        return Ok(());
    }
    let said = with_error(&job.body, &job.attributes, &job.id, error);
    let said = said.map_err(|error| SqsQueueError::unreachable("dead-letter a job", error.into()))?;
    match link.dead_letter(&job.body, said).await {
        // The dead-letter queue may have stricter limits than the queue: store the job without the error rather than
        // not at all.
        Err(error) if error.is_about_the_message() => {
            ebbtide::adapter::log_warn!(job = &*job.id, %error, "error attribute rejected; dead-lettering without it");
            link.dead_letter(&job.body, job.attributes.clone()).await?;
        }
        dead_lettered => dead_lettered?,
    }
    state.is_dead_lettered_already = true;
    Ok(())
}
