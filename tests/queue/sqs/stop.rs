//! A stopped consumer leaves no job leased and loses none. In a deploy the next consumer continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Job, Queue, Settled, Settlement, Tally};
use ebbtide::{BoxError, Stop};
use ebbtide_sqs::SqsQueue;
use futures_util::future::{join_all, try_join_all};

use super::place::{Counts, Place};
use crate::support::{LONG, consume_until_stopped, fetch_for, next, now, source, stop};

const ROUNDS: u32 = 8;

/// The number of concurrent consumers, each with a separate stop.
const AT_ONCE: u32 = 4;

async fn storm(queue: &SqsQueue, until: &Stop) -> u32 {
    let mut pushed = 0;
    while !until.is_stopping() {
        queue.push(pushed.to_string()).await.unwrap();
        pushed += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pushed
}

async fn consume(place: &Place, round: u32) -> Vec<Vec<u8>> {
    let moment = Duration::from_micros(u64::from(round) * 3370 % 50_000);
    let done = consume_until_stopped(place.open().await, moment).await;
    done.into_iter().map(|job| job.payload).collect()
}

/// Jobs are pushed all the time, and consumers stop at different times of a fetch. Each job is done once, and none is leased
/// at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_during_fetches_lose_no_job_and_leave_none_leased() {
    let place = Place::new();
    let producer = place.open().await;
    let over = source();
    let token = over.token();
    let stops = async {
        let mut done = Vec::new();
        for round in 0..ROUNDS {
            let one = |n| consume(&place, round * AT_ONCE + n);
            let (a, b, c, d) = tokio::join!(one(0), one(1), one(2), one(3));
            done.extend([a, b, c, d].concat());
        }
        stop(&over);
        done
    };
    let (pushed, mut done) = tokio::join!(storm(&producer, &token), stops);
    // Jobs requeued after the stop are invisible for the wait time of a request. A lease would be thirty seconds.
    let began = now();
    while place.counts().await.in_flight > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "a job is leased");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let last = place.open().await;
    let pushed = usize::try_from(pushed).unwrap();
    while done.len() < pushed {
        for job in
            tokio::time::timeout(LONG, last.fetch(10, &Stop::never())).await.expect("a job is lost").unwrap()
        {
            assert_eq!(last.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
            done.push(job.payload);
        }
    }
    let count = done.len();
    let unique: BTreeSet<_> = done.into_iter().collect();
    assert_eq!((count, unique.len()), (pushed, count), "none lost, none twice");
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 0 });
}

#[tokio::test]
async fn a_fetch_that_waits_ends_with_the_stop_at_once() {
    let place = Place::new();
    let queue = place.open().await;
    let began = now();
    for _ in 0..20 {
        assert_eq!(fetch_for(&queue, Duration::from_millis(20)).await, []);
    }
    // Each request would wait for one second.
    assert!(began.elapsed() < Duration::from_secs(20) / 4, "{:?}", began.elapsed());
}

/// A job delivered for a request whose fetch was stopped or dropped is withdrawn.
#[tokio::test]
async fn jobs_delivered_after_the_stop_are_withdrawn() {
    let place = Place::new();
    let queue = place.builder().poll(Duration::from_secs(15)).open().await.unwrap();
    for dropped in [false, true] {
        if dropped {
            let waiting =
                tokio::time::timeout(Duration::from_millis(300), queue.fetch(2, &Stop::never())).await;
            assert!(waiting.is_err());
        } else {
            assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
        }
        let id = queue.push("late").await.unwrap();
        let withdrawn = queue.withdraw().await.unwrap();
        assert_eq!(withdrawn.iter().map(|job| &*job.id).collect::<Vec<_>>(), [&*id]);
        for job in &withdrawn {
            assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        }
    }
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 0 });
}

/// The opposite: a dropped request continues on the server, and no consumer receives its job until the lease expires.
#[tokio::test]
async fn a_request_that_is_dropped_leaves_a_job_under_a_lease() {
    let place = Place::new();
    let queue = place.open().await;
    let asking = place.client.receive_message().queue_url(place.url(&place.name).await);
    let asking = asking.wait_time_seconds(20).visibility_timeout(30).send();
    assert!(tokio::time::timeout(Duration::from_secs(2), asking).await.is_err());
    queue.push("late").await.unwrap();
    assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 1 });
}

/// The number of consumers that stop together, as in a scale-down. Each still has a pending request.
const TOGETHER: usize = 6;

