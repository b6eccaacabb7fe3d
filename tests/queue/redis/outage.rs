//! Servers that are killed, hang, or become a replica of another one; and deliveries whose response is lost or late.

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide_redis::{RedisQueue, RedisReceipt};

use super::place::{Place, Wire};
use crate::server::{Server, settle, until_it_works};
use crate::support::{fetch_all, next, source, stop};

const DURABLE: &[&str] = &["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
const FORGETFUL: &[&str] = &["--save", ""];

const LEASE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_killed_server_is_an_error_and_after_its_restart_no_job_is_missing() {
    let mut server = Server::redis(DURABLE).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open_short(LEASE).await;
    let mut pushed = BTreeSet::new();
    for n in 0..20 {
        pushed.insert(queue.push(n.to_string()).await.unwrap());
    }
    let held = next(&queue).await;
    // The last kill happens while a read blocks.
    for n in 0..3 {
        let mut jobs = server.dies_under(&queue, &held.receipt, Duration::from_millis(50 * n)).await;
        assert!(queue.push("not accepted").await.is_err());
        assert!(queue.settle(&held.receipt, Settlement::Ack).await.is_err());
        assert!(queue.withdraw().await.is_err());
        server.start_again().await;
        jobs.truncate(2);
        for job in jobs {
            // Its lease may have expired; then it is redelivered.
            if settle(&queue, &job).await == Settled::Done {
                assert!(pushed.remove(&job.id));
            }
        }
    }
    let mut twice = 0;
    while !pushed.is_empty() {
        let job = until_it_works(async || queue.fetch(1, &Stop::never()).await).await.remove(0);
        twice += u32::from(job.attempt > 1);
        assert_eq!(settle(&queue, &job).await, Settled::Done);
        assert!(pushed.remove(&job.id), "{} was delivered twice", job.id);
    }
    assert!(twice > 0, "no held job was redelivered");
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

/// The opposite, as the documentation warns: the default settings keep no data across a kill.
#[tokio::test]
async fn without_an_append_only_file_a_killed_server_has_lost_what_was_pushed() {
    let mut server = Server::redis(FORGETFUL).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open_short(LEASE).await;
    queue.push("gone").await.unwrap();
    queue.push("gone as well").await.unwrap();
    let held = next(&queue).await;
    server.kill();
    server.start_again().await;
    assert_eq!(settle(&queue, &held).await, Settled::Lost);
    let (found, ()) = tokio::join!(until_it_works(async || queue.fetch(9, &Stop::never()).await), async {
        tokio::time::sleep(2 * LEASE).await;
        queue.push("after").await.unwrap();
    });
    let found: Vec<_> = found.iter().map(|job| &*job.payload).collect();
    assert_eq!(found, [b"after"]);
}

#[tokio::test]
async fn a_hanging_server_does_not_delay_the_shutdown() {
    let server = Server::redis(FORGETFUL).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open_short(LEASE).await;
    let source = source();
    let token = source.token();
    let (ended, ()) = tokio::join!(queue.fetch(1, &token), async {
        place.wait_for_blocked(1).await;
        server.freeze();
        stop(&source);
    });
    assert!(ended.is_err(), "the result of the read is unknown");
    server.thaw();
    let id = queue.push("job").await.unwrap();
    for job in queue.withdraw().await.unwrap() {
        assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    queue.close().await.unwrap();
    assert_eq!(place.pending().await, 0);
    assert_eq!(next(&place.open().await).await.id, id);
}

// A server that becomes a replica.

const SETTINGS: &[&str] = &["--save", "", "--repl-diskless-sync-delay", "0"];

async fn replicate(replica: &Place, of: &[&str]) {
    let mut command = redis::cmd("REPLICAOF");
    command.arg(of).query_async::<()>(&mut replica.connection().await).await.unwrap();
}

async fn has(place: &Place, jobs: u64) -> bool {
    let mut command = redis::cmd("XLEN");
    command.arg(&place.name).query_async::<u64>(&mut place.connection().await).await.ok() == Some(jobs)
}

/// The old server keeps running as a replica, and its connections stay open.
#[tokio::test]
async fn after_a_failover_the_consumer_connects_to_the_new_primary() {
    let (old, new) = (Server::redis(SETTINGS).await, Server::redis(SETTINGS).await);
    let (old, mut promoted) = (Place::at(old.url("redis")), Place::at(new.url("redis")));
    promoted.name.clone_from(&old.name);
    let wire = Wire::to(&old.url).await;
    let queue = old.builder().url(wire.url()).open().await.unwrap();
    for payload in ["first", "second", "third"] {
        queue.push(payload).await.unwrap();
    }
    let first = next(&queue).await;
    let address = |place: &Place| place.url.trim_start_matches("redis://127.0.0.1:").to_owned();
    replicate(&promoted, &["127.0.0.1", &address(&old)]).await;
    until_it_works(async || if has(&promoted, 3).await { Ok(()) } else { Err(()) }).await;
    replicate(&promoted, &["NO", "ONE"]).await;
    // A replica of an unreachable server: while loading data from a real one it would return another error.
    replicate(&old, &["127.0.0.1", "1"]).await;
    wire.lead_to(&promoted.url);

    // Both connections are still open.
    let said = queue.settle(&first.receipt, Settlement::Ack).await.unwrap_err();
    let source = said.source().map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("read only replica"), "{said}: {source}");
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    let rest = until_it_works(async || queue.fetch(1, &Stop::never()).await).await;
    for job in rest.iter().chain(&fetch_all(&queue, 1).await) {
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    queue.push("fourth").await.unwrap();
    assert_eq!(next(&promoted.open().await).await.payload, b"fourth");
}

// Lost and late responses.

/// Longer than the response timeout. A test that waited for it would take too long.
const LONG_LEASE: Duration = Duration::from_secs(20);

struct Scene {
    place: Place,
    wire: Wire,
    queue: RedisQueue,
}

impl Scene {
    async fn new() -> Self {
        let place = Place::new();
        let wire = Wire::to(&place.url).await;
        let queue = place.builder().url(wire.url()).lease(LONG_LEASE).open().await.unwrap();
        Self { place, wire, queue }
    }

    /// Pushes two jobs and fetches the first. Its acknowledgement prefetches the second.
    async fn with_one_of_two(&self) -> Delivery<RedisReceipt> {
        for payload in ["first", "second"] {
            self.queue.push(payload).await.unwrap();
        }
        let first = next(&self.queue).await;
        assert!(self.queue.prefetch(true));
        first
    }

    async fn requeue(&self, job: &Delivery<RedisReceipt>) {
        let back = Settlement::Requeue;
        assert_eq!(
            until_it_works(async || self.queue.settle(&job.receipt, back.clone()).await).await,
            Settled::Done
        );
    }

    /// Withdraws until that succeeds, and requeues the returned jobs.
    async fn withdraw(&self) -> Vec<Delivery<RedisReceipt>> {
        let withdrawn = until_it_works(async || self.queue.withdraw().await).await;
        for job in &withdrawn {
            self.requeue(job).await;
        }
        withdrawn
    }

    /// Asserts that a consumer that has requeued its jobs has none pending, and that all of them are delivered.
    async fn ends_with(self, jobs: usize) {
        self.queue.close().await.unwrap();
        assert_eq!((self.place.pending().await, self.place.consumers().await.len()), (0, 0));
        let other = self.place.open().await;
        let came = fetch_all(&other, jobs).await;
        assert!(came.iter().all(|job| job.attempt == 1), "{came:?}");
        assert_eq!(self.place.pending().await, jobs as u64);
    }
}

/// The response arrives after the connection was closed.
#[tokio::test]
async fn a_withdrawal_whose_response_is_lost_can_be_repeated_and_leaves_no_job_pending() {
    let scene = Scene::new().await;
    let Scene { wire, queue, .. } = &scene;
    let first = scene.with_one_of_two().await;
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    for _ in 0..2 {
        until_it_works(async || queue.counts().await).await;
        wire.hold_answers();
        let (withdrawn, ()) = tokio::join!(queue.withdraw(), async {
            wire.holds_something().await;
            wire.disconnect();
        });
        assert!(withdrawn.is_err());
    }
    let withdrawn = scene.withdraw().await;
    assert!(withdrawn.len() <= 1, "a job was returned twice: {withdrawn:?}");
    assert!(queue.withdraw().await.unwrap().is_empty());
    scene.ends_with(1).await;
}

/// The server or the network stalls for longer than the timeout, so the commands would arrive after the consumer has closed.
#[tokio::test]
async fn a_command_on_an_abandoned_connection_is_not_run_later() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    let first = scene.with_one_of_two().await;
    wire.hold_questions();
    assert!(queue.settle(&first.receipt, Settlement::Ack).await.is_err());
    assert!(scene.withdraw().await.is_empty());
    scene.requeue(&first).await;
    queue.close().await.unwrap();
    wire.release();
    wire.has_open(0).await;
    assert_eq!(place.pending().await, 0);
    scene.ends_with(2).await;
}

/// The same for a read. The stop does not wait for its response.
#[tokio::test]
async fn an_abandoned_read_does_not_fetch_later() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    // So that both connections are open.
    queue.push("before").await.unwrap();
    let before = next(queue).await;
    assert_eq!(queue.settle(&before.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    wire.hold_questions();
    let source = source();
    let token = source.token();
    let (ended, ()) = tokio::join!(queue.fetch(9, &token), async {
        wire.holds_something().await;
        stop(&source);
    });
    assert!(ended.is_err());
    assert!(scene.withdraw().await.is_empty());
    queue.close().await.unwrap();
    let producer = place.open().await;
    for payload in ["first", "second"] {
        producer.push(payload).await.unwrap();
    }
    producer.close().await.unwrap();
    wire.release();
    wire.has_open(0).await;
    assert_eq!(place.pending().await, 0);
    scene.ends_with(2).await;
}

#[tokio::test]
async fn after_a_hang_during_acknowledgement_and_withdrawal_no_job_stays_pending() {
    let server = Server::redis(&["--save", ""]).await;
    let mut scene = Scene::new().await;
    scene.place = Place::at(server.url("redis"));
    scene.wire = Wire::to(&scene.place.url).await;
    scene.queue = scene.place.builder().url(scene.wire.url()).lease(LONG_LEASE).open().await.unwrap();
    let first = scene.with_one_of_two().await;
    server.freeze();
    assert!(scene.queue.settle(&first.receipt, Settlement::Ack).await.is_err());
    assert!(scene.queue.withdraw().await.is_err());
    let (_withdrawn, ()) = tokio::join!(scene.withdraw(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.thaw();
    });
    // The result shows whether the server ran the acknowledgement.
    let back = Settlement::Requeue;
    let said = until_it_works(async || scene.queue.settle(&first.receipt, back.clone()).await).await;
    scene.ends_with(if said == Settled::Done { 2 } else { 1 }).await;
}

/// The job does not wait for its lease to expire, and no attempt is counted.
#[tokio::test]
async fn a_job_read_by_an_acknowledgement_with_a_lost_response_is_in_the_next_fetch() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    let first = scene.with_one_of_two().await;
    wire.hold_answers();
    let (settled, ()) = tokio::join!(queue.settle(&first.receipt, Settlement::Ack), async {
        wire.holds_something().await;
        wire.disconnect();
    });
    assert!(settled.is_err());
    assert_eq!(
        queue.settle(&first.receipt, Settlement::Ack).await.unwrap(),
        Settled::Lost,
        "not done before"
    );
    let second = until_it_works(async || queue.fetch(1, &Stop::never()).await).await.remove(0);
    assert_eq!((&*second.payload, second.attempt), (b"second".as_slice(), 1));
    assert_eq!(place.pending().await, 1);
    scene.requeue(&second).await;
    scene.ends_with(1).await;
}

#[tokio::test]
async fn a_job_read_in_a_lost_response_is_in_the_next_fetch() {
    let scene = Scene::new().await;
    let Scene { wire, queue, .. } = &scene;
    for payload in ["first", "second", "third"] {
        queue.push(payload).await.unwrap();
    }
    let first = next(queue).await;
    wire.hold_answers();
    let never = Stop::never();
    let (fetched, ()) = tokio::join!(queue.fetch(2, &never), async {
        wire.holds_something().await;
        wire.disconnect();
    });
    assert!(fetched.is_err());
    let mut seconds = Vec::new();
    // One at a time: the consumer keeps the other.
    for payload in ["second", "third"] {
        let job = until_it_works(async || queue.fetch(1, &never).await).await.remove(0);
        assert_eq!((&*job.payload, job.attempt), (payload.as_bytes(), 1));
        seconds.push(job);
    }
    for job in seconds.iter().chain([&first]) {
        scene.requeue(job).await;
    }
    scene.ends_with(3).await;
}
