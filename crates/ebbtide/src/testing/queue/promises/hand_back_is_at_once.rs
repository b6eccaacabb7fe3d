use crate::queue::Settlement;
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Census, Promise, Subject, Verdict};

/// Tries whether a job that was handed back is there for the next consumer at once, though the first one crashes right
/// behind it, and whether that counts as no attempt.
///
/// The attempts count only where the broker [can tell](Subject::tells_hand_backs).
///
/// # Errors
///
/// When it takes as long as a lease or a delay, or the attempt is counted.
pub async fn hand_back_is_at_once<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::HandBackIsAtOnce);
    bench.push(b"job").await?;
    for round in 0..4 {
        let queue = bench.open().await?;
        let delivery = match round {
            0 => bench.take_one(&queue).await?,
            _ => bench.take_at_once(&queue).await?,
        };
        if subject.tells_hand_backs() && delivery.attempt != 1 {
            return Err(
                bench.broken(format!("{}: what was handed back counts as tried", describe(&delivery)))
            );
        }
        // As the loop does it: only then does a broker that sends ahead not give it back to us.
        bench.withdraw(&queue).await?;
        bench.settle_ours(&queue, &delivery, Settlement::HandBack).await?;
        bench.counts(Census { waiting: 1, leased: Some(0), buried: 0 }).await?;
        subject.crash(queue).await;
    }
    Ok(Verdict::Kept)
}
