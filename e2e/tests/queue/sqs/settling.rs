use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::{Counts, Place};
use crate::support::{ERROR, fetch_for, next, now};

/// SQS counts what it gives out: the attempt of a job that was handed back is counted, and nothing else is different.
#[tokio::test]
async fn what_is_handed_back_wakes_a_consumer_that_waits_under_its_id() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for attempt in [1, 3, 5] {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, attempt));
        assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 1 });
        let (again, settled) = tokio::join!(next(&second), first.settle(&job.receipt, Settlement::HandBack));
        assert_eq!((settled.unwrap(), &*again.id, again.attempt), (Settled::Done, &*id, attempt + 1));
        assert_eq!(second.settle(&again.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    }
    // It is one job still, and nobody's.
    assert_eq!(place.counts().await, Counts { visible: 1, in_flight: 0 });
}

#[tokio::test]
async fn a_retry_waits_for_its_time_rounded_up_whoever_fetches_and_counts() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push([0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for (after, wait) in [(1200, 2), (0, 0), (300, 1)] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let other = place.open().await;
        let again = next(&other).await;
        let waited = began.elapsed();
        assert!(waited >= Duration::from_secs(wait), "{waited:?} for {after:?}");
        assert_eq!((&*again.id, &*again.payload), (&*id, [0, 255, 10, 13, 0].as_slice()));
        attempts.push(again.attempt);
        assert_eq!(other.settle(&again.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    }
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn what_is_buried_says_why_and_which_it_was_and_is_gone_from_where_jobs_come() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let bury = Settlement::Bury { error: ERROR.to_owned() };
    assert_eq!(queue.settle(&job.receipt, bury.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Lost);
    let buried = place.buried().await;
    assert_eq!(buried.len(), 1);
    assert_eq!(buried[0].body, "job");
    let error = buried[0].attribute("Ebbtide-Error").unwrap();
    assert_eq!(serde_json::from_str::<String>(error).unwrap(), ERROR);
    assert_eq!(buried[0].attribute("Ebbtide-Job"), Some(&*id));
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.buried), (0, 0, 1));
}

/// The message is deleted by somebody else: nothing is left to be said of it.
#[tokio::test]
async fn what_is_not_there_any_more_is_lost() {
    let place = Place::new();
    let queue = place.open().await;
    queue.push("job").await.unwrap();
    let job = next(&queue).await;
    place.client.purge_queue().queue_url(place.url(&place.name).await).send().await.unwrap();
    queue.extend(std::slice::from_ref(&job.receipt)).await.unwrap();
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Lost);
    assert!(fetch_for(&queue, Duration::from_millis(300)).await.is_empty());
}
