use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::drain::StopSource;
use crate::queue::{Queue as _, Settlement};
use crate::testing::queue::bench::{Bench, describe, number, suite_stop_cause};
use crate::testing::queue::{Broken, Promise, Subject, Verdict};
use crate::util::clock;

/// Large, and within the default limit of every broker: NATS refuses more than 1 MiB.
const LARGE_PAYLOAD: usize = 512 * 1024;

const EXCLUSIVE_JOBS: u32 = 60;

/// Tests that payloads are delivered byte for byte: empty, text, every byte value, and half a megabyte.
///
/// # Errors
///
/// When another payload arrives, or one is changed.
pub async fn payloads_arrive_exactly<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::PayloadsArriveExactly);
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(LARGE_PAYLOAD).collect();
    let payloads = [Vec::new(), "grüße\r\n\t\"'\\".into(), vec![0], vec![0xff, 0xfe], every_byte, large];
    let queue = bench.open().await?;
    for payload in payloads {
        bench.push(&payload).await?;
        let delivery = bench.take_one(&queue).await?;
        if delivery.payload != payload {
            let (got, sent) = (delivery.payload.len(), payload.len());
            let what = describe(&delivery);
            return Err(bench.broken(format!("{what}: {got} bytes, not the {sent} that were pushed")));
        }
        // Settled, so that it does not come again before the next one.
        bench.settle_held(&queue, &delivery, Settlement::Ack).await?;
    }
    Ok(Verdict::Kept)
}

/// Tests that each job has a unique id that stays the same after a requeue, a retry, and a crash of its consumer.
///
/// # Errors
///
/// When an id is empty, two jobs share one, or the id of a job changes.
pub async fn id_stays<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::new(subject, Promise::IdStays);
    bench.push_all(0..3).await?;
    let first = bench.open().await?;
    let mut known: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let retry = Settlement::Retry { after: Duration::ZERO, error: "once more".to_owned() };
    for settlement in [Some(Settlement::Requeue), Some(retry), None] {
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
                bench.settle_held(&first, delivery, settlement.clone()).await?;
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
        ids => Err(bench.broken(format!("3 jobs were delivered with {ids} ids: {:?}", known.keys()))),
    }
}

/// Tests that four consumers that fetch concurrently receive different jobs, and none receives a job that another one holds.
///
/// # Errors
///
/// When a job is delivered twice although its first delivery is neither settled nor expired.
pub async fn deliveries_are_exclusive<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::DeliveriesAreExclusive);
    let queues = [bench.open().await?, bench.open().await?, bench.open().await?, bench.open().await?];
    bench.push_all(0..EXCLUSIVE_JOBS).await?;
    let source = StopSource::with_clock(clock::now);
    let stop = source.token();
    let time = bench.at_once();
    let fetching = async |queue: &S::Queue| {
        let mut got = Vec::new();
        while !stop.is_stopping() {
            match timeout(time.saturating_add(bench.at_once()), queue.fetch(3, &stop)).await {
                Ok(Ok(more)) if more.is_empty() => sleep(bench.step()).await,
                Ok(Ok(more)) => got.extend(more),
                Ok(Err(source)) => return Err(bench.failed("fetch beside other consumers", source)),
                // Another promise covers that the fetch ends with the stop.
                Err(_) => break,
            }
        }
        Ok(got)
    };
    let [a, b, c, d] = &queues;
    let ending = async {
        sleep(time).await;
        source.stop(suite_stop_cause(), None);
    };
    let (a, b, c, d, ()) = tokio::join!(fetching(a), fetching(b), fetching(c), fetching(d), ending);
    let mut holders = BTreeMap::new();
    for (holder, got) in [a?, b?, c?, d?].into_iter().enumerate() {
        for delivery in got {
            if let Some(before) = holders.insert(number(&delivery), holder) {
                let what = describe(&delivery);
                let twice =
                    format!("{what} was delivered to consumer {holder} while consumer {before} had it");
                return Err(bench.broken(twice));
            }
        }
    }
    // How many arrived in that time depends on the speed, but none would prove nothing.
    match holders.len() {
        0 => Err(bench.broken(format!("none of {EXCLUSIVE_JOBS} jobs was delivered within {time:?}"))),
        _ => Ok(Verdict::Kept),
    }
}

/// Tests that one consumer receives the jobs in the order in which they were pushed.
///
/// It does not apply where that is [not promised](Subject::keeps_order).
///
/// # Errors
///
/// When they are delivered in another order.
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
    Err(bench.broken(format!("0 to 29 were pushed in order, but delivered as {numbers:?}")))
}
