use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::model::part;
use crate::queue::{Queue as _, Settled, Settlement};
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tests that a delivery whose lease has expired is redelivered to another consumer, and that settlements of the first consumer have
/// no effect from then on.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When it is not redelivered, or the first consumer can still settle it or take it from the second.
pub async fn lapsed_lease_is_lost<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::LapsedLeaseIsLost);
    let slow = bench.open().await?;
    let Some(lease) = slow.lease() else { return Ok(Verdict::DoesNotApply) };
    let error = || "too late".to_owned();
    let late = [
        Settlement::Ack,
        Settlement::Requeue,
        Settlement::Retry { after: Duration::ZERO, error: error() },
        Settlement::DeadLetter { error: error() },
    ];
    bench.push_all(0..4).await?;
    let lapsed = bench.take(&slow, late.len()).await?;
    sleep(lease).await;
    let quick = bench.open().await?;
    let taken = bench.take(&quick, late.len()).await?;
    let receipts: Vec<_> = lapsed.iter().map(|delivery| delivery.receipt.clone()).collect();
    // The response for expired receipts is unspecified; that it takes nothing away is checked below.
    let _ = timeout(bench.at_once(), slow.extend(&receipts)).await;
    for (delivery, settlement) in lapsed.iter().zip(late) {
        let said = format!("{settlement:?} of {}", describe(delivery));
        if bench.settle(&slow, delivery, settlement).await? != Settled::Lost {
            return Err(bench.broken(format!("{said} was Done although another consumer holds the job")));
        }
    }
    for delivery in &taken {
        bench.settle_held(&quick, delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}

/// Tests that a job that was queued for longer than a lease before its first delivery stays exclusive for half a lease after it.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When another consumer receives it, for example because the lease began when the job was pushed.
pub async fn lease_begins_at_delivery<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::LeaseBeginsAtDelivery);
    let (ours, other) = (bench.open().await?, bench.open().await?);
    let Some(lease) = ours.lease() else { return Ok(Verdict::DoesNotApply) };
    bench.push(b"job").await?;
    sleep(part(lease, 5, 4)).await;
    let _held = bench.take_one(&ours).await?;
    bench.check_nothing_delivered(&other, part(lease, 1, 2)).await?;
    Ok(Verdict::Kept)
}

/// Tests that deliveries that are extended three times per lease stay exclusive for three leases, even if one of them was settled
/// meanwhile, as happens when a job ends while its lease is extended.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When another consumer receives one, or the settled one makes the extension of the others fail.
pub async fn extend_keeps<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::ExtendKeeps);
    let ours = bench.open().await?;
    let Some(lease) = ours.lease() else { return Ok(Verdict::DoesNotApply) };
    bench.push_all(0..4).await?;
    let held = bench.take(&ours, 4).await?;
    let other = bench.open().await?;
    bench.settle_held(&ours, &held[0], Settlement::Ack).await?;
    let extending = async {
        loop {
            let extended = bench.extend(&ours, &held).await;
            if extended.is_err() {
                break extended;
            }
            sleep(part(lease, 1, 3)).await;
        }
    };
    tokio::select! {
        broken = extending => broken?,
        seen = bench.check_nothing_delivered(&other, part(lease, 3, 1)) => seen?,
    }
    for delivery in &held[1..] {
        bench.settle_held(&ours, delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}
