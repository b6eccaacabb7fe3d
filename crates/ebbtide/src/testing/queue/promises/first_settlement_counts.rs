use crate::queue::{Settled, Settlement};
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};

/// Tries whether a settlement that is said twice is no error, and whether of two that are said at the same time one counts.
///
/// # Errors
///
/// When one fails, or what the consumer was told is not so.
pub async fn first_settlement_counts<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FirstSettlementCounts);
    let queue = bench.open().await?;
    for settlement in [Settlement::Ack, Settlement::Bury { error: "for good".to_owned() }] {
        bench.push(b"twice").await?;
        let delivery = bench.take_one(&queue).await?;
        bench.settle_ours(&queue, &delivery, settlement.clone()).await?;
        let _either = bench.settle(&queue, &delivery, settlement).await?;
    }
    for _ in 0..5 {
        bench.push(b"at once").await?;
        let delivery = bench.take_one(&queue).await?;
        let (ack, back) = tokio::try_join!(
            bench.settle(&queue, &delivery, Settlement::Ack),
            bench.settle(&queue, &delivery, Settlement::HandBack),
        )?;
        if ack == Settled::Lost {
            if back == Settled::Lost {
                return Err(bench.broken(format!("both settlements of {} were lost", describe(&delivery))));
            }
            let again = bench.take_one(&queue).await?;
            bench.settle_ours(&queue, &again, Settlement::Ack).await?;
        }
    }
    // The five are acknowledged by now, and that counts though each was handed back as well.
    bench.gets_nothing(&queue, bench.quiet(&queue)).await?;
    Ok(Verdict::Kept)
}
