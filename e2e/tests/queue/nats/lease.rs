use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use crate::leases;
use crate::support::{fetch_all, next};

const LEASE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new().await;
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..60 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 40).await;
    assert_eq!(held.len(), 40);
    drop(queue);

    let next = place.open_short(LEASE).await;
    // One after the other, as they come: what comes again has a lease of its own.
    let (mut ids, mut again) = (Vec::new(), 0);
    while ids.len() < 60 {
        let job = crate::support::next(&next).await;
        again += u32::from(job.attempt == 2);
        assert_eq!(next.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        ids.push(job.id);
    }
    ids.sort();
    pushed.sort();
    assert_eq!((ids, again), (pushed, 40));
    assert_eq!(place.messages().await, 0);
}

#[tokio::test]
async fn what_is_extended_stays_and_what_is_not_goes() {
    let place = Place::new().await;
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    kept.push("kept").await.unwrap();
    let ours = next(&kept).await;
    kept.withdraw().await.unwrap();
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;

    let other = place.open_short(LEASE).await;
    leases::what_is_extended_stays_and_what_is_not_goes([&kept, &lost, &other], LEASE, [&ours, &theirs])
        .await;
    assert_eq!(place.messages().await, 1);
}

#[tokio::test]
async fn a_receipt_is_that_of_one_delivery() {
    let place = Place::new().await;
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    leases::a_receipt_is_that_of_one_delivery(&queue, LEASE).await;
}
