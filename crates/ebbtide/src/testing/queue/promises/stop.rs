use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::drain::StopSource;
use crate::model::part;
use crate::queue::{Queue as _, Settlement};
use crate::testing::queue::bench::{Bench, number, suite_stop_cause};
use crate::testing::queue::{Broken, Promise, Subject, SubjectCounts, Verdict};
use crate::util::clock;

/// The delays from the push to the stop: they cover the steps of an adapter for one job.
const MOMENTS: u32 = 24;
const APART: Duration = Duration::from_micros(250);

const STOPPED_JOBS: u32 = 40;

/// The number of jobs per fetch.
const PREFETCH_PLACES: usize = 4;

const PREFETCH_JOBS: u32 = 24;

/// Tests that a job pushed while a fetch is being stopped is returned by the fetch, was sent ahead, or is still queued for other
/// consumers.
///
/// # Errors
///
/// When none of these holds: the consumer holds a job without having received it.
pub async fn stopped_fetch_keeps_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::StoppedFetchKeepsNothing);
    for moment in 0..MOMENTS {
        let queue = bench.open().await?;
        let source = StopSource::with_clock(clock::now);
        let stop = source.token();
        // A fetch whose request is satisfied when the job comes, and one whose request is not.
        let max = if moment % 2 == 0 { 4 } else { 1 };
        let mut fetch = pin!(queue.fetch(max, &stop));
        // The fetch must wait before the job comes; if it does not wait, another promise is broken.
        if poll_fn(|cx| Poll::Ready(fetch.as_mut().poll(cx).is_ready())).await {
            return Ok(Verdict::Kept);
        }
        let pushing = async {
            bench.push(b"at this very moment").await?;
            if moment > 0 {
                sleep(part(APART, moment, 1)).await;
            }
            source.stop(suite_stop_cause(), None);
            Ok(())
        };
        let fetching = async { Ok(timeout(bench.patience(&queue), fetch).await) };
        let ((), got) = tokio::try_join!(pushing, fetching)?;
        let mut ours = match got {
            Ok(got) => got.map_err(|source| bench.failed("end a fetch", source))?,
            // Another promise covers that the fetch ends with the stop.
            Err(_) => return Ok(Verdict::Kept),
        };
        ours.extend(bench.withdraw(&queue).await?);
        for delivery in &ours {
            bench.settle_held(&queue, delivery, Settlement::Requeue).await?;
        }
        bench.counts(SubjectCounts { waiting: 1, leased: Some(0), dead_lettered: 0 }).await?;
        bench.does("close", bench.patience(&queue), queue.close()).await?;

        let next = bench.open().await?;
        for delivery in bench.take_first_attempts(&next).await? {
            bench.settle_held(&next, &delivery, Settlement::Ack).await?;
        }
        bench.stop(next, Vec::new()).await?;
    }
    Ok(Verdict::Kept)
}

/// Tests that a stopped consumer holds no job: every job that it had fetched or that was sent ahead is immediately available to
/// the next consumer, without a counted attempt, and no job is counted as leased.
///
/// # Errors
///
/// When a job is missing, delivered twice, still leased, or its attempt is counted.
pub async fn stop_leaves_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::StopLeavesNothing);
    bench.push_all(0..STOPPED_JOBS).await?;
    let first = bench.open().await?;
    let held = bench.take(&first, 3).await?;
    bench.stop(first, held).await?;
    bench.counts(SubjectCounts { waiting: STOPPED_JOBS.into(), leased: Some(0), dead_lettered: 0 }).await?;
    bench.check_rest_delivered(STOPPED_JOBS, Vec::new()).await
}

/// Tests that a prefetching queue leases no more jobs than were requested and settled, returns prefetched jobs from the next fetch,
/// does not prefetch when forbidden, and holds no job after the consumer has stopped. Does not apply to other queues.
///
/// # Errors
///
/// When other consumers do not get the jobs that exceed the places of this one, or a job is missing, delivered twice, still leased
/// at the end, or its attempt is counted although no consumer had it.
pub async fn prefetch_keeps_nothing<S: Subject>(subject: &S) -> Result<Verdict, Broken> {
    let bench = Bench::lasting(subject, Promise::PrefetchKeepsNothing);
    bench.push_all(0..PREFETCH_JOBS).await?;
    let first = bench.open().await?;
    if !first.prefetch(true) {
        return Ok(Verdict::DoesNotApply);
    }
    let (mut numbers, mut places) = (Vec::new(), PREFETCH_PLACES);
    let mut held = Vec::new();
    for round in 0..4 {
        held = bench.take(&first, PREFETCH_PLACES).await?;
        // Another promise covers that a fetch takes at most the requested number.
        places = places.max(held.len());
        numbers.extend(held.iter().filter_map(number));
        // The last job is in progress when the stop comes.
        for delivery in held.drain(usize::from(round == 3)..) {
            bench.settle_held(&first, &delivery, Settlement::Ack).await?;
            bench.leases_at_most(places as u64).await?;
        }
    }
    let second = bench.open().await?;
    let others = (PREFETCH_JOBS as usize).saturating_sub(numbers.len() + places - held.len());
    for delivery in bench.take(&second, others).await? {
        bench.settle_held(&second, &delivery, Settlement::Ack).await?;
        numbers.extend(number(&delivery));
    }
    first.prefetch(false);
    for delivery in bench.withdraw(&first).await? {
        bench.settle_held(&first, &delivery, Settlement::Requeue).await?;
    }
    for delivery in &held {
        bench.settle_held(&first, delivery, Settlement::Ack).await?;
    }
    let rest = (PREFETCH_JOBS as usize).saturating_sub(numbers.len());
    bench.counts(SubjectCounts { waiting: rest as u64, leased: Some(0), dead_lettered: 0 }).await?;
    bench.does("close", bench.patience(&first), first.close()).await?;
    bench.check_rest_delivered(PREFETCH_JOBS, numbers).await
}
