use crate::queue::Settlement;
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// Tries whether an acknowledged job is gone for good, though its consumer crashes right behind it.
///
/// # Errors
///
/// When it is delivered again, or still counted.
pub async fn ack_is_final<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::AckIsFinal);
    bench.push_all(0..5).await?;
    let first = bench.open().await?;
    for delivery in bench.take(&first, 5).await? {
        bench.settle_ours(&first, &delivery, Settlement::Ack).await?;
    }
    subject.crash(first).await;
    let second = bench.open().await?;
    bench.gets_nothing(&second, bench.quiet(&second)).await?;
    bench.counts(Census { waiting: 0, leased: Some(0), buried: 0 }).await?;
    Ok(Verdict::Kept)
}
