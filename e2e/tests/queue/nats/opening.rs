use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Config;
use ebbtide::queue::Queue;
use ebbtide_nats::{NatsQueue, NatsQueueError};
use futures_util::future::join_all;

use super::place::Place;
use crate::server::Server;
use crate::support::{next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_the_same_queue_at_once() {
    let place = Place::new().await;
    let queues = join_all((0..20).map(|_| place.open())).await;
    let id = queues[0].push("job").await.unwrap();
    assert_eq!(next(&queues[19]).await.id, id);
}

#[tokio::test]
async fn a_connection_that_was_given_stays_open() {
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
async fn the_lease_is_that_of_the_consumer_that_is_there() {
    let place = Place::new().await;
    let first = place.open_short(Duration::from_secs(7)).await;
    let second = place.open_short(Duration::from_secs(3)).await;
    let seven = Some(Duration::from_secs(7));
    assert_eq!((Queue::lease(&first), Queue::lease(&second)), (seven, seven));
}

#[tokio::test]
async fn what_could_lose_jobs_is_refused_and_says_what_to_do() {
    let place = Place::new().await;
    let name = || place.name.clone();
    let limited = Config { name: name(), subjects: vec![name()], ..Config::default() };
    let stream = place.context.create_stream(limited).await.unwrap();
    let refused = place.builder().open().await.unwrap_err();
    assert!(matches!(refused, NatsQueueError::Unsuitable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("give the queue another name"), "{refused}");
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
async fn what_cannot_be_opened_says_what_to_do() {
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
    assert!(plain.to_string().contains("see that the server runs with JetStream"), "{plain}");
    assert!(began.elapsed() < Duration::from_secs(15));
}
