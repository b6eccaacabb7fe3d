use std::future::{self, Future};
use std::sync::Arc;
use std::time::Duration;

use crate::drain::Stop;
use crate::util::BoxError;

/// Gives out jobs and takes back what became of them: what a consumer needs of a broker.
///
/// What it promises, so that the loop loses nothing:
///
/// 1. A job that was pushed is delivered until it is acknowledged or buried, whoever crashes in between.
/// 2. A delivery is given to nobody else until it is settled, or its lease has run out.
/// 3. When a consumer has stopped, nothing is left with it: what [`fetch`](Self::fetch) took is in what it returned, and
///    what the broker had sent and nobody fetched is in what [`withdraw`](Self::withdraw) returns.
///
/// A queue may [prefetch](Self::prefetch) where it is told that it may, and not otherwise.
///
/// One `fetch` runs at a time; everything else may be called beside it and beside itself. Errors are logged and tried
/// again with backoff by the loop: an adapter makes its connection anew when it is called again, and doesn't wait for long.
pub trait Queue: Send + Sync + 'static {
    /// What a delivery is settled by.
    type Receipt: Clone + Send + Sync + 'static;

    /// Waits for jobs and returns up to `max` of them, at least one, or none once `stop` is stopping.
    ///
    /// From the moment `stop` is stopping it takes nothing new and returns at once with what it has. The loop doesn't drop
    /// the future before its time is up: an adapter needs no care but that its own waiting ends with `stop`.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked. It has then taken nothing that it does not give up by itself.
    fn fetch(
        &self,
        max: usize,
        stop: &Stop,
    ) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send;

    /// Says whether the queue may prefetch from now on, and returns whether it does.
    ///
    /// It may while whoever settles a job fetches again as soon as it can: the queue then takes as many jobs as it settles,
    /// in the same breath, and returns them from the next `fetch`, so that a job costs one way to the broker and not two.
    /// Never more than that: what is given out is at no time more than the consumer has places. The loop says yes when it
    /// begins and no at the signal. What was prefetched by then is in what [`withdraw`](Self::withdraw) returns.
    ///
    /// The loop doesn't gather free places for a queue that returns true: a fetch costs the broker nothing there.
    ///
    /// Default: false, and nothing is prefetched.
    fn prefetch(&self, allowed: bool) -> bool {
        let _ = allowed;
        false
    }

    /// Says what becomes of a delivery, and returns when the broker has it for good.
    ///
    /// # Errors
    ///
    /// When the broker cannot be told, or did not confirm it; the loop says it again. Saying it twice is [`Settled::Lost`] at worst.
    fn settle(
        &self,
        receipt: &Self::Receipt,
        settlement: Settlement,
    ) -> impl Future<Output = Result<Settled, BoxError>> + Send;

    /// Returns how long a delivery is ours without a word from us, where that has a limit.
    ///
    /// The loop [extends](Self::extend) what it has fetched three times in that time, until the last job has ended. The lease of
    /// what was sent ahead and not fetched yet is the adapter's to keep.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Begins the lease of these deliveries anew. One that was settled meanwhile, or is lost, is passed over in silence.
    ///
    /// # Errors
    ///
    /// When the broker cannot be told; the loop says it again.
    fn extend(&self, receipts: &[Self::Receipt]) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = receipts;
        future::ready(Ok(()))
    }

    /// Returns whether [`extend`](Self::extend) may be polled on another runtime than the other methods: it then uses nothing
    /// that makes progress on theirs only, such as a connection that was opened there.
    ///
    /// The loop then extends leases from a thread of its own with a runtime of its own, which is there until
    /// [`close`](Self::close) has returned. Handlers that block every thread of the consumer's runtime do not delay it.
    ///
    /// Default: false. Leases are then extended on the consumer's runtime, and a renewal that such handlers delay is logged as a
    /// warning before the leases expire.
    fn extends_anywhere(&self) -> bool {
        false
    }

    /// Returns why the queue may serve a consumer of `concurrency` jobs badly, such as a pool with too few connections. It is
    /// logged as a warning when the consumer is made.
    ///
    /// Default: `None`.
    fn limitation(&self, concurrency: usize) -> Option<String> {
        let _ = concurrency;
        None
    }

    /// Ends the subscription and returns what had been sent to us and was never fetched, for queues that prefetch and brokers
    /// that send ahead.
    ///
    /// Called when the stop has begun and the last fetch has returned, and again after an error, until it returns what there is.
    /// The loop hands that back. What the last fetch returned is handed back beside it: say the end first, so that the broker
    /// doesn't send it to us again.
    ///
    /// # Errors
    ///
    /// When the broker could not be told, and can be asked again: nothing is forgotten by then. The loop says it again until the
    /// time is up; what may still be given out then makes the exit code 3.
    fn withdraw(&self) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>, BoxError>> + Send {
        future::ready(Ok(Vec::new()))
    }

    /// Ends what the queue holds open for this consumer, in order. Called last, when everything is settled.
    ///
    /// # Errors
    ///
    /// When it could not be ended in order; nothing is lost by that.
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

/// One job, as its queue gave it out.
///
/// From then on nobody else gets it until it is settled or its lease runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<R> {
    /// What the queue knows this delivery by when it is settled: not the job, which may be delivered again.
    pub receipt: R,
    /// The job's id, the same in each delivery: what logs and the report name it by.
    pub id: String,
    /// What the producer sent.
    pub payload: Vec<u8>,
    /// Which attempt this is, from 1. Those that were handed back don't count where the queue can tell them apart.
    pub attempt: u32,
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The job is done: it is never delivered again.
    Ack,
    /// The job was not begun, or not finished for the stop's sake: the next consumer may have it at once, and the attempt
    /// does not count.
    Requeue,
    /// The attempt failed.
    Retry {
        /// The job is not delivered again before this has passed.
        after: Duration,
        /// Why it failed.
        error: String,
    },
    /// The job has failed for good: it is kept where somebody can look at it, and not delivered again.
    DeadLetter {
        /// Why it failed.
        error: String,
    },
}

/// Whether the delivery was still ours to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "another consumer runs a lost delivery again"]
pub enum Settled {
    /// It was, and it is settled for good: what was said survives the crash of either side.
    Done,
    /// Its lease had run out, and somebody else has it or may have it.
    Lost,
}

/// How many jobs of one queue are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobCounts {
    /// Those that nobody has, also those whose time has not come.
    pub waiting: u64,
    /// Those that a consumer has.
    pub leased: u64,
    /// Those that have failed for good.
    pub dead_lettered: u64,
}

impl JobCounts {
    /// Makes counts, as an adapter does.
    pub const fn new(waiting: u64, leased: u64, dead_lettered: u64) -> Self {
        Self { waiting, leased, dead_lettered }
    }
}
