//! A job is given to one consumer.

use std::collections::HashMap;

use ebbtide::queue::{Settled, Settlement};
use futures_util::future::join_all;

use super::{Place, Rows};
use crate::support::{fetch, next};

const JOBS: usize = 1000;

pub(crate) async fn each_job_goes_to_one_of_those_who_compete<P: Place>(place: &P) {
    let (queue, other) = (place.queue().await, place.queue().await);
    join_all((0..JOBS).map(|number| queue.pushed(number.to_string()))).await;
    // Two pools, each of them shared by two.
    let consumers = [&queue, &queue, &other, &other].map(run_what_waits);
    let ran = times(join_all(consumers).await);
    assert_eq!((ran.len(), ran.values().max()), (JOBS, Some(&1)));
    assert_eq!(queue.counted().await.leased, 0);
    // Nothing is in anybody's way that comes behind.
    queue.pushed("one more").await;
    assert_eq!(next(&other).await.payload, b"one more");
}

async fn run_what_waits<Q: Rows>(queue: &Q) -> Vec<String> {
    let mut ran = Vec::new();
    loop {
        let jobs = tokio::select! {
            biased;
            jobs = fetch(queue, 7) => jobs,
            () = drained(queue) => return ran,
        };
        for job in jobs {
            assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
            ran.push(job.id);
        }
    }
}

/// Waits until there is nothing left to give out or to settle: a fetch has leased nothing then.
async fn drained<Q: Rows>(queue: &Q) {
    loop {
        let counts = queue.counted().await;
        if counts.waiting + counts.leased == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

pub(crate) fn times(ran: Vec<Vec<String>>) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for id in ran.into_iter().flatten() {
        *times.entry(id).or_default() += 1;
    }
    times
}
