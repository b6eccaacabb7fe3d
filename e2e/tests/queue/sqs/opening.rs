use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use ebbtide::queue::Queue;
use ebbtide_sqs::{SqsQueue, SqsQueueError};
use futures_util::future::join_all;

use super::place::{Place, client};
use crate::support::{next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_the_same_queue_at_once() {
    let place = Place::new();
    let queues = join_all((0..20).map(|_| place.open())).await;
    let id = queues[0].push("job").await.unwrap();
    assert_eq!(next(&queues[19]).await.id, id);
}

#[tokio::test]
async fn a_queue_that_is_there_is_taken_as_it_is() {
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
    assert_eq!(made[&retention], "1209600", "as long as SQS keeps anything");
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_to_do() {
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
    assert!(odd.to_string().contains("see that the queue is there"), "{odd}");
    let began = now();
    let nobody = SqsQueue::builder(client("http://127.0.0.1:1"), "a").open().await.unwrap_err();
    assert!(matches!(nobody, SqsQueueError::Unreachable { .. }), "{nobody:?}");
    assert!(nobody.to_string().contains("see that its endpoint"), "{nobody}");
    assert!(began.elapsed() < Duration::from_secs(15));
}
