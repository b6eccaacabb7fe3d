//! A queue in SQS in operation: opening and its errors, jobs of other programs, and a server that is unavailable or silent.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide::testing::queue::Relay;
use ebbtide_sqs::{SqsQueue, SqsQueueError};
use futures_util::future::join_all;
use tokio::net::TcpListener;

use super::place::{Place, client, text};
use crate::server::until_it_works;
use crate::support::{fetch_all, next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_queue_can_be_opened_concurrently() {
    let place = Place::new();
    let queues = join_all((0..20).map(|_| place.open())).await;
    let id = queues[0].push("job").await.unwrap();
    assert_eq!(next(&queues[19]).await.id, id);
}

#[tokio::test]
async fn an_existing_queue_is_used_unchanged() {
    let place = Place::new();
    let retention = QueueAttributeName::MessageRetentionPeriod;
    let making = place.client.create_queue().queue_name(&place.name).attributes(retention.clone(), "3600");
    let url = making.send().await.unwrap().queue_url.unwrap();
    let queue = place.open_short(Duration::from_millis(1001)).await;
    assert_eq!(Queue::lease(&queue), Some(Duration::from_secs(2)), "in whole seconds");
    let asking = place.client.get_queue_attributes().attribute_names(retention.clone());
    let found = asking.clone().queue_url(url).send().await.unwrap().attributes.unwrap();
    assert_eq!(found[&retention], "3600");
    let dead = place.url(&format!("{}-dead", place.name)).await;
    let made = asking.queue_url(dead).send().await.unwrap().attributes.unwrap();
    assert_eq!(made[&retention], "1209600", "the maximum retention of SQS");
}

#[tokio::test]
async fn a_failed_open_returns_a_specific_error_in_time() {
    let place = Place::new();
    for builder in [
        SqsQueue::builder(place.client.clone(), "a.fifo"),
        SqsQueue::builder(place.client.clone(), "a").dead_letters("b.fifo"),
    ] {
        let odd = builder.open().await.unwrap_err();
        assert!(matches!(odd, SqsQueueError::Fifo(_)), "{odd:?}");
    }
    for lease in [Duration::from_millis(999), Duration::from_secs(12 * 3600 + 1)] {
        let odd = place.builder().lease(lease).open().await.unwrap_err();
        assert!(matches!(odd, SqsQueueError::Lease(_)), "{odd:?}");
    }
    let odd = SqsQueue::builder(place.client.clone(), "a b").open().await.unwrap_err();
    assert!(matches!(odd, SqsQueueError::Refused { .. }), "{odd:?}");
    assert!(odd.to_string().contains(": SQS returned "), "{odd}");
    let began = now();
    let nobody = SqsQueue::builder(client("http://127.0.0.1:1"), "a").open().await.unwrap_err();
    assert!(matches!(nobody, SqsQueueError::Unreachable { .. }), "{nobody:?}");
    assert!(nobody.to_string().contains("no valid response from SQS"), "{nobody}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

// Jobs of other programs, and jobs without room for a reason.

#[tokio::test]
async fn a_job_that_another_program_sent_keeps_its_attributes() {
    let place = Place::new();
    let queue = place.open().await;
    let theirs = HashMap::from([("Trace".to_owned(), text("00-4bf9"))]);
    place.send("job", theirs).await;
    let job = next(&queue).await;
    assert_eq!((&*job.payload, job.attempt), (b"job".as_slice(), 1));
    let dead_letter = Settlement::DeadLetter { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!(dead_lettered[0].attribute("Trace"), Some("00-4bf9"));
    assert_eq!(dead_lettered[0].attribute("Ebbtide-Error"), Some("\"no\""));
}

/// A job with the maximum size or the maximum number of attributes. Attributes that do not fit are omitted.
#[tokio::test]
async fn a_job_without_room_for_the_reason_is_still_dead_lettered() {
    let place = Place::new();
    let queue = place.open().await;
    let payload = "x".repeat(1024 * 1024);
    queue.push(&payload).await.unwrap();
    let full: HashMap<_, _> = (0..10).map(|n| (format!("Their-{n}"), text("x"))).collect();
    place.send("full", full).await;
    for _ in 0..2 {
        let job = next(&queue).await;
        let dead_letter = Settlement::DeadLetter { error: "x".repeat(100_000) };
        assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    }
    let dead_lettered = place.dead_lettered().await;
    let mut lengths: Vec<_> =
        dead_lettered.iter().map(|job| (job.body.len(), job.attributes.len())).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(4, 10), (payload.len(), 0)]);
}

/// The dead-letter queue has a lower size limit.
#[tokio::test]
async fn a_job_that_fits_the_dead_letter_queue_only_without_its_reason_is_moved_without_it() {
    let place = Place::new();
    let queue = place.open().await;
    let url = place.url(&format!("{}-dead", place.name)).await;
    let limit = QueueAttributeName::MaximumMessageSize;
    place.client.set_queue_attributes().queue_url(url).attributes(limit, "1024").send().await.unwrap();
    for payload in ["x".repeat(1024), "x".repeat(1025)] {
        queue.push(&payload).await.unwrap();
        let job = next(&queue).await;
        let dead_letter = Settlement::DeadLetter { error: "no".to_owned() };
        if payload.len() == 1024 {
            assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
        } else {
            // There is no other copy, so the job must stay.
            let refused = queue.settle(&job.receipt, dead_letter).await.unwrap_err();
            assert!(refused.to_string().contains("cannot dead-letter a job: SQS returned"), "{refused}");
            assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
        }
    }
    let dead_lettered = place.dead_lettered().await;
    assert_eq!(
        (dead_lettered.len(), dead_lettered[0].body.len(), dead_lettered[0].attributes.len()),
        (1, 1024, 0)
    );
    assert_eq!(place.counts().await.visible, 1);
}

// A server that is unavailable or silent.

const LEASE: Duration = Duration::from_secs(2);

/// The network fails while jobs run and while a request waits. Each call fails, done jobs stay done, and the others are
/// redelivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outage_loses_nothing() {
    let place = Place::new();
    let producer = place.open_short(LEASE).await;
    let relay = Relay::open(place.endpoint.trim_start_matches("http://")).await.unwrap();
    // The client's retries would hide the errors.
    let through = client(&format!("http://{}", relay.address()));
    let through = through.config().to_builder().retry_config(RetryConfig::disabled());
    let through = Client::from_conf(through.build());
    let queue = SqsQueue::builder(through, &place.name).lease(LEASE).open().await.unwrap();
    let never = Stop::never();
    let mut left = BTreeSet::new();
    for _ in 0..3 {
        for n in 0..4 {
            left.insert(producer.push(n.to_string()).await.unwrap());
        }
        let jobs = fetch_all(&queue, 3).await;
        relay.disconnect().await;
        for job in &jobs {
            assert!(queue.settle(&job.receipt, Settlement::Ack).await.is_err());
        }
        assert!(queue.fetch(1, &never).await.is_err());
        relay.reconnect().await.unwrap();
        for job in &jobs {
            match until_it_works(|| queue.settle(&job.receipt, Settlement::Ack)).await {
                Settled::Done => assert!(left.remove(&job.id), "{} was done and redelivered", job.id),
                Settled::Lost => assert!(left.contains(&job.id)),
            }
        }
        let rest = async {
            while !left.is_empty() {
                for job in until_it_works(|| queue.fetch(4, &never)).await {
                    if queue.settle(&job.receipt, Settlement::Ack).await.unwrap() == Settled::Done {
                        assert!(left.remove(&job.id), "{} was done and redelivered", job.id);
                    }
                }
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(30), rest).await;
        assert!(done.is_ok(), "these jobs were not delivered: {left:?}");
        // The queue is empty: this request waits.
        let (failed, ()) = tokio::join!(queue.fetch(1, &never), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            relay.disconnect().await;
        });
        assert!(failed.is_err());
        relay.reconnect().await.unwrap();
    }
}

/// If a server accepts connections and does not respond, every call returns an error.
#[tokio::test]
async fn a_server_that_does_not_respond_is_an_error_in_time() {
    let place = Place::new();
    let relay = Relay::open(place.endpoint.trim_start_matches("http://")).await.unwrap();
    let through = client(&format!("http://{}", relay.address()));
    let queue = SqsQueue::builder(through, &place.name).lease(Duration::from_secs(60)).open().await.unwrap();
    for job in ["settled", "extended"] {
        queue.push(job).await.unwrap();
    }
    let jobs = fetch_all(&queue, 2).await;
    let address = relay.address();
    relay.disconnect().await;
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
    let taking = async {
        let mut open = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            open.push(stream);
        }
    };
    let began = now();
    let calls = async {
        let never = Stop::never();
        let (pushed, settled, fetched, extended, counted) = tokio::join!(
            queue.push("not accepted"),
            queue.settle(&jobs[0].receipt, Settlement::Ack),
            queue.fetch(1, &never),
            queue.extend(std::slice::from_ref(&jobs[1].receipt)),
            queue.counts(),
        );
        let failed =
            [pushed.is_err(), settled.is_err(), fetched.is_err(), extended.is_err(), counted.is_err()];
        assert_eq!(failed, [true; 5]);
    };
    tokio::select! {
        () = calls => {}
        () = taking => {}
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
