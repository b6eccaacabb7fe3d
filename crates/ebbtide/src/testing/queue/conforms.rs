use super::broken::{Broken, NotConforming, Why};
use super::promise::{Promise, Verdict};
use super::promises;
use super::subject::Subject;
use crate::runtime::BoxError;

/// Tries every promise, each on a subject of its own, and returns which ones were kept and which don't apply.
///
/// One after the other, a quarter of a minute in all where a stop waits for nothing: most of them wait for something not to happen.
///
/// # Errors
///
/// When a promise is broken, or a subject cannot be made. All of them are tried, whether or not one is broken.
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
            let verdict = match fresh().await {
                Ok(subject) => promises::$try(&subject).await,
                Err(source) => {
                    Err(Broken { promise, why: Why::Failed { step: "make the queue to try it on", source } })
                }
            };
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
        HandBackIsAtOnce: hand_back_is_at_once,
        RetryWaits: retry_waits,
        BuriedIsKept: buried_is_kept,
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
