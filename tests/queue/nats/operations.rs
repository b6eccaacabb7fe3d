//! A queue in NATS in operation: opening and its errors, jobs of other programs, deleted streams, and a killed server.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Config;
use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_nats::{NatsQueue, NatsQueueError};
use futures_util::future::join_all;

use super::place::Place;
use crate::server::{Server, settle, until_it_works};
use crate::support::{next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_queue_can_be_opened_concurrently() {
    let place = Place::new().await;
    let queues = join_all((0..20).map(|_| place.open())).await;
    let id = queues[0].push("job").await.unwrap();
    assert_eq!(next(&queues[19]).await.id, id);
}

#[tokio::test]
async fn a_connection_passed_in_stays_open() {
    let place = Place::new().await;
    let client = async_nats::connect(&place.url).await.unwrap();
    for n in 0..2 {
        let queue = NatsQueue::builder(&place.name).client(client.clone()).open().await.unwrap();
        queue.push(n.to_string()).await.unwrap();
        queue.close().await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(place.messages().await, 2);
}

#[tokio::test]
async fn the_lease_is_that_of_the_existing_consumer() {
    let place = Place::new().await;
    let first = place.open_short(Duration::from_secs(7)).await;
    let second = place.open_short(Duration::from_secs(3)).await;
    let seven = Some(Duration::from_secs(7));
    assert_eq!((Queue::lease(&first), Queue::lease(&second)), (seven, seven));
}

#[tokio::test]
async fn a_stream_or_consumer_that_could_lose_jobs_is_refused_with_the_reason() {
    let place = Place::new().await;
    let name = || place.name.clone();
    let limited = Config { name: name(), subjects: vec![name()], ..Config::default() };
    let stream = place.context.create_stream(limited).await.unwrap();
    let refused = place.builder().open().await.unwrap_err();
    assert!(matches!(refused, NatsQueueError::Unsuitable { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("the stream of that name has another retention policy"),
        "{refused}"
    );
    drop(stream);
    place.context.delete_stream(&place.name).await.unwrap();

    drop(place.open().await);
    let stream = place.context.get_stream(&place.name).await.unwrap();
    stream.delete_consumer(&place.name).await.unwrap();
    let few = pull::Config { durable_name: Some(name()), max_deliver: 3, ..pull::Config::default() };
    stream.create_consumer(few).await.unwrap();
    let refused = place.builder().open().await.unwrap_err();
    assert!(matches!(refused, NatsQueueError::Unsuitable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("limit of deliveries"), "{refused}");
}

#[tokio::test]
async fn a_failed_open_returns_a_specific_error_in_time() {
    for name in ["", "a.b", "a*", "a b", "a>", "a/b", "über"] {
        let odd = NatsQueue::builder(name).open().await.unwrap_err();
        assert!(matches!(odd, NatsQueueError::Name(_)), "{odd:?}");
    }
    let hasty = NatsQueue::builder("x").lease(Duration::from_millis(5)).open().await.unwrap_err();
    assert!(matches!(hasty, NatsQueueError::Lease(_)), "{hasty:?}");
    let began = now();
    let nobody = NatsQueue::builder("x").url("nats://127.0.0.1:1").open().await.unwrap_err();
    assert!(matches!(nobody, NatsQueueError::Connect(_)), "{nobody:?}");
    let odd = NatsQueue::builder("x").url("::").open().await.unwrap_err();
    assert!(matches!(odd, NatsQueueError::Connect(_)), "{odd:?}");
    let plain = Server::nats(&[]).await;
    let plain = NatsQueue::builder("x").url(plain.url("nats")).open().await.unwrap_err();
    assert!(plain.to_string().contains(": request to NATS failed"), "{plain}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

// Jobs of other programs, and deleted streams.

/// The server's default limit.
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
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    assert_eq!((&*job.id, job.attempt), (&*id, 1));
    let dead_letter = Settlement::DeadLetter { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    assert_eq!(place.dead_lettered().await[0].headers.get("Trace").unwrap().as_str(), "00-4bf9");
}

#[tokio::test]
async fn unknown_headers_are_ignored() {
    let place = Place::new().await;
    let queue = place.open().await;
    let mut headers = HeaderMap::new();
    headers.insert("Ebbtide-Tries", "minus one");
    headers.insert("Ebbtide-Job", "");
    let name = place.name.clone();
    place.context.publish_with_headers(name, headers, "".into()).await.unwrap().await.unwrap();
    let job = next(&queue).await;
    assert_eq!((job.payload.len(), job.attempt), (0, 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    assert_eq!(next(&queue).await.attempt, 1);
}

/// A payload of the maximum size leaves no room for the adapter's headers. A slightly smaller one leaves no room for an error.
#[tokio::test]
async fn a_payload_without_room_for_headers_is_still_requeued_and_dead_lettered() {
    let place = Place::new().await;
    let queue = place.open().await;
    let too_large = queue.push(vec![0; MAX_PAYLOAD]).await.unwrap_err();
    assert!(matches!(too_large, NatsQueueError::TooLarge { size: MAX_PAYLOAD, .. }), "{too_large:?}");
    for (size, attempts) in [(MAX_PAYLOAD, 2), (MAX_PAYLOAD - 1024, 1)] {
        let payload = vec![7; size];
        let published = place.context.publish(place.name.clone(), payload.clone().into()).await.unwrap();
        published.await.unwrap();
        let job = next(&queue).await;
        assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
        let job = next(&queue).await;
        assert_eq!(job.attempt, attempts, "without room for headers a requeue counts as an attempt");
        let dead_letter = Settlement::DeadLetter { error: "x".repeat(100_000) };
        assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
        assert!(place.dead_lettered().await.pop().unwrap().payload == payload);
    }
    queue.push(vec![0; MAX_PAYLOAD - 1024]).await.unwrap();
}

#[tokio::test]
async fn deleted_streams_are_recreated_by_their_consumers() {
    let place = Place::new().await;
    let queue = place.open().await;
    place.context.delete_stream(&place.name).await.unwrap();
    let job = async {
        loop {
            if let Ok(jobs) = queue.fetch(1, &Stop::never()).await {
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

// A killed server.

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_killed_server_is_an_error_and_after_its_restart_no_job_is_missing() {
    let mut server = Server::nats(&["-js"]).await;
    let place = Place::at(server.url("nats")).await;
    let queue = place.open_short(LEASE).await;
    let mut pushed = BTreeSet::new();
    for n in 0..20 {
        pushed.insert(queue.push(n.to_string()).await.unwrap());
    }
    let held = next(&queue).await;
    for n in 0..2 {
        let mut jobs = server.dies_under(&queue, &held.receipt, Duration::from_millis(50 * n)).await;
        assert!(queue.push("nobody takes it").await.is_err());
        server.start_again().await;
        jobs.truncate(2);
        for job in jobs {
            // Its lease may have expired; then it is redelivered.
            if settle(&queue, &job).await == Settled::Done {
                pushed.remove(&job.id);
            }
        }
    }
    // A killed server may redeliver jobs that were acknowledged right before; they run once more. It may also keep a message
    // that its consumer records as acknowledged, so the stream may not be empty at the end.
    let rest = async {
        while !pushed.is_empty() {
            let job = until_it_works(async || queue.fetch(1, &Stop::never()).await).await.remove(0);
            if settle(&queue, &job).await == Settled::Done {
                pushed.remove(&job.id);
            }
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), rest).await;
    assert!(done.is_ok(), "these jobs were not delivered: {pushed:?}");
}
