use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::drain::StopSource;
use crate::queue::Queue as _;
use crate::runtime::clock;
use crate::testing::queue::bench::{Bench, suite_ends_it};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Long enough for a fetch to have begun its waiting.
const A_WHILE: Duration = Duration::from_millis(200);

/// Tries whether a fetch that waits returns at once when it is stopping, and one that begins then takes nothing.
///
/// # Errors
///
/// When it goes on waiting, or takes a job.
pub async fn fetch_ends_with_stop<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FetchEndsWithStop);
    let queue = bench.open().await?;
    let source = StopSource::with_clock(clock::now);
    let stop = source.token();
    let mut waiting = pin!(queue.fetch(4, &stop));
    // Returning already, or with an error, is for other promises.
    if timeout(A_WHILE, waiting.as_mut()).await.is_err() {
        source.stop(suite_ends_it(), None);
        let got = bench.does("end the fetch that waits", bench.at_once(), waiting).await?;
        if !got.is_empty() {
            return Err(bench.broken(format!("{} jobs came from an empty queue", got.len())));
        }
    }
    source.stop(suite_ends_it(), None);
    bench.push_all(0..3).await?;
    let got = bench.does("fetch although it is stopping", bench.at_once(), queue.fetch(4, &stop)).await?;
    match got.len() {
        0 => Ok(Verdict::Kept),
        took => Err(bench.broken(format!("it took {took} jobs although it was stopping"))),
    }
}
