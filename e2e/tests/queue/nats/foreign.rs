use std::time::Duration;

use async_nats::HeaderMap;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_nats::NatsQueueError;

use super::place::Place;
use crate::support::next;

/// The server's default.
const MAX_PAYLOAD: usize = 1024 * 1024;

#[tokio::test]
async fn a_job_that_another_program_published_keeps_its_headers() {
    let place = Place::new().await;
    let queue = place.open().await;
    let mut headers = HeaderMap::new();
    headers.insert("Trace", "00-4bf9");
    headers.insert("Nats-Msg-Id", "theirs");
    headers.insert("Nats-Expected-Stream", &*place.name);
    headers.insert("Nats-Expected-Last-Sequence", "0");
    let name = place.name.clone();
    let published = place.context.publish_with_headers(name, headers, "job".into()).await.unwrap();
    let id = published.await.unwrap().sequence.to_string();
    let job = next(&queue).await;
    assert_eq!((&*job.id, &*job.payload, job.attempt), (&*id, b"job".as_slice(), 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    assert_eq!((&*job.id, job.attempt), (&*id, 1));
    let bury = Settlement::Bury { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    assert_eq!(place.buried().await[0].headers.get("Trace").unwrap().as_str(), "00-4bf9");
}

#[tokio::test]
async fn headers_that_mean_nothing_do_no_harm() {
    let place = Place::new().await;
    let queue = place.open().await;
    let mut headers = HeaderMap::new();
    headers.insert("Ebbtide-Tries", "minus one");
    headers.insert("Ebbtide-Job", "");
    let name = place.name.clone();
    place.context.publish_with_headers(name, headers, "".into()).await.unwrap().await.unwrap();
    let job = next(&queue).await;
    assert_eq!((job.payload.len(), job.attempt), (0, 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    assert_eq!(next(&queue).await.attempt, 1);
}

/// As large as the server takes: there is no room for headers of ours, and for a job that has them no room for an error.
#[tokio::test]
async fn a_payload_without_room_for_headers_is_handed_back_and_buried_all_the_same() {
    let place = Place::new().await;
    let queue = place.open().await;
    let too_large = queue.push(vec![0; MAX_PAYLOAD]).await.unwrap_err();
    assert!(matches!(too_large, NatsQueueError::TooLarge { size: MAX_PAYLOAD, .. }), "{too_large:?}");
    for (size, attempts) in [(MAX_PAYLOAD, 2), (MAX_PAYLOAD - 1024, 1)] {
        let payload = vec![7; size];
        let published = place.context.publish(place.name.clone(), payload.clone().into()).await.unwrap();
        published.await.unwrap();
        let job = next(&queue).await;
        assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
        let job = next(&queue).await;
        assert_eq!(job.attempt, attempts, "without room the hand-back counts");
        let bury = Settlement::Bury { error: "x".repeat(100_000) };
        assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
        assert!(place.buried().await.pop().unwrap().payload == payload);
    }
    queue.push(vec![0; MAX_PAYLOAD - 1024]).await.unwrap();
}

#[tokio::test]
async fn streams_that_are_deleted_under_their_consumers_are_made_anew() {
    let place = Place::new().await;
    let queue = place.open().await;
    place.context.delete_stream(&place.name).await.unwrap();
    let job = async {
        loop {
            if let Ok(jobs) = queue.fetch(1, &ebbtide::Stop::never()).await {
                break jobs;
            }
        }
    };
    let pushing = async {
        while queue.push("job").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (jobs, ()) = tokio::join!(job, pushing);
    assert_eq!(jobs[0].payload, b"job");
}
