use std::collections::BTreeSet;

use crate::drain::Stop;
use crate::queue::Queue as _;
use crate::testing::queue::bench::{Bench, number};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether a fetch returns no more than it was asked for, down to one, and the next ones the rest.
///
/// # Errors
///
/// When it returns more, or the rest does not come.
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
    Err(bench.broken(format!("of 20 jobs only {} came in 20 fetches", seen.len())))
}
