use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled};

use super::place::Place;
use crate::server::{Server, settle, until_it_works};
use crate::support::next;

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_server_that_is_killed_is_an_error_and_is_found_again_with_all_that_it_had() {
    let mut server = Server::nats(&["-js"]).await;
    let place = Place::at(server.url("nats")).await;
    let queue = place.open_short(LEASE).await;
    let mut pushed = BTreeSet::new();
    for n in 0..20 {
        pushed.insert(queue.push(n.to_string()).await.unwrap());
    }
    let held = next(&queue).await;
    for n in 0..2 {
        let mut jobs = server.dies_under(&queue, &held.receipt, Duration::from_millis(50 * n)).await;
        assert!(queue.push("nobody takes it").await.is_err());
        server.start_again().await;
        jobs.truncate(2);
        for job in jobs {
            // Its lease may be over by now, and then it comes again.
            if settle(&queue, &job).await == Settled::Done {
                pushed.remove(&job.id);
            }
        }
    }
    // A server that is killed may bring back what was acknowledged in the moment before: it is done once more. It may also
    // keep a message that its consumer knows as acknowledged: the stream need not be empty in the end.
    let rest = async {
        while !pushed.is_empty() {
            let job = until_it_works(async || queue.fetch(1, &Stop::never()).await).await.remove(0);
            if settle(&queue, &job).await == Settled::Done {
                pushed.remove(&job.id);
            }
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), rest).await;
    assert!(done.is_ok(), "nothing is lost, and yet these did not come: {pushed:?}");
}
