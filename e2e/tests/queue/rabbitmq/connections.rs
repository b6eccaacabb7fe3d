//! Connections that die.

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::Stop;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitQueueError};
use lapin::options::QueueDeleteOptions;
use tokio::time::sleep;

use super::broker::{number, settle, take, take_one};
use super::{Broker, Wire};
use crate::support::{source, stop};

/// Twenty times the connection is cut under a consumer that has jobs in hand: their receipts are lost, the same queue finds
/// its way back, and every job is done. None is done twice that was said to be done.
#[test]
fn a_consumer_finds_its_way_back_and_loses_nothing() {
    Broker::with(async |broker| {
        let producer = broker.open().await;
        let wire = Wire::to(broker.address()).await;
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        let mut done = BTreeSet::new();
        for round in 0..20_u32 {
            for job in 0..10 {
                producer.push((round * 10 + job).to_string()).await.unwrap();
            }
            let held = take(&queue, 6).await;
            for delivery in &held[..3] {
                assert_eq!(settle(&queue, delivery, Settlement::Ack).await, Settled::Done);
                assert!(done.insert(number(delivery)), "done twice");
            }
            wire.cut();
            while queue.fetch(6, &Stop::never()).await.is_ok() {}
            for delivery in &held[3..] {
                assert_eq!(settle(&queue, delivery, Settlement::Ack).await, Settled::Lost);
            }
            assert!(queue.push("nobody is there").await.is_err());
            wire.mend();
        }
        while done.len() < 200 {
            for delivery in queue.fetch(6, &Stop::never()).await.unwrap() {
                assert_eq!(settle(&queue, &delivery, Settlement::Ack).await, Settled::Done);
                assert!(done.insert(number(&delivery)), "done twice");
            }
        }
        queue.close().await.unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(0));
    });
}

#[test]
fn a_queue_that_is_deleted_is_an_error_and_comes_back() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        let (channel, name) = (broker.channel().await, broker.name.as_str());
        let never = Stop::never();
        let fetching = queue.fetch(1, &never);
        let deleting = async {
            broker.wait_for_a_consumer().await;
            channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
        };
        let (fetched, ()) = tokio::join!(fetching, deleting);
        let error = fetched.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(RabbitQueueError::Ended { .. })), "{error:?}");
        let error = queue.push("nowhere").await.unwrap_err();
        assert!(matches!(error, RabbitQueueError::Unroutable { .. }), "{error:?}");
        queue.push("job").await.unwrap();
        let delivery = loop {
            match queue.fetch(1, &Stop::never()).await {
                Ok(mut fetched) => break fetched.remove(0),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        };
        assert_eq!(delivery.payload, b"job");
    });
}

#[test]
fn a_stop_ends_a_fetch_whose_server_says_nothing() {
    Broker::with(async |broker| {
        let wire = Wire::to(broker.address()).await;
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        wire.go_deaf();
        let raised = source();
        let token = raised.token();
        let stopping = async {
            // Whenever it comes, in the middle of connecting or before.
            sleep(Duration::from_millis(200)).await;
            stop(&raised);
        };
        let (fetched, ()) = tokio::join!(queue.fetch(4, &token), stopping);
        assert!(fetched.unwrap().is_empty());
    });
}

/// The errors name the server, and never the password.
#[tokio::test]
async fn errors_say_what_to_do() {
    let open = async |url: &str, name: &str| {
        let error = RabbitQueue::builder(name).url(url).open().await.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let words = format!("{error} / {}", source.unwrap_or_default());
        assert!(!words.contains("secret"), "{words}");
        (error, words)
    };
    let (error, words) = open("http://guest:secret@127.0.0.1", "jobs").await;
    assert!(matches!(error, RabbitQueueError::Url { .. }), "{words}");
    let (error, words) = open("amqp://guest:secret@127.0.0.1:1/%2f", "jobs").await;
    assert!(matches!(error, RabbitQueueError::Connect { .. }) && words.contains("127.0.0.1:1"), "{words}");
    for name in ["", &"n".repeat(201)] {
        let (error, words) = open("amqp://guest:secret@127.0.0.1:1/%2f", name).await;
        assert!(matches!(error, RabbitQueueError::Name { .. }), "{words}");
    }
}

#[test]
fn a_job_in_hand_is_settled_though_others_come_and_go() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.push("held").await.unwrap();
        let held = take_one(&queue).await;
        for _ in 0..10 {
            queue.push("other").await.unwrap();
        }
        for other in take(&queue, 10).await {
            assert_eq!(settle(&queue, &other, Settlement::Ack).await, Settled::Done);
        }
        assert_eq!(settle(&queue, &held, Settlement::Ack).await, Settled::Done);
    });
}
