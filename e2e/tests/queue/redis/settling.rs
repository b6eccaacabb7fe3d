use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use crate::server::Server;
use crate::support::{fetch_all, fetch_for, next, now};

#[tokio::test]
async fn what_is_handed_back_wakes_a_consumer_that_waits_under_its_id_and_uncounted() {
    let server = Server::redis(&["--save", ""]).await;
    let place = Place::at(server.url("redis"));
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for _ in 0..5 {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, 1));
        let (again, settled) = tokio::join!(next(&second), async {
            // The other one waits, and is not asked to look again for a second.
            place.wait_for_blocked(1).await;
            first.settle(&job.receipt, Settlement::HandBack).await.unwrap()
        });
        assert_eq!((settled, &*again.id, again.attempt), (Settled::Done, &*id, 1));
        assert_eq!(second.settle(&again.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    }
}

#[tokio::test]
async fn a_retry_waits_for_its_time_whoever_fetches_and_counts() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push(vec![0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for after in [700, 0, 300] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let counts = queue.counts().await.unwrap();
        assert_eq!((counts.waiting, counts.leased, counts.buried), (1, 0, 0));
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
async fn many_that_are_due_at_once_all_come() {
    let place = Place::new();
    let queue = place.open().await;
    for n in 0..350 {
        queue.push(n.to_string()).await.unwrap();
    }
    for job in fetch_all(&queue, 350).await {
        let retry = Settlement::Retry { after: Duration::from_millis(10), error: String::new() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    }
    assert!(fetch_all(&queue, 350).await.iter().all(|job| job.attempt == 2));
}

#[tokio::test]
async fn what_is_buried_is_kept_with_its_error_and_not_delivered() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let error = "no such address:\r\n\"☃\" \0".to_owned();
    let bury = Settlement::Bury { error: error.clone() };
    assert_eq!(queue.settle(&job.receipt, bury.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
    let buried = place.buried().await;
    assert_eq!(buried.len(), 1);
    assert_eq!(buried[0]["payload"], b"job");
    assert_eq!(buried[0]["ebbtide-error"], error.as_bytes());
    assert_eq!(buried[0]["ebbtide-job"], id.as_bytes());
    assert_eq!(buried[0]["ebbtide-tries"], b"1");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.buried), (0, 0, 1));
}
