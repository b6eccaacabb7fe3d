use std::time::Duration;

use super::promise::{Broken, NotConforming, Promise, Verdict, Why};
use super::promises;
use super::subject::{DeadLettered, Subject, SubjectCounts};
use crate::util::BoxError;

/// The lease factors of successive tests of a promise. The next one is used if a lease may have expired.
const LENGTHENED: [u32; 3] = [1, 4, 16];

/// Tests every promise on a separate subject, and returns which are kept and which do not apply.
///
/// The tests run sequentially and take about a quarter of a minute where a stop waits for nothing: most of them wait for
/// something not to happen.
///
/// A lease that may have expired because the broker or the machine was slow is inconclusive: the promise is tested again on a
/// new subject with leases of four times, then sixteen times the length, before it is reported as broken by [`Why::Inconclusive`].
///
/// # Errors
///
/// When a promise is broken, or a subject cannot be created. All promises are tested, even if one is broken.
///
/// # Examples
///
/// See [the module](super).
pub async fn conforms<S: Subject>(
    fresh: impl AsyncFn() -> Result<S, BoxError>,
) -> Result<Vec<(Promise, Verdict)>, NotConforming> {
    let (mut kept, mut broken) = (Vec::new(), Vec::new());
    macro_rules! tries {
        ($($promise:ident: $try:ident),* $(,)?) => {$(
            let promise = Promise::$promise;
            let mut verdict = Ok(Verdict::DoesNotApply);
            for lengthened in LENGTHENED {
                verdict = match fresh().await {
                    Ok(subject) => promises::$try(&Longer { subject, lengthened }).await,
                    Err(source) => {
                        Err(Broken { promise, why: Why::Failed { step: "create the queue under test", source } })
                    }
                };
                if !matches!(verdict, Err(Broken { why: Why::Inconclusive { .. }, .. })) {
                    break;
                }
            }
            match verdict {
                Ok(verdict) => kept.push((promise, verdict)),
                Err(why) => broken.push(why),
            }
        )*};
    }
    tries!(
        PayloadsArriveExactly: payloads_arrive_exactly,
        IdStays: id_stays,
        FetchWaits: fetch_waits,
        FetchEndsWithStop: fetch_ends_with_stop,
        StoppedFetchKeepsNothing: stopped_fetch_keeps_nothing,
        FetchTakesAtMostMax: fetch_takes_at_most_max,
        DeliveriesAreExclusive: deliveries_are_exclusive,
        AckIsFinal: ack_is_final,
        RequeueIsImmediate: requeue_is_immediate,
        RetryWaits: retry_waits,
        DeadLetterIsKept: dead_letter_is_kept,
        CrashLosesNothing: crash_loses_nothing,
        LapsedLeaseIsLost: lapsed_lease_is_lost,
        LeaseBeginsAtDelivery: lease_begins_at_delivery,
        ExtendKeeps: extend_keeps,
        FirstSettlementCounts: first_settlement_counts,
        StopLeavesNothing: stop_leaves_nothing,
        PrefetchKeepsNothing: prefetch_keeps_nothing,
        OrderIsKept: order_is_kept,
        OutageIsAnError: outage_is_an_error,
    );
    if broken.is_empty() { Ok(kept) } else { Err(NotConforming { broken }) }
}

/// A subject whose leases are longer than the tests request.
struct Longer<S> {
    subject: S,
    lengthened: u32,
}

impl<S: Subject> Subject for Longer<S> {
    type Queue = S::Queue;

    async fn open(&self, lease: Duration) -> Result<S::Queue, BoxError> {
        self.subject.open(lease.saturating_mul(self.lengthened)).await
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        self.subject.push(payload).await
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        self.subject.job_counts().await
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        self.subject.dead_lettered().await
    }

    async fn crash(&self, queue: S::Queue) {
        self.subject.crash(queue).await;
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.subject.disconnect().await
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        self.subject.reconnect().await
    }

    fn keeps_order(&self) -> bool {
        self.subject.keeps_order()
    }

    fn counts_requeues(&self) -> bool {
        self.subject.counts_requeues()
    }
}
