use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::nats::{NatsQueue, NatsReceipt};
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};

use super::place::Place;
use super::server::Server;
use crate::support::{next, now};

const LEASE: Duration = Duration::from_secs(2);

/// Calls again until it works, as the loop does.
async fn until_it_works<T, E, F: Future<Output = Result<T, E>>>(call: impl Fn() -> F) -> T {
    loop {
        if let Ok(value) = call().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn settle(queue: &NatsQueue, job: &Delivery<NatsReceipt>) -> Settled {
    until_it_works(|| queue.settle(&job.receipt, Settlement::Ack)).await
}

#[tokio::test]
async fn a_server_that_is_killed_is_an_error_and_is_found_again_with_all_that_it_had() {
    let mut server = Server::start(&["-js"]).await;
    let place = Place::at(server.url()).await;
    let queue = place.open_short(LEASE).await;
    let mut pushed = BTreeSet::new();
    for n in 0..20 {
        pushed.insert(queue.push(n.to_string()).await.unwrap());
    }
    let held = next(&queue).await;
    for n in 0..2 {
        let began = now();
        let killing = async {
            tokio::time::sleep(Duration::from_millis(50 * n)).await;
            server.kill();
        };
        let failing = async {
            let mut jobs = Vec::new();
            loop {
                match queue.fetch(3, &Stop::never()).await {
                    Ok(more) => jobs.extend(more),
                    Err(_) => break jobs,
                }
            }
        };
        let ((), mut jobs) = tokio::join!(killing, failing);
        assert!(queue.push("nobody takes it").await.is_err());
        let lost = queue.settle(&held.receipt, Settlement::Ack).await;
        assert!(matches!(lost, Err(_) | Ok(Settled::Lost)), "{lost:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "errors, not hangs");
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
