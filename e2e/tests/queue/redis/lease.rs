use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};
use futures_util::future::join_all;

use super::place::Place;
use crate::leases;
use crate::support::{fetch_all, next};

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..300 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 250).await;
    assert_eq!(held.len(), 250);
    drop(queue);

    let next = place.open_short(LEASE).await;
    let mut found = fetch_all(&next, 300).await;
    found.sort_by_key(|job| job.payload.len() * 1000 + usize::from(job.payload[0]));
    let mut ids: Vec<_> = found.iter().map(|job| job.id.clone()).collect();
    ids.sort();
    pushed.sort();
    assert_eq!(ids, pushed);
    assert_eq!(found.iter().filter(|job| job.attempt == 2).count(), 250, "what the crash had is tried again");
    for job in found {
        assert_eq!(next.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    assert_eq!(next.counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn what_is_extended_stays_and_what_is_not_goes() {
    let place = Place::new();
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    kept.push("kept").await.unwrap();
    let ours = next(&kept).await;
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;

    let other = place.open_short(LEASE).await;
    let consumers = [&kept, &lost, &other];
    let taken = leases::what_is_extended_stays_and_what_is_not_goes(consumers, LEASE, [&ours, &theirs]).await;
    assert_eq!(other.settle(&taken.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(other.counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn a_receipt_is_that_of_one_delivery() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    leases::a_receipt_is_that_of_one_delivery(&queue, LEASE).await;
}

/// After an outage that is longer than its lease, for one, and then the stop comes while it runs again.
#[tokio::test]
async fn a_job_that_was_taken_over_from_ourselves_is_not_withdrawn_when_its_first_run_has_ended() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(queue.withdraw().await.unwrap(), []);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

/// They go to Redis in batches.
#[tokio::test]
async fn of_many_that_are_acknowledged_at_once_each_has_its_own_answer() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    for n in 0..40 {
        queue.push(n.to_string()).await.unwrap();
    }
    let held = fetch_all(&queue, 40).await;
    let (extended, lapsed) = held.split_at(30);
    let extended: Vec<_> = extended.iter().map(|job| job.receipt.clone()).collect();
    let extending = async {
        loop {
            queue.extend(&extended).await.unwrap();
            tokio::time::sleep(LEASE / 4).await;
        }
    };
    let other = place.open_short(LEASE).await;
    let taken = tokio::select! {
        taken = fetch_all(&other, lapsed.len()) => taken,
        () = extending => unreachable!("it goes on for ever"),
    };
    let acked = held.iter().map(|job| queue.settle(&job.receipt, Settlement::Ack));
    let said: Vec<_> = join_all(acked).await.into_iter().map(Result::unwrap).collect();
    assert!(said[..30].iter().all(|settled| *settled == Settled::Done), "{said:?}");
    assert!(said[30..].iter().all(|settled| *settled == Settled::Lost), "{said:?}");
    // What is whose is still whose.
    assert_eq!(other.counts().await.unwrap().leased, 10);
    for job in taken {
        assert_eq!(other.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    assert_eq!(other.counts().await.unwrap(), Default::default());
}

/// More than one look at what is pending has room for: a look takes ten times as many as it is asked for.
#[tokio::test]
async fn what_was_left_is_found_behind_much_that_was_not() {
    let place = Place::new();
    let busy = place.open_short(LEASE).await;
    for n in 0..200 {
        busy.push(n.to_string()).await.unwrap();
    }
    let held: Vec<_> = fetch_all(&busy, 200).await.into_iter().map(|job| job.receipt).collect();
    let gone = place.open_short(LEASE).await;
    let id = gone.push("left").await.unwrap();
    assert_eq!(next(&gone).await.id, id);
    drop(gone);
    let other = place.open_short(LEASE).await;
    let extending = async {
        loop {
            busy.extend(&held).await.unwrap();
            tokio::time::sleep(LEASE / 4).await;
        }
    };
    let found = tokio::select! {
        found = next(&other) => found,
        () = extending => unreachable!("it goes on for ever"),
    };
    assert_eq!(found.id, id);
}
