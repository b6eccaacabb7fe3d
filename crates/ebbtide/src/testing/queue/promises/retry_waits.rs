use std::time::Duration;

use crate::model::part;
use crate::queue::Settlement;
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// Longer than the lease that is recommended: a lease that runs out must not pass for a retry that has come.
const AFTER: Duration = Duration::from_millis(1500);

/// Tries whether a job whose attempt failed comes back when the time has passed that was asked for, not before, and as the
/// next attempt, though its consumer crashes.
///
/// # Errors
///
/// When it comes too early or not at all, or the attempts are counted wrong.
pub async fn retry_waits<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::RetryWaits);
    bench.push(b"job").await?;
    let first = bench.open().await?;
    let mut wanted = 1;
    for after in [Duration::ZERO, AFTER, Duration::ZERO] {
        let delivery = bench.take_one(&first).await?;
        if delivery.attempt != wanted {
            return Err(bench.broken(format!("{} is attempt {wanted}", describe(&delivery))));
        }
        let error = "failed to try".to_owned();
        bench.settle_ours(&first, &delivery, Settlement::Retry { after, error }).await?;
        if !after.is_zero() {
            // A quarter for clocks that don't agree.
            bench.gets_nothing(&first, part(after, 3, 4)).await?;
        }
        wanted += 1;
    }
    let delivery = bench.take_one(&first).await?;
    if delivery.attempt != wanted {
        return Err(bench.broken(format!("{} is attempt {wanted}", describe(&delivery))));
    }
    let error = "once more".to_owned();
    bench.settle_ours(&first, &delivery, Settlement::Retry { after: AFTER, error }).await?;
    bench.counts(Census { waiting: 1, leased: Some(0), buried: 0 }).await?;
    subject.crash(first).await;
    let second = bench.open().await?;
    let delivery = bench.take_one(&second).await?;
    if delivery.attempt != wanted + 1 {
        return Err(bench.broken(format!("{} is attempt {}", describe(&delivery), wanted + 1)));
    }
    Ok(Verdict::Kept)
}
