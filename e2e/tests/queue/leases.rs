//! What the adapters of brokers without a table have in common about leases and stops.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide::queue::{Delivery, Queue, Settled, Settlement};

use crate::support::{fetch_for, next, now};

/// A consumer that slept through its lease may be the one that takes the job over: its first receipt is lost all the same.
pub(crate) async fn a_receipt_is_that_of_one_delivery<Q: Queue>(queue: &Q, lease: Duration) {
    let first = next(queue).await;
    let second = next(queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert!(fetch_for(queue, 2 * lease).await.is_empty());
}

/// Two consumers have one job each, and one of them extends its lease: a third is given the other's, which that cannot settle any more. Returns it.
pub(crate) async fn what_is_extended_stays_and_what_is_not_goes<Q: Queue>(
    [kept, lost, other]: [&Q; 3],
    lease: Duration,
    [ours, theirs]: [&Delivery<Q::Receipt>; 2],
) -> Delivery<Q::Receipt> {
    let extending = async {
        for _ in 0..10 {
            tokio::time::sleep(lease / 4).await;
            kept.extend(std::slice::from_ref(&ours.receipt)).await.unwrap();
        }
    };
    let (taken, ()) = tokio::join!(next(other), extending);
    assert_eq!((&*taken.id, taken.attempt), (&*theirs.id, 2));
    // To extend what is lost does no harm to whose it is.
    lost.extend(std::slice::from_ref(&theirs.receipt)).await.unwrap();
    assert_eq!(lost.settle(&theirs.receipt, Settlement::HandBack).await.unwrap(), Settled::Lost);
    assert_eq!(kept.settle(&ours.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    taken
}

/// Each wait would take a second.
pub(crate) async fn a_fetch_that_waits_ends_with_the_stop_at_once<Q: Queue>(queue: &Q) {
    let began = now();
    for _ in 0..20 {
        assert!(fetch_for(queue, Duration::from_millis(20)).await.is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(20) / 4, "{:?}", began.elapsed());
}
