use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

const JOBS: u32 = 40;

/// Tries whether nothing is left with a consumer that was stopped in order: what it had fetched and what had been sent ahead
/// is there for the next one at once and as untried as it was, all of it, and nothing is counted as leased.
///
/// # Errors
///
/// When a job is missing, delivered twice, still leased, or counts as tried.
pub async fn stop_leaves_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::StopLeavesNothing);
    bench.push_all(0..JOBS).await?;
    let first = bench.open().await?;
    let held = bench.take(&first, 3).await?;
    bench.stop(first, held).await?;
    bench.counts(Census { waiting: JOBS.into(), leased: Some(0), buried: 0 }).await?;
    bench.rest_comes(JOBS, Vec::new()).await
}
