use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::drain::Stop;
use crate::queue::Queue as _;
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Long enough for what returns at once to have returned.
const A_WHILE: Duration = Duration::from_millis(300);

/// Tries whether a fetch from an empty queue waits, and returns the job that then comes.
///
/// # Errors
///
/// When it returns without one, or does not see it come.
pub async fn fetch_waits<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FetchWaits);
    let queue = bench.open().await?;
    let never = Stop::never();
    for round in 0..2 {
        let mut fetch = pin!(queue.fetch(4, &never));
        match timeout(A_WHILE, fetch.as_mut()).await {
            Err(_still_waits) => {}
            Ok(Ok(got)) => {
                return Err(bench.broken(format!("{} jobs came from an empty queue", got.len())));
            }
            Ok(Err(source)) => return Err(bench.failed("fetch from an empty queue", source)),
        }
        bench.push(b"late").await?;
        let got = bench.does("see the job that was pushed meanwhile", bench.patience(&queue), fetch).await?;
        if got.len() != 1 {
            return Err(bench.broken(format!("one job was pushed, and fetch {round} returned {}", got.len())));
        }
    }
    Ok(Verdict::Kept)
}
