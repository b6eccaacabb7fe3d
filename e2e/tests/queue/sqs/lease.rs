use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use crate::support::{fetch_all, fetch_for, next};

const LEASE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..30 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 20).await;
    drop(queue);

    let second = place.open_short(LEASE).await;
    // One after the other, as they come: what comes again has a lease of its own.
    let (mut ids, mut again) = (Vec::new(), 0);
    while ids.len() < 30 {
        let job = next(&second).await;
        again += usize::from(job.attempt == 2);
        assert_eq!(second.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        ids.push(job.id);
    }
    ids.sort();
    pushed.sort();
    assert_eq!((ids, again), (pushed, held.len()));
    let counts = place.counts().await;
    assert_eq!((counts.visible, counts.in_flight), (0, 0));
}

/// More than go into one request.
#[tokio::test]
async fn what_is_extended_stays_and_what_is_not_goes() {
    let place = Place::new();
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    for n in 0..12 {
        kept.push(n.to_string()).await.unwrap();
    }
    let ours = fetch_all(&kept, 12).await;
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;
    let receipts: Vec<_> = ours.iter().map(|job| job.receipt.clone()).collect();

    let other = place.open_short(LEASE).await;
    let extending = async {
        for _ in 0..9 {
            kept.extend(&receipts).await.unwrap();
            tokio::time::sleep(LEASE / 3).await;
        }
    };
    let (taken, ()) = tokio::join!(next(&other), extending);
    assert_eq!((&*taken.id, taken.attempt), (&*theirs.id, 2));
    // To extend what is lost does no harm to whose it is.
    lost.extend(std::slice::from_ref(&theirs.receipt)).await.unwrap();
    assert_eq!(lost.settle(&theirs.receipt, Settlement::HandBack).await.unwrap(), Settled::Lost);
    for job in &ours {
        assert_eq!(kept.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
}

/// By hand, the first receipt takes the job away from who has it by now.
#[tokio::test]
async fn a_receipt_is_that_of_one_delivery() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::HandBack).await.unwrap(), Settled::Lost);
    assert_eq!(place.counts().await.in_flight, 1, "whoever has it by now keeps it");
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, 2 * LEASE).await, []);

    let client = &place.client;
    let url = place.url(&place.name).await;
    queue.push("job").await.unwrap();
    let receive = || async {
        let asking = client.receive_message().queue_url(&url).visibility_timeout(2).wait_time_seconds(10);
        asking.send().await.unwrap().messages.unwrap().remove(0).receipt_handle.unwrap()
    };
    let (first, _second) = (receive().await, receive().await);
    let by_hand = client.change_message_visibility().queue_url(&url).receipt_handle(first);
    by_hand.visibility_timeout(0).send().await.unwrap();
    assert_eq!(place.counts().await.in_flight, 0, "the server believes whoever says it");
}

/// Half of it is less than the second that is the least a request can wait: it is asked again and again.
#[tokio::test]
async fn the_shortest_lease_is_kept_by_requests_that_do_not_wait() {
    let place = Place::new();
    let queue = place.open_short(Duration::from_secs(1)).await;
    let pushing = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        queue.push("late").await.unwrap()
    };
    let (job, id) = tokio::join!(next(&queue), pushing);
    assert_eq!(job.id, id);
    let (others, ()) = tokio::join!(fetch_for(&queue, Duration::from_secs(2)), async {
        for _ in 0..12 {
            queue.extend(std::slice::from_ref(&job.receipt)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    assert_eq!(others, []);
    assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.withdraw().await.unwrap(), []);
}
