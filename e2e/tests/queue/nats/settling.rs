use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use crate::support::{fetch_for, next, now};

#[tokio::test]
async fn what_is_handed_back_wakes_a_consumer_that_waits_under_its_id_and_uncounted() {
    let place = Place::new().await;
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for _ in 0..3 {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, 1));
        let (again, settled) = tokio::join!(next(&second), first.settle(&job.receipt, Settlement::HandBack));
        assert_eq!((settled.unwrap(), &*again.id, again.attempt), (Settled::Done, &*id, 1));
        assert_eq!(second.settle(&again.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    }
    // It is one job still, and nobody's.
    let info = place.info().await;
    assert_eq!((place.messages().await, info.num_ack_pending, info.num_pending), (1, 0, 1));
}

#[tokio::test]
async fn a_retry_waits_for_its_time_whoever_fetches_and_counts() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push([0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for after in [700, 0, 300] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let other = place.open().await;
        let again = next(&other).await;
        assert!(began.elapsed() >= after, "{:?} instead of {after:?}", began.elapsed());
        assert_eq!((&*again.id, &*again.payload), (&*id, [0, 255, 10, 13, 0].as_slice()));
        attempts.push(again.attempt);
        assert_eq!(other.settle(&again.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    }
    assert_eq!(attempts, [1, 2, 2, 3, 3, 4]);
}

#[tokio::test]
async fn what_is_buried_is_kept_with_its_error_and_not_delivered() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let error = "no such address:\r\n\"☃\" \0".to_owned();
    let bury = Settlement::Bury { error: error.clone() };
    assert_eq!(queue.settle(&job.receipt, bury.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
    let buried = place.buried().await;
    assert_eq!((buried.len(), &*buried[0].payload), (1, b"job".as_slice()));
    let header = |name| buried[0].headers.get(name).unwrap().as_str();
    assert_eq!(serde_json::from_str::<String>(header("Ebbtide-Error")).unwrap(), error);
    assert_eq!((header("Ebbtide-Job"), header("Ebbtide-Tries")), (&*id, "1"));
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.buried), (0, 0, 1));
    assert_eq!(place.messages().await, 0, "it is no longer where jobs are delivered from");
}

/// What the server said to a word that did not reach us it says to the same word again.
#[tokio::test]
async fn what_is_handed_back_twice_is_there_once() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let twice = async |n: u32| {
        // The first word got as far as the stream, and its answer was lost.
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("back-{id}-{}", job.attempt));
        headers.insert("Ebbtide-Job", &*id);
        let name = place.name.clone();
        let stored =
            place.context.publish_with_headers(name, headers, "job".into()).await.unwrap().await.unwrap();
        assert_eq!(stored.duplicate, n > 0);
    };
    twice(0).await;
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    twice(1).await;
    assert_eq!(place.messages().await, 1);
    assert_eq!(next(&queue).await.id, id);
}
