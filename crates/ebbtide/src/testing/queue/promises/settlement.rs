use std::time::Duration;

use crate::model::part;
use crate::queue::{Settled, Settlement};
use crate::testing::queue::bench::{Bench, describe};
use crate::testing::queue::{Broken, Promise, Subject, SubjectCounts, Verdict};

/// Longer than the recommended lease: an expired lease must not count as an early retry.
const RETRY_AFTER: Duration = Duration::from_millis(1500);

/// Tests that an acknowledged job is never delivered again, even if its consumer crashes right after the acknowledgement.
///
/// # Errors
///
/// When it is delivered again, or still counted.
pub async fn ack_is_final<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::AckIsFinal);
    bench.push_all(0..5).await?;
    let first = bench.open().await?;
    for delivery in bench.take(&first, 5).await? {
        bench.settle_held(&first, &delivery, Settlement::Ack).await?;
    }
    subject.crash(first).await;
    let second = bench.open().await?;
    bench.check_nothing_delivered(&second, bench.quiet(&second)).await?;
    bench.counts(SubjectCounts { waiting: 0, leased: Some(0), dead_lettered: 0 }).await?;
    Ok(Verdict::Kept)
}

/// Tests that a requeued job is immediately available to the next consumer, even if the first one crashes right after the requeue,
/// and that its attempt is not counted.
///
/// The attempts count only where the broker [can tell](Subject::counts_requeues).
///
/// # Errors
///
/// When it takes as long as a lease or a delay, or the attempt is counted.
pub async fn requeue_is_immediate<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::RequeueIsImmediate);
    bench.push(b"job").await?;
    for round in 0..4 {
        let queue = bench.open().await?;
        let delivery = match round {
            0 => bench.take_one(&queue).await?,
            _ => bench.take_at_once(&queue).await?,
        };
        if subject.counts_requeues() && delivery.attempt != 1 {
            return Err(bench.broken(format!("{}: the requeued attempt was counted", describe(&delivery))));
        }
        // Requeued as the loop does it: otherwise a broker that sends ahead may return the job to this consumer.
        bench.withdraw(&queue).await?;
        bench.settle_held(&queue, &delivery, Settlement::Requeue).await?;
        bench.counts(SubjectCounts { waiting: 1, leased: Some(0), dead_lettered: 0 }).await?;
        subject.crash(queue).await;
    }
    Ok(Verdict::Kept)
}

/// Tests that a job with a failed attempt is redelivered after the requested delay, not earlier, and as the next attempt, even if
/// its consumer crashes.
///
/// # Errors
///
/// When it is delivered too early or not at all, or the attempts are miscounted.
pub async fn retry_waits<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::RetryWaits);
    bench.push(b"job").await?;
    let first = bench.open().await?;
    let mut wanted = 1;
    for after in [Duration::ZERO, RETRY_AFTER, Duration::ZERO] {
        let delivery = bench.take_one(&first).await?;
        if delivery.attempt != wanted {
            return Err(bench.broken(format!("{} is attempt {wanted}", describe(&delivery))));
        }
        let error = "failed to try".to_owned();
        bench.settle_held(&first, &delivery, Settlement::Retry { after, error }).await?;
        if !after.is_zero() {
            // A quarter of tolerance for clocks that differ.
            bench.check_nothing_delivered(&first, part(after, 3, 4)).await?;
        }
        wanted += 1;
    }
    let delivery = bench.take_one(&first).await?;
    if delivery.attempt != wanted {
        return Err(bench.broken(format!("{} is attempt {wanted}", describe(&delivery))));
    }
    let error = "once more".to_owned();
    bench.settle_held(&first, &delivery, Settlement::Retry { after: RETRY_AFTER, error }).await?;
    bench.counts(SubjectCounts { waiting: 1, leased: Some(0), dead_lettered: 0 }).await?;
    subject.crash(first).await;
    let second = bench.open().await?;
    let delivery = bench.take_one(&second).await?;
    if delivery.attempt != wanted + 1 {
        return Err(bench.broken(format!("{} is attempt {}", describe(&delivery), wanted + 1)));
    }
    Ok(Verdict::Kept)
}

/// Tests that a dead-lettered job can be listed with its payload and, where it is stored, its error, and is not delivered again; and
/// that any error text is accepted.
///
/// # Errors
///
/// When it is missing or delivered again, or an error text makes the settlement fail.
pub async fn dead_letter_is_kept<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::DeadLetterIsKept);
    let long = "long ".repeat(4000);
    let errors = ["no such address", "", "a zero \0 within", "zwölf\r\nlines: {\"a\"} 'b' %s $1 ☃", &long];
    let first = bench.open().await?;
    for (error, payload) in errors.iter().zip([b"0", b"1", b"2", b"3", b"4"]) {
        bench.push(payload).await?;
        let delivery = bench.take_one(&first).await?;
        let error = (*error).to_owned();
        bench.settle_held(&first, &delivery, Settlement::DeadLetter { error }).await?;
    }
    subject.crash(first).await;
    let second = bench.open().await?;
    bench.check_nothing_delivered(&second, bench.quiet(&second)).await?;
    bench.counts(SubjectCounts { waiting: 0, leased: Some(0), dead_lettered: 5 }).await?;
    let mut dead_lettered =
        bench.does("list the dead-lettered jobs", bench.patience(&second), subject.dead_lettered()).await?;
    dead_lettered.sort_by(|a, b| a.payload.cmp(&b.payload));
    let payloads: Vec<_> = dead_lettered.iter().map(|job| String::from_utf8_lossy(&job.payload)).collect();
    if payloads != ["0", "1", "2", "3", "4"] {
        return Err(bench
            .broken(format!("jobs 0 to 4 were dead-lettered, but the dead-letter queue has: {payloads:?}")));
    }
    let kept = dead_lettered.first().and_then(|job| job.error.as_deref());
    match kept {
        Some(kept) if !kept.contains(errors[0]) => {
            Err(bench.broken(format!("dead-lettered with error {:?}, but {kept:?} is stored", errors[0])))
        }
        _ => Ok(Verdict::Kept),
    }
}

/// Tests that a repeated settlement is not an error, and that exactly one of two concurrent settlements counts.
///
/// # Errors
///
/// When one fails, or the returned result is wrong.
pub async fn first_settlement_counts<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::FirstSettlementCounts);
    let queue = bench.open().await?;
    for settlement in [Settlement::Ack, Settlement::DeadLetter { error: "for good".to_owned() }] {
        bench.push(b"twice").await?;
        let delivery = bench.take_one(&queue).await?;
        bench.settle_held(&queue, &delivery, settlement.clone()).await?;
        let _either = bench.settle(&queue, &delivery, settlement).await?;
    }
    for _ in 0..5 {
        bench.push(b"at once").await?;
        let delivery = bench.take_one(&queue).await?;
        let (ack, back) = tokio::try_join!(
            bench.settle(&queue, &delivery, Settlement::Ack),
            bench.settle(&queue, &delivery, Settlement::Requeue),
        )?;
        if ack == Settled::Lost {
            if back == Settled::Lost {
                return Err(bench.broken(format!("both settlements of {} were lost", describe(&delivery))));
            }
            let again = bench.take_one(&queue).await?;
            bench.settle_held(&queue, &again, Settlement::Ack).await?;
        }
    }
    // The five are acknowledged by now, and this counts although each was requeued as well.
    bench.check_nothing_delivered(&queue, bench.quiet(&queue)).await?;
    Ok(Verdict::Kept)
}
