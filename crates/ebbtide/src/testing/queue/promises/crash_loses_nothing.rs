use std::collections::BTreeSet;

use crate::queue::Settlement;
use crate::testing::queue::bench::{Bench, describe, number};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether everything that a crashed consumer had comes to the next one, and counts as tried: a job that brings its
/// consumers down must not do so for ever.
///
/// # Errors
///
/// When a job is missing, or comes as its first attempt again.
pub async fn crash_loses_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::CrashLosesNothing);
    bench.push_all(0..8).await?;
    let first = bench.open().await?;
    let had: Vec<_> = bench.take(&first, 5).await?.iter().map(number).collect();
    subject.crash(first).await;
    let second = bench.open().await?;
    let mut found = BTreeSet::new();
    for _ in 0..8 {
        let delivery = bench.take_one(&second).await?;
        bench.settle_ours(&second, &delivery, Settlement::Ack).await?;
        if had.contains(&number(&delivery)) && delivery.attempt < 2 {
            return Err(bench.broken(format!("{} was tried before, by who crashed", describe(&delivery))));
        }
        found.extend(number(&delivery));
    }
    if found.len() == 8 {
        return Ok(Verdict::Kept);
    }
    Err(bench.broken(format!("of the jobs 0 to 7 these came to the next consumer: {found:?}")))
}
