use std::future::{self, Future};
use std::sync::Arc;
use std::time::Duration;

use crate::drain::Stop;
use crate::util::BoxError;

/// A job queue backend: fetches jobs and settles deliveries.
///
/// An implementation guarantees:
///
/// 1. A pushed job is delivered until it is acknowledged or dead-lettered, whichever process crashes in between.
/// 2. A delivery is exclusive until it is settled or its lease expires.
/// 3. A stopped consumer holds no job: [`fetch`](Self::fetch) returns every job that it took, and
///    [`withdraw`](Self::withdraw) returns every job that the broker sent and no `fetch` returned.
///
/// A queue [prefetches](Self::prefetch) only while the consumer allows it.
///
/// At most one `fetch` runs at a time. All other methods may be called concurrently with it and with themselves. The consumer
/// logs errors and retries with backoff: an adapter reconnects when it is called again, and does not wait for long.
pub trait Queue: Send + Sync + 'static {
    /// The handle by which a delivery is settled.
    type Receipt: Clone + Send + Sync + 'static;

    /// Waits for jobs and returns at least one and at most `max` of them, or none once `stop` is stopping.
    ///
    /// Once `stop` is stopping, it takes nothing new and immediately returns what it has. The consumer does not drop the future
    /// before its deadline: an adapter only has to end its own waiting with `stop`.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached. The fetch has then taken no job that it does not release by itself.
    fn fetch(
        &self,
        max: usize,
        stop: &Stop,
    ) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send;

    /// Sets whether the queue may prefetch from now on, and returns whether it does.
    ///
    /// While prefetching, the queue takes as many jobs as it settles, in the same round trip, and returns them from the next
    /// `fetch`. A job then costs one round trip to the broker instead of two. The number of leased jobs never exceeds the
    /// concurrency of the consumer. The consumer allows prefetching when it starts and forbids it when the shutdown begins.
    /// [`withdraw`](Self::withdraw) returns the jobs that were prefetched by then.
    ///
    /// For a queue that returns true the consumer does not collect free places before a fetch: a fetch costs the broker
    /// nothing there.
    ///
    /// Default: false; nothing is prefetched.
    fn prefetch(&self, allowed: bool) -> bool {
        let _ = allowed;
        false
    }

    /// Settles a delivery, and returns when the broker has stored the settlement.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached or did not confirm the settlement; the consumer retries. A repeated settlement returns
    /// at worst [`Settled::Lost`].
    fn settle(
        &self,
        receipt: &Self::Receipt,
        settlement: Settlement,
    ) -> impl Future<Output = Result<Settled, BoxError>> + Send;

    /// Returns how long a delivery is exclusive without being extended, or `None` if that has no limit.
    ///
    /// The consumer [extends](Self::extend) fetched deliveries three times per lease until the last job has ended. The adapter
    /// extends the leases of jobs that the broker sent ahead and no `fetch` has returned.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Restarts the leases of these deliveries. Skips deliveries that were settled meanwhile or are lost.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached; the consumer retries.
    fn extend(&self, receipts: &[Self::Receipt]) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = receipts;
        future::ready(Ok(()))
    }

    /// Returns whether [`extend`](Self::extend) may be polled on a different runtime than the other methods. It must then not
    /// use anything that makes progress on their runtime only, such as a connection that was opened there.
    ///
    /// If true, the consumer extends leases from a dedicated thread with a separate runtime, which exists until
    /// [`close`](Self::close) has returned. Handlers that block every thread of the consumer's runtime do not delay it.
    ///
    /// Default: false. Leases are then extended on the consumer's runtime, and a renewal that such handlers delay is logged as a
    /// warning before the leases expire.
    fn extends_anywhere(&self) -> bool {
        false
    }

    /// Returns a limitation of this queue for `concurrency` jobs, such as a pool with too few connections. It is logged as a
    /// warning when the consumer is created.
    ///
    /// Default: `None`.
    fn limitation(&self, concurrency: usize) -> Option<String> {
        let _ = concurrency;
        None
    }

    /// Ends the subscription and returns the jobs that the broker sent and no `fetch` returned. For queues that prefetch and
    /// brokers that send ahead.
    ///
    /// Called when the shutdown has begun and the last fetch has returned, and again after an error, until it succeeds. The
    /// consumer requeues the returned jobs. It requeues the jobs of the last fetch concurrently: end the subscription first, so
    /// that the broker does not send them to this consumer again.
    ///
    /// # Errors
    ///
    /// When the broker could not be reached; the call can be repeated and has forgotten nothing. The consumer retries until its
    /// deadline. Jobs that may still be leased by then make the exit code 3.
    fn withdraw(&self) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send {
        future::ready(Ok(Vec::new()))
    }

    /// Closes the connections and subscriptions of this consumer. Called last, when everything is settled.
    ///
    /// # Errors
    ///
    /// When the close failed; no job is lost.
    fn close(&self) -> impl Future<Output = Result<(), BoxError>> + Send {
        future::ready(Ok(()))
    }
}

