use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::Place;
use crate::server::{Server, settle, until_it_works};
use crate::support::{next, source, stop};

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