/// A job that one consumer requeues is delivered to the request of another, but not from there to a third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_requeued_while_consumers_stop_together_reaches_only_one_of_them() {
    let place = Place::new();
    let holder = place.open().await;
    holder.push("job").await.unwrap();
    let held = next(&holder).await;
    let opening = (0..TOGETHER).map(|_| place.builder().poll(Duration::from_secs(8)).open());
    let queues = try_join_all(opening).await.unwrap();
    let waiting = queues.iter().map(|queue| fetch_for(queue, Duration::from_millis(300)));
    assert!(join_all(waiting).await.concat().is_empty());
    assert_eq!(holder.settle(&held.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    let stopping = queues.iter().map(async |queue| {
        for job in queue.withdraw().await.unwrap() {
            assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
        }
    });
    join_all(stopping).await;
    assert_eq!(next(&place.open().await).await.attempt, 3);
}

/// The opposite, with a plain client: each consumer that requeues at once passes the job to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_manual_requeue_without_delay_passes_a_job_through_all_consumers() {
    let place = Place::new();
    let queue = place.open().await;
    let url = place.url(&place.name).await;
    let stopping = async || {
        let asking = place.client.receive_message().queue_url(&url).wait_time_seconds(8);
        let came = asking.visibility_timeout(30).send().await.unwrap();
        for job in came.messages() {
            let back = place.client.change_message_visibility().queue_url(&url).visibility_timeout(0);
            back.set_receipt_handle(job.receipt_handle.clone()).send().await.unwrap();
        }
    };
    let pushing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        queue.push("job").await.unwrap();
    };
    tokio::join!(join_all((0..TOGETHER).map(|_| stopping())), pushing);
    assert_eq!(next(&queue).await.attempt, u32::try_from(TOGETHER).unwrap() + 1);
}

/// Jobs beyond the number requested by the smaller fetch are kept for the next fetch or withdrawn.
#[tokio::test]
async fn a_smaller_fetch_after_a_dropped_one_returns_no_more_than_it_asks_for() {
    let place = Place::new();
    let queue = place.open().await;
    for n in 0..3 {
        queue.push(n.to_string()).await.unwrap();
    }
    let dropped = tokio::time::timeout(Duration::ZERO, queue.fetch(3, &Stop::never())).await;
    assert!(dropped.is_err());
    let mut jobs = queue.fetch(1, &Stop::never()).await.unwrap();
    assert_eq!(jobs.len(), 1);
    jobs.extend(queue.withdraw().await.unwrap());
    assert_eq!(jobs.len(), 3);
    for job in &jobs {
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 0 });
}

// The consumer loop over SQS: one consumer is stopped with running jobs, and the next one continues.

const JOBS: usize = 30;
const LEASE: Duration = Duration::from_secs(4);

/// The number of times that each job began and ended.
#[derive(Default)]
struct Diary {
    begun: BTreeMap<String, u32>,
    ended: BTreeMap<String, u32>,
}

/// Runs jobs until this many have ended in total, and then stops.
async fn deployed(place: &Place, diary: &Arc<Mutex<Diary>>, until: usize, is_long: bool) -> Tally {
    let queue = place.open_short(LEASE).await;
    let raised = source();
    let handler = {
        let diary = Arc::clone(diary);
        move |job: Job, _stop: Stop| {
            let diary = Arc::clone(&diary);
            async move {
                let name = String::from_utf8(job.payload().to_vec())?;
                *diary.lock().unwrap().begun.entry(name.clone()).or_default() += 1;
                // The first job takes longer than a lease, and in one process longer than the grace period.
                let time = if name == "0" { 6000 } else { 150 };
                tokio::time::sleep(Duration::from_millis(time)).await;
                if name == "0" && is_long {
                    std::future::pending::<()>().await;
                }
                *diary.lock().unwrap().ended.entry(name).or_default() += 1;
                Ok::<(), BoxError>(())
            }
        }
    };
    let stopping = async {
        while diary.lock().unwrap().ended.len() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let cause = Cause::Requested { reason: "a deploy".to_owned() };
        raised.stop(cause, Some(now() + Duration::from_secs(8)));
    };
    let options = ConsumeOptions::new(4).requeue(Duration::from_secs(2));
    let running = Consumer::new("deployed", queue, options, handler).run(raised.token());
    let (tally, ()) = tokio::join!(running, stopping);
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_runs_each_job_once_except_the_requeued_one() {
    let place = Place::new();
    let producer = place.open().await;
    let long = producer.push("0").await.unwrap();
    let diary = Arc::default();
    let began = now();
    let (first, ()) = tokio::join!(deployed(&place, &diary, 10, true), async {
        for n in 1..JOBS {
            producer.push(n.to_string()).await.unwrap();
        }
    });
    assert!(began.elapsed() > LEASE, "the long job was held for less than a lease");
    assert!(first.requeued_ids.contains(&long), "{first:?}");
    assert_eq!((first.lost, first.unsettled.len(), first.cancelled), (0, 0, 1), "{first:?}");

    let second = deployed(&place, &diary, JOBS, false).await;
    assert_eq!((second.lost, second.unsettled.len(), second.cancelled), (0, 0, 0), "{second:?}");
    assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 0 });
    let diary = diary.lock().unwrap();
    let names: Vec<_> = (0..JOBS).map(|n| n.to_string()).collect();
    for name in &names {
        let runs = if name == "0" { 2 } else { 1 };
        assert_eq!((diary.begun[name], diary.ended[name]), (runs, 1), "job {name}");
    }
}
