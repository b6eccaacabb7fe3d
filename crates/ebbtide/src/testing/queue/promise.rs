use std::fmt;
use std::time::Duration;

use crate::util::{BoxError, chain};

/// One of the things that a [`Queue`](crate::queue::Queue) promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Promise {
    /// See [`payloads_arrive_exactly`](super::promises::payloads_arrive_exactly).
    PayloadsArriveExactly,
    /// See [`id_stays`](super::promises::id_stays).
    IdStays,
    /// See [`fetch_waits`](super::promises::fetch_waits).
    FetchWaits,
    /// See [`fetch_ends_with_stop`](super::promises::fetch_ends_with_stop).
    FetchEndsWithStop,
    /// See [`stopped_fetch_keeps_nothing`](super::promises::stopped_fetch_keeps_nothing).
    StoppedFetchKeepsNothing,
    /// See [`fetch_takes_at_most_max`](super::promises::fetch_takes_at_most_max).
    FetchTakesAtMostMax,
    /// See [`deliveries_are_exclusive`](super::promises::deliveries_are_exclusive).
    DeliveriesAreExclusive,
    /// See [`ack_is_final`](super::promises::ack_is_final).
    AckIsFinal,
    /// See [`requeue_is_immediate`](super::promises::requeue_is_immediate).
    RequeueIsImmediate,
    /// See [`retry_waits`](super::promises::retry_waits).
    RetryWaits,
    /// See [`dead_letter_is_kept`](super::promises::dead_letter_is_kept).
    DeadLetterIsKept,
    /// See [`crash_loses_nothing`](super::promises::crash_loses_nothing).
    CrashLosesNothing,
    /// See [`lapsed_lease_is_lost`](super::promises::lapsed_lease_is_lost).
    LapsedLeaseIsLost,
    /// See [`lease_begins_at_delivery`](super::promises::lease_begins_at_delivery).
    LeaseBeginsAtDelivery,
    /// See [`extend_keeps`](super::promises::extend_keeps).
    ExtendKeeps,
    /// See [`first_settlement_counts`](super::promises::first_settlement_counts).
    FirstSettlementCounts,
    /// See [`stop_leaves_nothing`](super::promises::stop_leaves_nothing).
    StopLeavesNothing,
    /// See [`prefetch_keeps_nothing`](super::promises::prefetch_keeps_nothing).
    PrefetchKeepsNothing,
    /// See [`order_is_kept`](super::promises::order_is_kept).
    OrderIsKept,
    /// See [`outage_is_an_error`](super::promises::outage_is_an_error).
    OutageIsAnError,
}

/// The result of a promise that was not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Kept,
    /// This queue does not make the promise. For example, without leases none expires.
    DoesNotApply,
}

/// A promise that a queue has broken.
#[derive(Debug, thiserror::Error)]
#[error("{promise:?} broken: {promise}")]
pub struct Broken {
    /// The broken promise.
    pub promise: Promise,
    /// The observed failure.
    #[source]
    pub why: Why,
}

/// The observation that shows a broken promise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// A violation of the promise.
    #[error("{0}")]
    Violated(String),
    /// A call failed that must not fail.
    #[error("failed to {step}")]
    Failed {
        /// The attempted step.
        step: &'static str,
        /// The error of the adapter.
        source: BoxError,
    },
    /// A violation after a lease that may have expired meanwhile, which the promise allows. The broker or the machine is too slow for
    /// this lease: repeat the test where less else runs.
    #[error("inconclusive: {seen}, but the lease may have expired {late:?} earlier")]
    Inconclusive {
        /// The observation.
        seen: String,
        /// How long ago the lease may have expired.
        late: Duration,
    },
    /// A call did not return.
    #[error("took longer than {limit:?} to {step}")]
    Timeout {
        /// The attempted step.
        step: &'static str,
        /// The timeout.
        limit: Duration,
    },
}

/// A queue breaks promises of [`Queue`](crate::queue::Queue).
#[derive(Debug, thiserror::Error)]
#[error("queue does not conform: {}", list(broken))]
#[non_exhaustive]
pub struct NotConforming {
    /// The broken promises, at least one.
    pub broken: Vec<Broken>,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PayloadsArriveExactly => "a payload is delivered byte for byte",
            Self::IdStays => "a job has the same id in each delivery",
            Self::FetchWaits => "fetch waits for a job and returns at least one",
            Self::FetchEndsWithStop => "fetch takes nothing and returns immediately when stopping",
            Self::StoppedFetchKeepsNothing => "a stopped fetch returns every job that it took",
            Self::FetchTakesAtMostMax => "fetch takes at most the requested number of jobs",
            Self::DeliveriesAreExclusive => {
                "a delivery is exclusive until it is settled or its lease expires"
            }
            Self::AckIsFinal => "an acknowledged job is never redelivered",
            Self::RequeueIsImmediate => {
                "a requeued job is available immediately and its attempt is not counted"
            }
            Self::RetryWaits => "a retried job is delivered after its delay, as the next attempt",
            Self::DeadLetterIsKept => "a dead-lettered job is kept and not redelivered",
            Self::CrashLosesNothing => "the jobs of a crashed consumer are redelivered",
            Self::LapsedLeaseIsLost => "a delivery whose lease has expired is lost to its consumer",
            Self::LeaseBeginsAtDelivery => "a lease begins at the delivery, however long the job was queued",
            Self::ExtendKeeps => "an extended delivery is kept",
            Self::FirstSettlementCounts => "the first settlement counts, and a second one has no effect",
            Self::StopLeavesNothing => "a stopped consumer holds no job",
            Self::PrefetchKeepsNothing => {
                "a prefetched job replaces a settled one, and is fetched or withdrawn"
            }
            Self::OrderIsKept => "jobs are delivered in the order in which they were pushed",
            Self::OutageIsAnError => {
                "an unreachable broker is an error, and the queue reconnects when it returns"
            }
        })
    }
}

fn list(broken: &[Broken]) -> String {
    let broken: Vec<String> = broken.iter().map(|broken| chain(broken)).collect();
    broken.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let failed = || Why::Failed { step: "fetch a job", source: "reset".into() };
        error_form::walk! {
            Why::Violated(_) => Why::Violated("delivered twice".to_owned());
            Why::Failed { .. } => failed();
            Why::Inconclusive { .. } => Why::Inconclusive { seen: "delivered twice".to_owned(), late: Duration::from_secs(1) };
            Why::Timeout { .. } => Why::Timeout { step: "fetch a job", limit: Duration::from_secs(1) };
        }
        let broken = || Broken { promise: Promise::AckIsFinal, why: failed() };
        error_form::walk! { Broken { .. } => broken(); }
        error_form::walk! { NotConforming { .. } => NotConforming { broken: vec![broken()] }; }
    }
}
