//! What is sent ahead, what a crash leaves, and how attempts are counted.

use std::collections::BTreeSet;

use ebbtide::queue::Settlement;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::Broker;
use super::broker::{DELAYS, ack, number, retry, settle, take, take_one};

#[test]
fn no_more_is_sent_ahead_than_was_asked_for_and_more_when_more_is() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..20 {
            queue.push(job.to_string()).await.unwrap();
        }
        let three = take(&queue, 3).await;
        broker.wait_for(17).await;
        // What is in hand counts.
        ack(&queue, &three[0]).await;
        broker.wait_for(16).await;
        let eight = take(&queue, 8).await;
        assert_eq!(eight.len(), 8);
        broker.wait_for(9).await;
    });
}

#[test]
fn whoever_crashes_the_job_goes_on_with_the_next_and_each_crash_is_an_attempt() {
    Broker::with(async |broker| {
        let id = broker.open().await.push("a job that kills").await.unwrap();
        for attempt in 1..=5 {
            let queue = broker.open().await;
            let delivery = take_one(&queue).await;
            assert_eq!((&delivery.id, delivery.attempt), (&id, attempt));
            if attempt == 5 {
                ack(&queue, &delivery).await;
            }
            // The opposite of settling: the connection ends and the job is unsettled.
            drop((queue, delivery));
        }
        broker.wait_for(0).await;
    });
}

#[test]
fn failures_count_and_hand_backs_do_not() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.push("job").await.unwrap();
        let mut attempts = Vec::new();
        for settlement in [
            Settlement::HandBack,
            retry(DELAYS[0].0),
            Settlement::HandBack,
            Settlement::HandBack,
            retry(std::time::Duration::ZERO),
            Settlement::Ack,
        ] {
            let delivery = take_one(&queue).await;
            attempts.push(delivery.attempt);
            let _done = settle(&queue, &delivery, settlement).await;
        }
        assert_eq!(attempts, [1, 1, 2, 2, 2, 3]);
    });
}

#[test]
fn what_was_handed_back_comes_before_what_waits() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..10 {
            queue.push(job.to_string()).await.unwrap();
        }
        let first = take_one(&queue).await;
        let _done = settle(&queue, &first, Settlement::HandBack).await;
        assert_eq!(number(&take_one(&queue).await), 0);
    });
}

#[test]
fn messages_of_other_producers_are_jobs_whatever_is_in_their_headers() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        let channel = broker.channel().await;
        let mut strange = FieldTable::default();
        strange.insert("ebbtide-attempts".into(), AMQPValue::LongString("many".into()));
        strange.insert("x-death".into(), AMQPValue::Boolean(true));
        let mut large = FieldTable::default();
        large.insert("ebbtide-attempts".into(), AMQPValue::LongUInt(u32::MAX));
        let mut negative = FieldTable::default();
        negative.insert("ebbtide-attempts".into(), AMQPValue::LongInt(-3));
        negative.insert("trace".into(), AMQPValue::LongString("kept".into()));
        for headers in [strange, large, negative] {
            let properties = BasicProperties::default().with_headers(headers).with_expiration("60000".into());
            let name = broker.name.as_str();
            let options = BasicPublishOptions::default();
            channel.basic_publish("".into(), name.into(), options, b"job", properties).await.unwrap();
        }
        let taken = take(&queue, 3).await;
        let attempts: Vec<u32> = taken.iter().map(|delivery| delivery.attempt).collect();
        assert_eq!(attempts, [1, u32::MAX, 1]);
        let ids: BTreeSet<&String> = taken.iter().map(|delivery| &delivery.id).collect();
        assert_eq!(ids.len(), 3, "each has an id");
        let _done = settle(&queue, &taken[2], Settlement::Bury { error: "why".to_owned() }).await;
        let buried = broker.empty(&queue.dead_name()).await;
        let [(properties, payload)] = buried.as_slice() else { panic!("one job is buried, not {buried:?}") };
        let headers = properties.headers().as_ref().unwrap().inner();
        assert_eq!(headers.get("trace"), Some(&AMQPValue::LongString("kept".into())));
        assert_eq!(headers.get("ebbtide-error"), Some(&AMQPValue::LongString("why".into())));
        assert_eq!((payload.as_slice(), properties.expiration()), (b"job".as_slice(), &None));
    });
}
