//! Servers that are killed, that hang, and that become a replica of another one.

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::{Place, Wire};
use crate::server::{Server, settle, until_it_works};
use crate::support::{fetch_all, next, source, stop};

const DURABLE: &[&str] = &["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
const FORGETFUL: &[&str] = &["--save", ""];

const LEASE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_server_that_is_killed_is_an_error_and_is_found_again_with_all_that_it_had() {
    let mut server = Server::redis(DURABLE).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open_short(LEASE).await;
    let mut pushed = BTreeSet::new();
    for n in 0..20 {
        pushed.insert(queue.push(n.to_string()).await.unwrap());
    }
    let held = next(&queue).await;
    // The last of them while a read blocks.
    for n in 0..3 {
        let mut jobs = server.dies_under(&queue, &held.receipt, Duration::from_millis(50 * n)).await;
        assert!(queue.push("nobody takes it").await.is_err());
        assert!(queue.settle(&held.receipt, Settlement::Ack).await.is_err());
        assert!(queue.withdraw().await.is_err());
        server.start_again().await;
        jobs.truncate(2);
        for job in jobs {
            // Its lease may be over by now, and then it comes again.
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
        assert!(pushed.remove(&job.id), "{} came twice", job.id);
    }
    assert!(twice > 0, "the held ones among them");
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

/// The opposite, and what the documentation warns of: the default settings keep nothing over a kill.
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
async fn a_stop_while_the_server_hangs_is_not_held_up() {
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
    assert!(ended.is_err(), "nobody knows what it would have delivered");
    server.thaw();
    let id = queue.push("job").await.unwrap();
    for job in queue.withdraw().await.unwrap() {
        assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
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

/// The old one lives on as a replica, and whoever is connected to it stays so.
#[tokio::test]
async fn a_server_that_has_become_a_replica_is_left_for_the_one_that_its_name_leads_to() {
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
    // Of nobody: while it loads what another one sends it says that.
    replicate(&old, &["127.0.0.1", "1"]).await;
    wire.lead_to(&promoted.url);

    // Neither connection has broken.
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