impl<Q: Queue> Queue for Arc<Q> {
    type Receipt = Q::Receipt;

    fn fetch(
        &self,
        max: usize,
        stop: &Stop,
    ) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send {
        (**self).fetch(max, stop)
    }

    fn prefetch(&self, allowed: bool) -> bool {
        (**self).prefetch(allowed)
    }

    fn settle(
        &self,
        receipt: &Self::Receipt,
        settlement: Settlement,
    ) -> impl Future<Output = Result<Settled, BoxError>> + Send {
        (**self).settle(receipt, settlement)
    }

    fn lease(&self) -> Option<Duration> {
        (**self).lease()
    }

    fn extend(&self, receipts: &[Self::Receipt]) -> impl Future<Output = Result<(), BoxError>> + Send {
        (**self).extend(receipts)
    }

    fn extends_anywhere(&self) -> bool {
        (**self).extends_anywhere()
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        (**self).limitation(concurrency)
    }

    fn withdraw(&self) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send {
        (**self).withdraw()
    }

    fn close(&self) -> impl Future<Output = Result<(), BoxError>> + Send {
        (**self).close()
    }
}

/// One delivery of a job.
///
/// It is exclusive to this consumer until it is settled or its lease expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<R> {
    /// Identifies this delivery when it is settled. It does not identify the job, which may be delivered again.
    pub receipt: R,
    /// The id of the job, the same in each delivery. Logs and the report use it.
    pub id: String,
    /// The bytes that the producer sent.
    pub payload: Vec<u8>,
    /// The number of this attempt, from 1. Requeued attempts are not counted where the queue can distinguish them.
    pub attempt: u32,
}

/// The outcome of a delivery, as reported to its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The job has finished; it is never delivered again.
    Ack,
    /// The job was not started, or not finished because of the shutdown. It is available to the next consumer immediately, and
    /// the attempt is not counted.
    Requeue,
    /// The attempt failed.
    Retry {
        /// The minimum delay before the next delivery.
        after: Duration,
        /// The error of the attempt.
        error: String,
    },
    /// The job has failed permanently. It is moved to the dead-letter queue and not delivered again.
    DeadLetter {
        /// The error of the attempt.
        error: String,
    },
}

/// Whether this consumer still held the delivery when it settled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "another consumer runs a lost delivery again"]
pub enum Settled {
    /// The delivery is settled; the settlement survives a crash of either side.
    Done,
    /// The lease had expired: another consumer has the job or may get it.
    Lost,
}

/// The number of jobs of one queue in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobCounts {
    /// Queued jobs, including delayed ones.
    pub waiting: u64,
    /// Jobs held by a consumer.
    pub leased: u64,
    /// Jobs that have failed permanently.
    pub dead_lettered: u64,
}

impl JobCounts {
    /// Creates counts. For adapters.
    pub const fn new(waiting: u64, leased: u64, dead_lettered: u64) -> Self {
        Self { waiting, leased, dead_lettered }
    }
}
