use std::future::{self, Future};
use std::time::Duration;

use crate::queue::Queue;
use crate::util::BoxError;

/// One queue of an adapter under test. It is empty when created, and only the suite uses it.
///
/// Its counts and contents should come from the broker, not from the adapter under test.
pub trait Subject: Sync {
    /// The adapter under test.
    type Queue: Queue;

    /// Opens a consumer of the queue, with a separate connection where the adapter has connections.
    ///
    /// Where the adapter has leases, set this lease, or the shortest supported one above it: some tests wait until it expires, and
    /// others verify that a redelivery did not wait for it. The suite requests the same lease for all consumers of a subject.
    ///
    /// # Errors
    ///
    /// When the consumer cannot be opened.
    fn open(&self, lease: Duration) -> impl Future<Output = Result<Self::Queue, BoxError>>;

    /// Pushes a job as a producer does, and returns when the broker has stored it.
    ///
    /// # Errors
    ///
    /// When the broker does not accept the job.
    fn push(&self, payload: &[u8]) -> impl Future<Output = Result<(), BoxError>>;

    /// Counts the jobs. The counts may lag behind: the suite retries for a while.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached.
    fn job_counts(&self) -> impl Future<Output = Result<SubjectCounts, BoxError>>;

    /// Returns the dead-lettered jobs, as an operator would find them.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached.
    fn dead_lettered(&self) -> impl Future<Output = Result<Vec<DeadLettered>, BoxError>>;

    /// Ends a consumer as a crash does, without notifying the broker. For most adapters dropping it suffices.
    fn crash(&self, queue: Self::Queue) -> impl Future<Output = ()> {
        drop(queue);
        future::ready(())
    }

    /// Disconnects all consumers from the broker until [`reconnect`](Self::reconnect), and returns whether it did. Default: `false`,
    /// for a queue without a network. A [`Relay`](super::Relay) implements it for TCP.
    ///
    /// # Errors
    ///
    /// When the operation fails.
    fn disconnect(&self) -> impl Future<Output = Result<bool, BoxError>> {
        future::ready(Ok(false))
    }

    /// Reconnects the consumers to the broker.
    ///
    /// # Errors
    ///
    /// When the operation fails.
    fn reconnect(&self) -> impl Future<Output = Result<(), BoxError>> {
        future::ready(Ok(()))
    }

    /// Returns whether one consumer receives jobs in the order in which they were pushed. Default: true.
    fn keeps_order(&self) -> bool {
        true
    }

    /// Returns whether the broker can distinguish a requeued delivery from a failed attempt. Default: true.
    fn counts_requeues(&self) -> bool {
        true
    }
}

/// The number of jobs of a queue in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubjectCounts {
    /// Queued jobs, including delayed ones.
    pub waiting: u64,
    /// Jobs held by a consumer, fetched or sent ahead. `None` if the broker does not report it.
    pub leased: Option<u64>,
    /// Dead-lettered jobs.
    pub dead_lettered: u64,
}

/// A job that has failed permanently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettered {
    /// The bytes that the producer sent.
    pub payload: Vec<u8>,
    /// The error, if it is stored.
    pub error: Option<String>,
}
