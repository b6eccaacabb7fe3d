use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_redis::{RedisQueue, RedisQueueError};
use futures_util::future::join_all;

use super::place::Place;
use crate::server::Server;
use crate::support::{next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_the_same_queue_at_once() {
    let place = Place::new();
    let queues = join_all((0..30).map(|_| place.open())).await;
    let id = queues[0].push("job").await.unwrap();
    assert_eq!(next(&queues[29]).await.id, id);
}

#[tokio::test]
async fn a_client_serves_as_well_as_a_url_in_either_protocol() {
    for protocol in ["", "/0?protocol=resp3"] {
        let mut place = Place::new();
        place.url = format!("{}{protocol}", place.url.trim_end_matches('/'));
        let client = redis::Client::open(&*place.url).unwrap();
        let open = || {
            RedisQueue::builder(&place.name).client(client.clone()).lease(Duration::from_millis(300)).open()
        };
        let queue = open().await.unwrap();
        let id = queue.push("job").await.unwrap();
        assert_eq!(next(&queue).await.id, id);
        drop(queue);
        // By the other way that deliveries come: from somebody who is gone.
        let queue = open().await.unwrap();
        let again = next(&queue).await;
        assert_eq!((again.id, again.attempt), (id, 2));
        assert_eq!(queue.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        queue.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_to_do() {
    let place = Place::new();
    let mut set = redis::cmd("SET");
    set.arg(&place.name).arg(1).query_async::<()>(&mut place.connection().await).await.unwrap();
    let taken = place.builder().open().await.unwrap_err();
    assert!(matches!(taken, RedisQueueError::Taken { .. }), "{taken:?}");
    assert!(taken.to_string().contains("give the queue another name"), "{taken}");

    let odd = place.builder().url("http://127.0.0.1").open().await.unwrap_err();
    assert!(matches!(odd, RedisQueueError::Url(_)), "{odd:?}");

    let hasty = place.builder().lease(Duration::from_millis(5)).open().await.unwrap_err();
    assert!(matches!(hasty, RedisQueueError::Lease(_)), "{hasty:?}");

    let began = now();
    let nobody = place.builder().url("redis://127.0.0.1:1").open().await.unwrap_err();
    assert!(matches!(nobody, RedisQueueError::Unreachable(_)), "{nobody:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let server = Server::redis(&["--save", ""]).await;
    let admin = Place::at(server.url("redis"));
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("reader").arg(&["on", ">secret", "~*", "+@read", "+@connection"]);
    acl.query_async::<()>(&mut admin.connection().await).await.unwrap();
    let place =
        Place { name: admin.name.clone(), url: server.url("redis").replace("//", "//reader:secret@") };
    let may_not = place.builder().open().await.unwrap_err();
    assert!(matches!(may_not, RedisQueueError::NotAllowed(_)), "{may_not:?}");
    let stranger =
        place.builder().url(server.url("redis").replace("//", "//reader:guess@")).open().await.unwrap_err();
    assert!(matches!(stranger, RedisQueueError::Credentials(_)), "{stranger:?}");
}

#[tokio::test]
async fn a_server_that_takes_no_more_keeps_what_it_has() {
    let server = Server::redis(&["--save", "", "--maxmemory-policy", "noeviction"]).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let limit = async |limit: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(limit);
        set.query_async::<()>(&mut place.connection().await).await.unwrap();
    };
    limit("1mb").await;
    let full = queue.push("another").await.unwrap_err();
    assert!(matches!(full, RedisQueueError::Full(_)), "{full:?}");
    let back = Settlement::HandBack;
    assert!(queue.settle(&job.receipt, back.clone()).await.is_err());
    limit("0").await;
    assert_eq!(queue.settle(&job.receipt, back).await.unwrap(), Settled::Done);
    assert_eq!(next(&queue).await.id, id);
}
