use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use super::wire::Wire;
use crate::server::{Server, until_it_works};
use crate::support::{fetch_all, next};

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
