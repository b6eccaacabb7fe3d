use std::collections::HashMap;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::{Place, text};
use crate::support::next;

#[tokio::test]
async fn a_job_that_another_program_sent_keeps_its_attributes() {
    let place = Place::new();
    let queue = place.open().await;
    let theirs = HashMap::from([("Trace".to_owned(), text("00-4bf9"))]);
    place.send("job", theirs).await;
    let job = next(&queue).await;
    assert_eq!((&*job.payload, job.attempt), (b"job".as_slice(), 1));
    let bury = Settlement::Bury { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    let buried = place.buried().await;
    assert_eq!(buried[0].attribute("Trace"), Some("00-4bf9"));
    assert_eq!(buried[0].attribute("Ebbtide-Error"), Some("\"no\""));
}

/// As large as the server takes, and with as many attributes: what has no room is left out.
#[tokio::test]
async fn a_job_without_room_for_the_reason_is_buried_all_the_same() {
    let place = Place::new();
    let queue = place.open().await;
    let payload = "x".repeat(1024 * 1024);
    queue.push(&payload).await.unwrap();
    let full: HashMap<_, _> = (0..10).map(|n| (format!("Their-{n}"), text("x"))).collect();
    place.send("full", full).await;
    for _ in 0..2 {
        let job = next(&queue).await;
        let bury = Settlement::Bury { error: "x".repeat(100_000) };
        assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    }
    let buried = place.buried().await;
    let mut lengths: Vec<_> = buried.iter().map(|job| (job.body.len(), job.attributes.len())).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(4, 10), (payload.len(), 0)]);
}

/// Somebody has given the queue for the dead another limit.
#[tokio::test]
async fn a_job_that_the_dead_take_only_without_the_reason_is_buried_without() {
    let place = Place::new();
    let queue = place.open().await;
    let url = place.url(&format!("{}-dead", place.name)).await;
    let limit = aws_sdk_sqs::types::QueueAttributeName::MaximumMessageSize;
    place.client.set_queue_attributes().queue_url(url).attributes(limit, "1024").send().await.unwrap();
    for payload in ["x".repeat(1024), "x".repeat(1025)] {
        queue.push(&payload).await.unwrap();
        let job = next(&queue).await;
        let bury = Settlement::Bury { error: "no".to_owned() };
        if payload.len() == 1024 {
            assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
        } else {
            // It is nowhere else: it has to stay.
            let refused = queue.settle(&job.receipt, bury).await.unwrap_err();
            assert!(refused.to_string().contains("bury a job: SQS says"), "{refused}");
            assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
        }
    }
    let buried = place.buried().await;
    assert_eq!((buried.len(), buried[0].body.len(), buried[0].attributes.len()), (1, 1024, 0));
    assert_eq!(place.counts().await.visible, 1);
}
