use std::collections::BTreeMap;
use std::time::Duration;

use crate::queue::Settlement;
use crate::testing::queue::bench::Bench;
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether each job has an id of its own, the same after it was handed back, tried again, and lost with its consumer.
///
/// # Errors
///
/// When an id is empty, two jobs share one, or a job changes its own.
pub async fn id_stays<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::IdStays);
    bench.push_all(0..3).await?;
    let first = bench.open().await?;
    let mut known: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let retry = Settlement::Retry { after: Duration::ZERO, error: "once more".to_owned() };
    for settlement in [Some(Settlement::HandBack), Some(retry), None] {
        let taken = bench.take(&first, 3).await?;
        for delivery in &taken {
            if delivery.id.is_empty() {
                return Err(bench.broken("a job has an empty id".to_owned()));
            }
            let before = known.entry(delivery.id.clone()).or_insert_with(|| delivery.payload.clone());
            if *before != delivery.payload {
                return Err(bench.broken(format!("two jobs have the id {:?}", delivery.id)));
            }
            if let Some(settlement) = &settlement {
                bench.settle_ours(&first, delivery, settlement.clone()).await?;
            }
        }
    }
    subject.crash(first).await;
    let second = bench.open().await?;
    for delivery in bench.take(&second, 3).await? {
        known.entry(delivery.id).or_insert(delivery.payload);
    }
    match known.len() {
        3 => Ok(Verdict::Kept),
        ids => Err(bench.broken(format!("3 jobs came with {ids} ids: {:?}", known.keys()))),
    }
}
