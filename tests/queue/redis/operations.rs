//! A queue in Redis in operation: opening and its errors, entries of other programs, and manual changes.

use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_redis::{RedisQueue, RedisQueueError};
use futures_util::future::join_all;

use super::place::{GROUP, Place};
use crate::server::Server;
use crate::support::{fetch_for, next, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_queue_can_be_opened_concurrently() {
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
        // The other source of deliveries: a job of a consumer that has exited.
        let queue = open().await.unwrap();
        let again = next(&queue).await;
        assert_eq!((again.id, again.attempt), (id, 2));
        assert_eq!(queue.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        queue.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_open_returns_a_specific_error_in_time() {
    let place = Place::new();
    let mut set = redis::cmd("SET");
    set.arg(&place.name).arg(1).query_async::<()>(&mut place.connection().await).await.unwrap();
    let taken = place.builder().open().await.unwrap_err();
    assert!(matches!(taken, RedisQueueError::WrongType { .. }), "{taken:?}");
    assert!(taken.to_string().contains("the key holds another type"), "{taken}");

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
async fn missing_permissions_and_wrong_credentials_are_specific_errors() {
    let server = Server::redis(&["--save", ""]).await;
    let admin = Place::at(server.url("redis"));
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("reader").arg(&["on", ">secret", "~*", "+@read", "+@connection"]);
    acl.query_async::<()>(&mut admin.connection().await).await.unwrap();
    let place =
        Place { name: admin.name.clone(), url: server.url("redis").replace("//", "//reader:secret@") };
    let may_not = place.builder().open().await.unwrap_err();
    assert!(matches!(may_not, RedisQueueError::PermissionDenied(_)), "{may_not:?}");
    let stranger =
        place.builder().url(server.url("redis").replace("//", "//reader:guess@")).open().await.unwrap_err();
    assert!(matches!(stranger, RedisQueueError::Credentials(_)), "{stranger:?}");
}

#[tokio::test]
async fn a_full_server_keeps_its_jobs() {
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
    let back = Settlement::Requeue;
    assert!(queue.settle(&job.receipt, back.clone()).await.is_err());
    limit("0").await;
    assert_eq!(queue.settle(&job.receipt, back).await.unwrap(), Settled::Done);
    assert_eq!(next(&queue).await.id, id);
}

// Entries of other programs, and manual changes.

async fn add(place: &Place, fields: &[&str]) -> String {
    let mut command = redis::cmd("XADD");
    command.arg(&place.name).arg("*").arg(fields).query_async(&mut place.connection().await).await.unwrap()
}

#[tokio::test]
async fn a_job_that_another_program_pushed_keeps_its_other_fields() {
    let place = Place::new();
    // Pushed before the group exists: the job waits for it.
    let id = add(&place, &["trace", "00-4bf9", "payload", "job", "payload-type", "text"]).await;
    let queue = place.open().await;
    let job = next(&queue).await;
    assert_eq!((&*job.id, &*job.payload, job.attempt), (&*id, b"job".as_slice(), 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    let retry = Settlement::Retry { after: Duration::from_millis(1), error: String::new() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    assert_eq!((&*job.id, job.attempt), (&*id, 2));
    let dead_letter = Settlement::DeadLetter { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!(
        (&*dead_lettered[0]["trace"], &*dead_lettered[0]["payload-type"]),
        (b"00-4bf9".as_slice(), b"text".as_slice())
    );
}

#[tokio::test]
async fn an_entry_that_is_not_a_job_is_dead_lettered_and_blocks_no_job() {
    let place = Place::new();
    let queue = place.open().await;
    add(&place, &["body", "who knows"]).await;
    add(&place, &["payload", "job", "ebbtide-tries", "minus one"]).await;
    let job = next(&queue).await;
    assert_eq!((&*job.payload, job.attempt), (b"job".as_slice(), 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!((dead_lettered.len(), &*dead_lettered[0]["body"]), (1, b"who knows".as_slice()));
}

/// More fields than a script can pass in one call.
#[tokio::test]
async fn an_entry_with_thousands_of_fields_is_a_job_like_any_other() {
    let place = Place::new();
    let queue = place.open().await;
    for first in [true, false] {
        let mut fields: Vec<String> =
            (0..4000).flat_map(|n| [format!("field-{n}"), format!("value-{n}")]).collect();
        let at = if first { 0 } else { fields.len() };
        fields.splice(at..at, ["payload".to_owned(), "large".to_owned()]);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let id = add(&place, &fields).await;
        queue.push("small").await.unwrap();
        let after = Duration::from_millis(1);
        for (attempt, settlement) in [
            (1, Settlement::Requeue),
            (1, Settlement::Retry { after, error: String::new() }),
            (2, Settlement::Retry { after: Duration::ZERO, error: String::new() }),
            (3, Settlement::Requeue),
            (3, Settlement::DeadLetter { error: "no".to_owned() }),
        ] {
            let mut job = next(&queue).await;
            while job.payload == b"small" {
                assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
                queue.push("small").await.unwrap();
                job = next(&queue).await;
            }
            assert_eq!((&*job.id, &*job.payload, job.attempt), (&*id, b"large".as_slice(), attempt));
            assert_eq!(queue.settle(&job.receipt, settlement).await.unwrap(), Settled::Done);
        }
        let dead_lettered = place.dead_lettered().await;
        let dead_lettered = dead_lettered.last().unwrap();
        let text = |name: &str| String::from_utf8_lossy(&dead_lettered[name]).into_owned();
        assert_eq!(
            (text("payload"), text("ebbtide-job"), text("ebbtide-tries")),
            ("large".to_owned(), id, "3".to_owned())
        );
        // The fields beyond the limit are packed into one.
        let rest = text("ebbtide-rest");
        for n in 0..4000 {
            let (field, value) = (format!("field-{n}"), format!("value-{n}"));
            assert!(dead_lettered.get(&field).map_or_else(
                || rest.contains(&field) && rest.contains(&value),
                |kept| *kept == value.as_bytes()
            ));
        }
        assert_eq!(next(&queue).await.payload, b"small");
    }
}

/// The entry was added manually.
#[tokio::test]
async fn a_delayed_entry_that_is_not_a_job_is_dead_lettered_and_blocks_no_job() {
    let place = Place::new();
    let queue = place.open().await;
    let long = [[0xdc, 0x40, 0x00].as_slice(), &[0xa1, b'x'].repeat(0x4000)].concat();
    for no_job in [b"\xa1x".as_slice(), b"\x91\xa1x", b"\x92\x01\x02", b"\xc1", b"", &long] {
        let mut put = redis::cmd("ZADD");
        put.arg(format!("{}:delayed", place.name)).arg(1).arg(no_job);
        put.query_async::<()>(&mut place.connection().await).await.unwrap();
    }
    queue.push("job").await.unwrap();
    assert_eq!(next(&queue).await.payload, b"job");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 1, 6));
}

/// Contrary to the documentation's advice. The payload cannot be recovered.
#[tokio::test]
async fn a_job_deleted_manually_while_it_runs_cannot_be_requeued_and_is_not_pending() {
    let place = Place::new();
    let queue = place.open().await;
    for settlement in [Settlement::Requeue, Settlement::Ack] {
        let id = queue.push("job").await.unwrap();
        let job = next(&queue).await;
        let mut delete = redis::cmd("XDEL");
        delete.arg(&place.name).arg(id).query_async::<()>(&mut place.connection().await).await.unwrap();
        let expected = if settlement == Settlement::Ack { Settled::Done } else { Settled::Lost };
        assert_eq!(queue.settle(&job.receipt, settlement).await.unwrap(), expected);
        assert_eq!(place.pending().await, 0);
    }
}

#[tokio::test]
async fn a_deleted_stream_is_recreated_by_its_consumers() {
    let server = Server::redis(&["--save", ""]).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open().await;
    queue.push("gone").await.unwrap();
    let gone = next(&queue).await;
    let delete = |connection: redis::aio::MultiplexedConnection| {
        let name = place.name.clone();
        async move { redis::cmd("DEL").arg(name).query_async::<()>(&mut connection.clone()).await.unwrap() }
    };
    delete(place.connection().await).await;
    queue.extend(std::slice::from_ref(&gone.receipt)).await.unwrap();
    assert_eq!(queue.settle(&gone.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    // Now while a read blocks on the stream.
    queue.push("first").await.unwrap();
    assert_eq!(next(&queue).await.payload, b"first");
    let (job, ()) = tokio::join!(next(&queue), async {
        place.wait_for_blocked(1).await;
        delete(place.connection().await).await;
        place.wait_for_blocked(1).await;
        queue.push("second").await.unwrap();
    });
    assert_eq!(job.payload, b"second");
    assert_eq!(fetch_for(&queue, Duration::from_millis(50)).await, []);
    assert_eq!(GROUP, "workers");
}
