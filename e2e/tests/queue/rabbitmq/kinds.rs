//! Classic queues, quorum queues, and those that others have declared.

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitQueueError};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::Broker;
use super::broker::{DELAYS, ack, retry, settle, take_one};

#[test]
fn a_quorum_queue_counts_crashes_retries_and_no_hand_backs() {
    Broker::with(async |broker| {
        let open =
            async || RabbitQueue::builder(&broker.name).url(broker.url()).quorum().open().await.unwrap();
        let id = open().await.push("job").await.unwrap();
        let mut attempts = Vec::new();
        for settlement in
            [None, Some(Settlement::HandBack), Some(retry(DELAYS[0].0)), None, None, Some(Settlement::Ack)]
        {
            let queue = open().await;
            let delivery = take_one(&queue).await;
            assert_eq!(delivery.id, id);
            attempts.push(delivery.attempt);
            if let Some(settlement) = settlement {
                // Otherwise what is handed back comes back to this one, before it crashes.
                assert!(queue.withdraw().await.unwrap().is_empty());
                assert_eq!(settle(&queue, &delivery, settlement).await, Settled::Done);
            }
        }
        assert_eq!(attempts, [1, 2, 2, 3, 4, 5]);
    });
}

#[test]
fn another_kind_of_queue_is_refused_and_one_that_exists_can_be_taken_as_it_is() {
    Broker::with(async |broker| {
        let (channel, name) = (broker.channel().await, broker.name.as_str());
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
        let builder = || RabbitQueue::builder(name).url(broker.url());
        let error = builder().open().await.unwrap_err();
        assert!(matches!(&error, RabbitQueueError::Different { queue, .. } if queue == name), "{error:?}");

        let queue = builder().existing().open().await.unwrap();
        queue.push("job").await.unwrap();
        let delivery = take_one(&queue).await;
        assert_eq!(settle(&queue, &delivery, Settlement::HandBack).await, Settled::Done);
        let again = take_one(&queue).await;
        assert_eq!((&again.id, again.attempt), (&delivery.id, 1));
        ack(&queue, &again).await;
    });
}
