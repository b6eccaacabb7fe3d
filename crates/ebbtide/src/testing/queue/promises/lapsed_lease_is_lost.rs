use std::time::Duration;

use tokio::time::sleep;

use crate::queue::{Queue as _, Settled, Settlement};
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether a delivery whose lease has run out comes to somebody else, and from then on nothing that the first consumer
/// says of it counts.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When it does not come, or the first consumer can still settle it, or take it away from the second.
pub async fn lapsed_lease_is_lost<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::LapsedLeaseIsLost);
    let slow = bench.open().await?;
    let Some(lease) = slow.lease() else { return Ok(Verdict::DoesNotApply) };
    let error = || "too late".to_owned();
    let late = [
        Settlement::Ack,
        Settlement::HandBack,
        Settlement::Retry { after: Duration::ZERO, error: error() },
        Settlement::Bury { error: error() },
    ];
    bench.push_all(0..4).await?;
    let lapsed = bench.take(&slow, late.len()).await?;
    sleep(lease).await;
    let quick = bench.open().await?;
    let taken = bench.take(&quick, late.len()).await?;
    let receipts: Vec<_> = lapsed.iter().map(|delivery| delivery.receipt.clone()).collect();
    // What it says of receipts that are lost is its own affair; that it takes nothing away is seen below.
    let _ = tokio::time::timeout(bench.at_once(), slow.extend(&receipts)).await;
    for (delivery, settlement) in lapsed.iter().zip(late) {
        let said = format!("{settlement:?} of {}", describe(delivery));
        if bench.settle(&slow, delivery, settlement).await? != Settled::Lost {
            return Err(bench.broken(format!("{said} was Done, though somebody else has it")));
        }
    }
    for delivery in &taken {
        bench.settle_ours(&quick, delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}
