use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::drain::{Stop, StopSource};
use crate::queue::Queue as _;
use crate::testing::queue::bench::{Bench, number, suite_stop_cause};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};
use crate::util::clock;

/// Long enough for a call that returns immediately.
const RETURNED_BY: Duration = Duration::from_millis(300);

/// Long enough for a fetch to have started to wait.
const WAITING_BY: Duration = Duration::from_millis(200);

/// Tests that a fetch from an empty queue waits, and returns the next pushed job.
///
/// # Errors
///
/// When it returns without a job, or does not return the pushed one.
pub async fn fetch_waits<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FetchWaits);
    let queue = bench.open().await?;
    let never = Stop::never();
    for round in 0..2 {
        let mut fetch = pin!(queue.fetch(4, &never));
        match timeout(RETURNED_BY, fetch.as_mut()).await {
            Err(_still_waits) => {}
            Ok(Ok(got)) => {
                return Err(bench.broken(format!("{} jobs came from an empty queue", got.len())));
            }
            Ok(Err(source)) => return Err(bench.failed("fetch from an empty queue", source)),
        }
        bench.push(b"late").await?;
        let got =
            bench.does("fetch the job that was pushed meanwhile", bench.patience(&queue), fetch).await?;
        if got.len() != 1 {
            return Err(bench.broken(format!("one job was pushed, and fetch {round} returned {}", got.len())));
        }
    }
    Ok(Verdict::Kept)
}

/// Tests that a waiting fetch returns immediately when the token is stopping, and that a fetch that starts then takes nothing.
///
/// # Errors
///
/// When it continues to wait, or takes a job.
pub async fn fetch_ends_with_stop<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FetchEndsWithStop);
    let queue = bench.open().await?;
    let source = StopSource::with_clock(clock::now);
    let stop = source.token();
    let mut waiting = pin!(queue.fetch(4, &stop));
    // An early return, or an error, is covered by other promises.
    if timeout(WAITING_BY, waiting.as_mut()).await.is_err() {
        source.stop(suite_stop_cause(), None);
        let got = bench.does("end the waiting fetch", bench.at_once(), waiting).await?;
        if !got.is_empty() {
            return Err(bench.broken(format!("{} jobs came from an empty queue", got.len())));
        }
    }
    source.stop(suite_stop_cause(), None);
    bench.push_all(0..3).await?;
    let got =
        bench.does("return from a fetch that is stopping", bench.at_once(), queue.fetch(4, &stop)).await?;
    match got.len() {
        0 => Ok(Verdict::Kept),
        took => Err(bench.broken(format!("fetch took {took} jobs although it was stopping"))),
    }
}

/// Tests that a fetch returns at most the requested number of jobs, down to one, and that the next fetches return the rest.
///
/// # Errors
///
/// When it returns more, or the rest is not delivered.
pub async fn fetch_takes_at_most_max<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FetchTakesAtMostMax);
    bench.push_all(0..20).await?;
    let (queue, never) = (bench.open().await?, Stop::never());
    let mut seen = BTreeSet::new();
    for max in [1, 3, 1, 7, 2, 20].into_iter().cycle().take(20) {
        let got = bench.does("fetch", bench.patience(&queue), queue.fetch(max, &never)).await?;
        if got.len() > max {
            return Err(bench.broken(format!("a fetch of at most {max} returned {}", got.len())));
        }
        seen.extend(got.iter().filter_map(number));
        if seen.len() == 20 {
            return Ok(Verdict::Kept);
        }
    }
    Err(bench.broken(format!("only {} of 20 jobs were delivered in 20 fetches", seen.len())))
}
