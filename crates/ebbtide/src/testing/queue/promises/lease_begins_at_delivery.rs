use tokio::time::sleep;

use crate::model::part;
use crate::queue::Queue as _;
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether a job that has waited for longer than a lease before its first delivery is given to nobody else for half of a
/// lease from then on.
///
/// It does not apply to a queue [without leases](crate::queue::Queue::lease).
///
/// # Errors
///
/// When somebody else gets it, as where the lease began when the job was pushed.
pub async fn lease_begins_at_delivery<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::LeaseBeginsAtDelivery);
    let (ours, other) = (bench.open().await?, bench.open().await?);
    let Some(lease) = ours.lease() else { return Ok(Verdict::DoesNotApply) };
    bench.push(b"job").await?;
    sleep(part(lease, 5, 4)).await;
    let _held = bench.take_one(&ours).await?;
    bench.gets_nothing(&other, part(lease, 1, 2)).await?;
    Ok(Verdict::Kept)
}
