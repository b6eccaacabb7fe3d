use std::future::{self, Future};
use std::time::Duration;

use crate::queue::Queue;
use crate::util::BoxError;

/// One queue of an adapter, by which the suite tries its promises: empty when it is made, and used by nobody else.
///
/// What the suite sees through it should come from the broker, not from the adapter that is tried.
pub trait Subject: Sync {
    /// The adapter.
    type Queue: Queue;

    /// Opens a consumer over the queue, with a connection of its own where there are connections.
    ///
    /// Where it has leases, give it one of so long, or the shortest beyond that: some promises wait for it to run out, and others
    /// see that what has come back did not wait for it. The consumers of one subject are all asked for the same.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    fn open(&self, lease: Duration) -> impl Future<Output = Result<Self::Queue, BoxError>>;

    /// Pushes a job the way a producer does, and returns when the broker has it.
    ///
    /// # Errors
    ///
    /// When the broker does not take it.
    fn push(&self, payload: &[u8]) -> impl Future<Output = Result<(), BoxError>>;

    /// Counts the jobs. It may lag behind: the suite asks again for a while.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    fn census(&self) -> impl Future<Output = Result<Census, BoxError>>;

    /// Returns what has been buried, as somebody who looks for it would find it.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    fn dead_lettered(&self) -> impl Future<Output = Result<Vec<DeadLettered>, BoxError>>;

    /// Ends a consumer the way a crash does: without a word to the broker. Dropping it is enough for most.
    fn crash(&self, queue: Self::Queue) -> impl Future<Output = ()> {
        drop(queue);
        future::ready(())
    }

    /// Cuts all consumers off from the broker until [`reconnect`](Self::reconnect), and returns whether it did: `false`, as it is by
    /// default, for a queue that no network is in between of. A [`Relay`](super::Relay) does it for those over TCP.
    ///
    /// # Errors
    ///
    /// When it cannot be done.
    fn disconnect(&self) -> impl Future<Output = Result<bool, BoxError>> {
        future::ready(Ok(false))
    }

    /// Lets the consumers reach the broker again.
    ///
    /// # Errors
    ///
    /// When it cannot be done.
    fn reconnect(&self) -> impl Future<Output = Result<(), BoxError>> {
        future::ready(Ok(()))
    }

    /// Returns whether one consumer gets the jobs in the order in which they were pushed, as it does by default.
    fn keeps_order(&self) -> bool {
        true
    }

    /// Returns whether the broker can tell a delivery that was handed back from an attempt that failed, as it can by default.
    fn counts_requeues(&self) -> bool {
        true
    }
}

/// How many jobs a queue has in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Those that nobody has, whether they may be delivered at once or not before a while.
    pub waiting: u64,
    /// Those that a consumer has, fetched or sent ahead; `None` where the broker does not tell.
    pub leased: Option<u64>,
    /// Those that are not delivered any more.
    pub dead_lettered: u64,
}

/// A job that has failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettered {
    /// What the producer had sent.
    pub payload: Vec<u8>,
    /// Why it failed, where that is kept.
    pub error: Option<String>,
}
