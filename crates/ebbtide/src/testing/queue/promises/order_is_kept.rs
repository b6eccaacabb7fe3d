use crate::testing::queue::bench::{Bench, number};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether one consumer gets the jobs in the order in which they were pushed.
///
/// It does not apply where that is [not promised](Subject::keeps_order).
///
/// # Errors
///
/// When they come in another order.
pub async fn order_is_kept<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::OrderIsKept);
    if !subject.keeps_order() {
        return Ok(Verdict::DoesNotApply);
    }
    bench.push_all(0..30).await?;
    let queue = bench.open().await?;
    let numbers: Vec<u32> = bench.take(&queue, 30).await?.iter().filter_map(number).collect();
    if numbers == (0..30).collect::<Vec<_>>() {
        return Ok(Verdict::Kept);
    }
    Err(bench.broken(format!("0 to 29 were pushed one after the other, and came as {numbers:?}")))
}
