use crate::queue::{Queue as _, Settlement};
use crate::testing::queue::bench::{Bench, number};
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// So many are fetched at a time.
const PLACES: usize = 4;

const JOBS: u32 = 24;

/// Tries whether a queue that prefetches gives out no more than was asked for and settled, returns that from the next fetch,
/// and leaves nothing of it when the consumer has stopped. For others it does not apply.
///
/// # Errors
///
/// When more jobs are leased than there are places, or one is missing, delivered twice or still leased in the end.
pub async fn prefetch_keeps_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::PrefetchKeepsNothing);
    bench.push_all(0..JOBS).await?;
    let first = bench.open().await?;
    if !first.prefetch(true) {
        return Ok(Verdict::DoesNotApply);
    }
    let (mut numbers, mut places) = (Vec::new(), PLACES);
    for _ in 0..3 {
        let held = bench.take(&first, PLACES).await?;
        // That a fetch takes no more than it was asked for is another promise.
        places = places.max(held.len());
        for delivery in &held {
            bench.settle_ours(&first, delivery, Settlement::Ack).await?;
            bench.leases_at_most(places as u64).await?;
        }
        numbers.extend(held.iter().filter_map(number));
    }
    first.prefetch(false);
    let lease = first.lease();
    bench.stop(first, Vec::new()).await?;
    let rest = (JOBS as usize).saturating_sub(numbers.len());
    bench.counts_at_once(lease, Census { waiting: rest as u64, leased: Some(0), buried: 0 }).await?;
    bench.rest_comes(JOBS, numbers).await
}
