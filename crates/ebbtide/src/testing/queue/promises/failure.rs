use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::drain::{Stop, StopSource};
use crate::queue::{Queue as _, Settled, Settlement};
use crate::testing::queue::bench::{Bench, describe, number, suite_stop_cause};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};
use crate::util::clock;

/// The time between two calls, like the loop's backoff.
const PAUSE: Duration = Duration::from_millis(100);

/// Tests that all jobs of a crashed consumer are delivered to the next one, and that the attempt is counted: a job that crashes
/// its consumers must not be retried without limit.
///
/// # Errors
///
/// When a job is missing, or is delivered as its first attempt again.
pub async fn crash_loses_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::CrashLosesNothing);
    bench.push_all(0..8).await?;
    let first = bench.open().await?;
    let had: Vec<_> = bench.take(&first, 5).await?.iter().map(number).collect();
    subject.crash(first).await;
    let second = bench.open().await?;
    let mut found = BTreeSet::new();
    for _ in 0..8 {
        let delivery = bench.take_one(&second).await?;
        bench.settle_held(&second, &delivery, Settlement::Ack).await?;
        if had.contains(&number(&delivery)) && delivery.attempt < 2 {
            return Err(
                bench.broken(format!("{} was attempted before by the crashed consumer", describe(&delivery)))
            );
        }
        found.extend(number(&delivery));
    }
    if found.len() == 8 {
        return Ok(Verdict::Kept);
    }
    Err(bench.broken(format!("of jobs 0 to 7, the next consumer received: {found:?}")))
}

/// Tests that every call returns an error while the broker is unavailable, and succeeds when it is available again, on the same
/// consumer, without loss.
///
/// It does not apply to a subject that cannot be [disconnected](Subject::disconnect).
///
/// # Errors
///
/// When a call hangs or reports success, or the consumer does not reconnect.
pub async fn outage_is_an_error<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::OutageIsAnError);
    let queue = bench.open().await?;
    let (never, patience) = (Stop::never(), bench.patience(&queue));
    bench.push_all(0..3).await?;
    let held = bench.take_one(&queue).await?;
    if !bench.does("disconnect the broker", patience, subject.disconnect()).await? {
        return Ok(Verdict::DoesNotApply);
    }

    let mut done: BTreeSet<u32> = BTreeSet::new();
    // Jobs that the broker had sent ahead may still be returned.
    let until_error = async {
        while queue.fetch(3, &never).await.is_ok() {
            sleep(PAUSE).await;
        }
    };
    if timeout(patience, until_error).await.is_err() {
        return Err(bench.too_long("report a failed fetch while the broker is unreachable", patience));
    }
    match timeout(patience, queue.settle(&held.receipt, Settlement::Ack)).await {
        Err(_) => {
            return Err(
                bench.too_long("report a failed settlement while the broker is unreachable", patience)
            );
        }
        Ok(Ok(Settled::Done)) => {
            return Err(bench.broken("a settlement was Done although the broker was unreachable".to_owned()));
        }
        Ok(Ok(Settled::Lost) | Err(_)) => {}
    }
    let source = StopSource::with_clock(clock::now);
    source.stop(suite_stop_cause(), None);
    if timeout(bench.at_once(), queue.fetch(3, &source.token())).await.is_err() {
        return Err(bench.too_long("end a stopping fetch while the broker is unreachable", bench.at_once()));
    }

    bench.does("reconnect the broker", patience, subject.reconnect()).await?;
    bench.push(b"3").await?;
    let settling = async {
        loop {
            match queue.settle(&held.receipt, Settlement::Ack).await {
                Ok(Settled::Done) => break done.extend(number(&held)),
                Ok(Settled::Lost) => break,
                Err(_) => sleep(PAUSE).await,
            }
        }
    };
    if timeout(patience, settling).await.is_err() {
        return Err(bench.too_long("settle after the broker has returned", patience));
    }
    let held_is_done = !done.is_empty();
    let working_off = async {
        while done.len() < 4 {
            for delivery in queue.fetch(3, &never).await.unwrap_or_default() {
                if held_is_done && delivery.payload == held.payload {
                    return false;
                }
                if let Ok(Settled::Done) = queue.settle(&delivery.receipt, Settlement::Ack).await {
                    done.extend(number(&delivery));
                }
            }
            sleep(PAUSE).await;
        }
        true
    };
    match timeout(patience, working_off).await {
        Ok(true) => Ok(Verdict::Kept),
        Ok(false) => Err(bench.broken("a settlement was Done, but the job was redelivered".to_owned())),
        Err(_) => Err(bench.broken(format!("of jobs 0 to 3, these were finished afterwards: {done:?}"))),
    }
}
