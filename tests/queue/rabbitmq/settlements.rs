//! A settlement that returned `Done` is final.

use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitQueueError};
use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

use super::broker::{Broker, DELAYS, Wire, ack, number, retry, settle, take, take_one};
use crate::support::now;

/// Acknowledges a job and breaks the connection right after, thirty times.
#[test]
fn a_done_job_stays_done_if_the_connection_dies_right_after() {
    Broker::with(async |broker| {
        let producer = broker.open().await;
        for round in 0..30_u32 {
            producer.push(round.to_string()).await.unwrap();
            let wire = Wire::to(broker.address()).await;
            let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
            let delivery = take_one(&queue).await;
            // It may have been sent to the previous connection first, whose end the server had not noticed yet.
            assert_eq!(number(&delivery), round, "a done job was delivered again");
            ack(&queue, &delivery).await;
            wire.disconnect();
        }
        assert_eq!(broker.ready(&broker.name).await, Some(0));
    });
}

/// The opposite: the client reports the acknowledgement as sent, the server never receives it, and the job is redelivered.
/// A settlement over the same proxy does not return `Done`.
#[test]
fn an_acknowledgement_that_is_only_sent_proves_nothing() {
    Broker::with(async |broker| {
        let producer = broker.open().await;
        producer.push("manual").await.unwrap();
        let wire = Wire::to(broker.address()).await;
        let manual = Connection::connect(&wire.url(), ConnectionProperties::default()).await.unwrap();
        let channel = manual.create_channel().await.unwrap();
        let (name, options) = (broker.name.as_str(), BasicConsumeOptions::default());
        let mut consumer =
            channel.basic_consume(name.into(), "".into(), options, FieldTable::default()).await.unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        wire.go_deaf();
        assert!(delivery.ack(BasicAckOptions::default()).await.unwrap(), "the client reports it as sent");
        wire.disconnect();
        broker.wait_for(1).await;

        wire.reconnect();
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        let delivery = take_one(&queue).await;
        assert_eq!(delivery.attempt, 2);
        wire.go_deaf();
        let settled = queue.settle(&delivery.receipt, Settlement::Ack).await;
        assert!(matches!(settled.unwrap_err().downcast_ref(), Some(RabbitQueueError::Timeout { .. })));
        wire.disconnect();
        // The retry returns `Lost` when the queue has noticed the broken connection.
        while queue.settle(&delivery.receipt, Settlement::Ack).await.ok() != Some(Settled::Lost) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        broker.wait_for(1).await;
    });
}

#[test]
fn a_failed_job_is_stored_for_later_before_it_is_acknowledged() {
    Broker::with(async |broker| {
        let wire = Wire::to(broker.address()).await;
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        queue.push("job").await.unwrap();
        let delivery = take_one(&queue).await;
        // No published message arrives: the job stays with its consumer and is not acknowledged.
        wire.go_deaf();
        let settled = queue.settle(&delivery.receipt, retry(DELAYS[0].0)).await;
        assert!(matches!(settled.unwrap_err().downcast_ref(), Some(RabbitQueueError::Timeout { .. })));
        wire.disconnect();
        broker.wait_for(1).await;
        let again = take_one(&broker.open().await).await;
        assert_eq!((again.id, again.attempt), (delivery.id, 2));
    });
}

#[test]
fn a_retry_is_delivered_when_its_delay_has_passed_and_delays_no_other() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.push("0").await.unwrap();
        queue.push("1").await.unwrap();
        let both = take(&queue, 2).await;
        let began = now();
        // The longer delay first: in a shared queue it would block the shorter one.
        let (short, long) = (DELAYS[0].0, DELAYS[1].0);
        assert_eq!(settle(&queue, &both[0], retry(long)).await, Settled::Done);
        assert_eq!(settle(&queue, &both[1], retry(short)).await, Settled::Done);
        let first = take_one(&queue).await;
        let first_after = began.elapsed();
        let second = take_one(&queue).await;
        let second_after = began.elapsed();
        assert_eq!((number(&first), number(&second)), (1, 0));
        assert!(
            first_after >= short && first_after < long && second_after >= long,
            "{first_after:?}, {second_after:?}"
        );
        assert_eq!((first.attempt, second.attempt), (2, 2));
    });
}

#[test]
fn many_settle_at_the_same_time_and_each_is_done() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..200 {
            queue.push(job.to_string()).await.unwrap();
        }
        let all = take(&queue, 200).await;
        let settling = all.iter().map(|delivery| settle(&queue, delivery, Settlement::Ack));
        let settled = futures_util::future::join_all(settling).await;
        assert!(settled.iter().all(|settled| *settled == Settled::Done));
        queue.close().await.unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(0));
    });
}

/// One message can acknowledge several jobs, and must not include one that was not acknowledged. The first jobs are all
/// acknowledged, in any order, so that messages cover many jobs. Some of the later jobs are not acknowledged.
#[test]
fn a_job_that_is_not_acknowledged_is_redelivered_whatever_else_is_settled() {
    const JOBS: u32 = 60;
    Broker::with(async |broker| {
        let seed = crate::seed::seed();
        for round in 0..10 {
            let mut random = Random(seed.wrapping_add(round));
            let queue = broker.open().await;
            let mut wanted = Vec::new();
            for job in 0..JOBS {
                queue.push(job.to_string()).await.unwrap();
            }
            let held = take(&queue, JOBS as usize).await;
            let acknowledged = 20 + random.below(11);
            let mut to_settle: Vec<_> = (0_u64..).zip(&held).collect();
            random.shuffle(&mut to_settle);
            let settling: Vec<_> = to_settle
                .into_iter()
                .filter_map(|(place, delivery)| {
                    let chance = random.below(8);
                    let settlement = match chance {
                        _ if place < acknowledged => Some(Settlement::Ack),
                        0 | 1 => None,
                        2 => Some(Settlement::Requeue),
                        3 => Some(retry(Duration::ZERO)),
                        _ => Some(Settlement::Ack),
                    };
                    if settlement != Some(Settlement::Ack) {
                        wanted.push(number(delivery));
                    }
                    let (queue, after) = (&queue, random.below(5));
                    settlement.map(|settlement| async move {
                        for _ in 0..after {
                            tokio::task::yield_now().await;
                        }
                        if chance == 4 {
                            // The first call is dropped; the settlement is repeated.
                            let begun = queue.settle(&delivery.receipt, settlement.clone());
                            let _ = tokio::time::timeout(Duration::ZERO, begun).await;
                        }
                        settle(queue, delivery, settlement).await
                    })
                })
                .collect();
            let settled = futures_util::future::join_all(settling).await;
            assert!(settled.iter().all(|settled| *settled == Settled::Done), "in round {round}");
            queue.close().await.unwrap();

            let next = broker.open().await;
            let rest = take(&next, wanted.len()).await;
            let mut numbers: Vec<u32> = rest.iter().map(number).collect();
            numbers.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(numbers, wanted, "in round {round}");
            for delivery in &rest {
                ack(&next, delivery).await;
            }
            next.close().await.unwrap();
            assert_eq!(broker.ready(&broker.name).await, Some(0), "in round {round}");
        }
    });
}

/// Pseudo-random numbers from a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).unwrap());
        }
    }
}
