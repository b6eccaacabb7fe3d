use std::collections::BTreeMap;

use tokio::time::{sleep, timeout};

use crate::drain::StopSource;
use crate::queue::Queue as _;
use crate::runtime::clock;
use crate::testing::queue::bench::{Bench, describe, number, suite_ends_it};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

const JOBS: u32 = 60;

/// Tries whether four consumers that fetch at the same time get different jobs, and nobody gets what another one holds.
///
/// # Errors
///
/// When a job is delivered twice though its first delivery is neither settled nor lapsed.
pub async fn deliveries_are_exclusive<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::DeliveriesAreExclusive);
    let queues = [bench.open().await?, bench.open().await?, bench.open().await?, bench.open().await?];
    bench.push_all(0..JOBS).await?;
    let source = StopSource::with_clock(clock::now);
    let stop = source.token();
    let time = bench.at_once();
    let fetching = async |queue: &S::Queue| {
        let mut got = Vec::new();
        while !stop.is_stopping() {
            match timeout(time.saturating_add(bench.at_once()), queue.fetch(3, &stop)).await {
                Ok(Ok(more)) if more.is_empty() => sleep(bench.step()).await,
                Ok(Ok(more)) => got.extend(more),
                Ok(Err(source)) => return Err(bench.failed("fetch beside others", source)),
                // That it ends with the stop is another promise.
                Err(_) => break,
            }
        }
        Ok(got)
    };
    let [a, b, c, d] = &queues;
    let ending = async {
        sleep(time).await;
        source.stop(suite_ends_it(), None);
    };
    let (a, b, c, d, ()) = tokio::join!(fetching(a), fetching(b), fetching(c), fetching(d), ending);
    let mut holders = BTreeMap::new();
    for (holder, got) in [a?, b?, c?, d?].into_iter().enumerate() {
        for delivery in got {
            if let Some(before) = holders.insert(number(&delivery), holder) {
                let what = describe(&delivery);
                let twice =
                    format!("{what} was delivered to consumer {holder} while consumer {before} had it");
                return Err(bench.broken(twice));
            }
        }
    }
    // How many of them came in that time is a matter of speed, but none would prove nothing.
    match holders.len() {
        0 => Err(bench.broken(format!("of {JOBS} jobs none came within {time:?}"))),
        _ => Ok(Verdict::Kept),
    }
}
