use tokio::time::sleep;

use crate::model::part;
use crate::queue::{Queue as _, Settlement};
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether deliveries that are extended three times in each lease stay ours for three of them, though one is among them that
/// was settled meanwhile, as happens when a job ends while its lease is extended.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When somebody else gets one, or the one that was settled makes the others' extension fail.
pub async fn extend_keeps<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::ExtendKeeps);
    let ours = bench.open().await?;
    let Some(lease) = ours.lease() else { return Ok(Verdict::DoesNotApply) };
    bench.push_all(0..4).await?;
    let held = bench.take(&ours, 4).await?;
    let other = bench.open().await?;
    bench.settle_ours(&ours, &held[0], Settlement::Ack).await?;
    let extending = async {
        loop {
            let extended = bench.extend(&ours, &held).await;
            if extended.is_err() {
                break extended;
            }
            sleep(part(lease, 1, 3)).await;
        }
    };
    tokio::select! {
        broken = extending => broken?,
        seen = bench.gets_nothing(&other, part(lease, 3, 1)) => seen?,
    }
    for delivery in &held[1..] {
        bench.settle_ours(&ours, delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}
