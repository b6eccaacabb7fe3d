//! What the module's page says of heartbeats.

use std::thread;

use ebbtide_rabbitmq::RabbitQueue;

use super::Broker;
use crate::blocked::{beside_another, block_the_thread, runtime};

/// There is no lease to be renewed by a thread: the connection is the lease, and lapin's heartbeats run where it was opened.
#[test]
fn handlers_that_block_every_thread_for_longer_than_the_heartbeat_lose_their_jobs() {
    Broker::with(async |broker| {
        let url = format!("{}?heartbeat=1", broker.url());
        let open = async || RabbitQueue::builder(&broker.name).url(&url).open().await.unwrap();
        let test = || {
            let runtime = runtime();
            let first = runtime.block_on(async {
                let first = open().await;
                for job in ["one", "two"] {
                    first.push(job).await.unwrap();
                }
                first
            });
            beside_another(&runtime, first, block_the_thread, open).both_jobs_ran_twice();
        };
        thread::scope(|scope| scope.spawn(test).join().unwrap());
    });
}
