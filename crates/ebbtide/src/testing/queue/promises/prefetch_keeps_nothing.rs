use crate::queue::{Queue as _, Settlement};
use crate::testing::queue::bench::{Bench, number};
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// So many are fetched at a time.
const PLACES: usize = 4;

const JOBS: u32 = 24;

/// Tries whether a queue that prefetches gives out no more than was asked for and settled, returns that from the next fetch,
/// takes nothing for what is settled when it may no longer, and leaves nothing when the consumer has stopped. For others it does
/// not apply.
///
/// # Errors
///
/// When others don't get what there are no places for, or a job is missing, delivered twice, still leased in the end, or counts as
/// tried though nobody had it.
pub async fn prefetch_keeps_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::PrefetchKeepsNothing);
    bench.push_all(0..JOBS).await?;
    let first = bench.open().await?;
    if !first.prefetch(true) {
        return Ok(Verdict::DoesNotApply);
    }
    let (mut numbers, mut places) = (Vec::new(), PLACES);
    let mut held = Vec::new();
    for round in 0..4 {
        held = bench.take(&first, PLACES).await?;
        // That a fetch takes no more than it was asked for is another promise.
        places = places.max(held.len());
        numbers.extend(held.iter().filter_map(number));
        // The last one is worked at when the stop comes.
        for delivery in held.drain(usize::from(round == 3)..) {
            bench.settle_ours(&first, &delivery, Settlement::Ack).await?;
            bench.leases_at_most(places as u64).await?;
        }
    }
    let second = bench.open().await?;
    let others = (JOBS as usize).saturating_sub(numbers.len() + places - held.len());
    for delivery in bench.take(&second, others).await? {
        bench.settle_ours(&second, &delivery, Settlement::Ack).await?;
        numbers.extend(number(&delivery));
    }
    first.prefetch(false);
    for delivery in bench.withdraw(&first).await? {
        bench.settle_ours(&first, &delivery, Settlement::HandBack).await?;
    }
    for delivery in &held {
        bench.settle_ours(&first, delivery, Settlement::Ack).await?;
    }
    let rest = (JOBS as usize).saturating_sub(numbers.len());
    bench.counts(Census { waiting: rest as u64, leased: Some(0), buried: 0 }).await?;
    bench.does("close", bench.patience(&first), first.close()).await?;
    bench.rest_comes(JOBS, numbers).await
}
