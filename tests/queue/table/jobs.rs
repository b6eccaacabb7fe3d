//! Tests for the jobs of every table: pushed jobs are stored; a waiting consumer is woken by a due job and by a stop; only the
//! holder of a job can settle it; each job is delivered to one consumer.

use std::collections::HashMap;
use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::{JobState, NewJob};
use futures_util::future::join_all;

use super::rows::{Place, Rows};
use crate::support::{ERROR, LONG, fetch, fetch_for, next, no_jobs_for, now, source, stop};

// Pushed jobs are stored.

pub(crate) async fn pushed_jobs_survive_the_pool_and_are_delivered_in_order<P: Place>(place: &P) {
    let queue = place.queue().await;
    let mut ids = Vec::new();
    for payload in ["first", "second", "third"] {
        ids.push(queue.pushed(payload).await.to_string());
    }
    P::close(queue).await;
    let queue = place.queue().await;
    let jobs = fetch(&queue, 10).await;
    assert_eq!(jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(jobs[2].payload, b"third");
    for job in &jobs {
        assert_eq!(job.attempt, 1);
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 0, 0));
}

pub(crate) async fn queues_in_one_table_are_independent<P: Place>(place: &P) {
    let (emails, invoices) = (place.queue_named("emails").await, place.queue_named("invoices").await);
    invoices.pushed("invoice").await;
    assert_eq!(emails.counted().await.waiting, 0);
    no_jobs_for(&emails, 300).await;
    assert_eq!(next(&invoices).await.payload, b"invoice");
}

pub(crate) async fn each_concurrent_push_returns_the_id_of_its_job<P: Place>(place: &P) {
    let queue = place.queue().await;
    let push = async |number: i32| (queue.pushed(number.to_string()).await, number);
    let mut pushed = join_all((0..500).map(push)).await;
    pushed.sort_unstable();
    let stored = queue.listed(JobState::Waiting).await;
    let number = |payload: &[u8]| String::from_utf8_lossy(payload).parse::<i32>().unwrap();
    let mut stored: Vec<_> = stored.iter().map(|job| (job.id, number(&job.payload))).collect();
    stored.sort_unstable();
    assert_eq!(stored, pushed);
}

pub(crate) async fn the_table_can_be_created_concurrently<P: Place>(place: &P) {
    for _ in 0..8 {
        let queues = place.several_make_it(6).await;
        join_all(queues.iter().map(|queue| queue.pushed("made"))).await;
        assert_eq!(queues[0].counted().await.waiting, 6);
        join_all(queues.into_iter().map(P::close)).await;
    }
}

// A waiting consumer is woken by a due job and by a stop.

pub(crate) async fn a_stop_ends_a_waiting_fetch_and_nothing_is_leased_after_it<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let source = source();
    let token = source.token();
    let (jobs, ()) = tokio::join!(queue.fetch(8, &token), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop(&source);
    });
    assert!(jobs.unwrap().is_empty());

    queue.pushed("for the next consumer").await;
    assert!(queue.fetch(8, &token).await.unwrap().is_empty());
    assert_eq!(queue.counted().await.waiting, 1);
}

pub(crate) async fn a_stop_ends_the_wait_for_a_connection<P: Place>(place: &P) {
    let queue = place.queue().await;
    queue.pushed("not taken").await;
    let held = P::hold_all(&queue).await;
    no_jobs_for(&queue, 50).await;
    drop(held);
    assert_eq!(queue.counted().await.waiting, 1);

    // Also between two polls of an empty queue.
    assert_eq!(next(&queue).await.payload, b"not taken");
    let queue = queue.polled(Duration::from_millis(10));
    let source = source();
    let token = source.token();
    let stopping = async {
        let held = P::hold_all(&queue).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop(&source);
        held
    };
    let fetching = tokio::time::timeout(Duration::from_secs(10), queue.fetch(1, &token));
    let (jobs, _held) = tokio::join!(fetching, stopping);
    assert!(jobs.unwrap().unwrap().is_empty());
}

pub(crate) async fn a_push_wakes_a_fetch_that_waits_for_it<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let (job, pushed) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.pushed("woken").await
    });
    assert_eq!(job.id, pushed.to_string());
}

pub(crate) async fn a_delayed_job_is_delivered_when_due_without_polling<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let delay = Duration::from_millis(400);
    let began = now();
    let id = queue.pushed(NewJob::new("later").after(delay)).await;
    queue.pushed("at once").await;
    assert_eq!(next(&queue).await.payload, b"at once");
    assert_eq!(next(&queue).await.id, id.to_string());
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
}

pub(crate) async fn a_retry_waits_for_its_time_and_counts_an_attempt<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    queue.pushed("fails").await;
    let job = next(&queue).await;
    let (began, after) = (now(), Duration::from_millis(400));
    let retry = Settlement::Retry { after, error: ERROR.to_owned() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    let again = next(&queue).await;
    assert!(began.elapsed() >= after, "{:?}", began.elapsed());
    assert_eq!((again.id, again.attempt), (job.id, 2));
}

pub(crate) async fn a_requeued_job_is_delivered_first_wakes_a_consumer_and_counts_no_attempt<P: Place>(
    place: &P,
) {
    let queue = place.queue().await.polled(LONG);
    for payload in ["first", "second"] {
        queue.pushed(payload).await;
    }
    let first = next(&queue).await;
    assert_eq!(queue.settle(&first.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    let again = next(&queue).await;
    assert_eq!((&again.id, again.attempt), (&first.id, 1));
    assert_eq!(next(&queue).await.payload, b"second");

    let (job, settled) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.settle(&again.receipt, Settlement::Requeue).await.unwrap()
    });
    assert_eq!((job.id, job.attempt, settled), (first.id, 1, Settled::Done));
}

// Only the holder of a job can settle it.

pub(crate) async fn a_job_with_an_expired_lease_is_redelivered_and_its_old_receipt_is_lost<P: Place>(
    place: &P,
) {
    let killed = place.queue().await.leased_for(Duration::from_millis(200));
    killed.pushed("held by the killed consumer").await;
    let lost = next(&killed).await;
    // There is no notification: the job is found when its lease expires, by the database's clock.
    let other = place.queue().await.polled(LONG);
    let again = next(&other).await;
    assert_eq!((&again.id, again.attempt), (&lost.id, 2));
    let all = [
        Settlement::Ack,
        Settlement::Requeue,
        Settlement::Retry { after: Duration::ZERO, error: ERROR.to_owned() },
        Settlement::DeadLetter { error: ERROR.to_owned() },
    ];
    for settlement in all {
        assert_eq!(killed.settle(&lost.receipt, settlement).await.unwrap(), Settled::Lost);
    }
    killed.extend(&[lost.receipt]).await.unwrap();
    assert_eq!(other.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(other.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
}

pub(crate) async fn an_extended_lease_does_not_expire<P: Place>(place: &P) {
    let lease = Duration::from_secs(2);
    let queue = place.queue().await.leased_for(lease);
    for payload in ["extended", "settled late", "taken by another"] {
        queue.pushed(payload).await;
    }
    let jobs = fetch(&queue, 3).await;
    let other = place.queue().await;
    let (found, ()) = tokio::join!(fetch_for(&other, lease * 3), async {
        for _ in 0..9 {
            tokio::time::sleep(lease / 3).await;
            queue.extend(&[jobs[0].receipt, jobs[1].receipt]).await.unwrap();
        }
    });
    // The opposite: the lease that was not extended.
    assert_eq!(found.iter().map(|job| &job.id).collect::<Vec<_>>(), [&jobs[2].id]);
    assert_eq!(queue.settle(&jobs[0].receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    // A job with an expired lease can still be settled if no other consumer has fetched it: its work is done.
    tokio::time::sleep(lease * 2).await;
    assert_eq!(queue.counted().await.leased, 1);
    assert_eq!(queue.settle(&jobs[1].receipt, Settlement::Ack).await.unwrap(), Settled::Done);
}

pub(crate) async fn a_dead_lettered_job_is_kept_with_its_error_and_can_be_requeued<P: Place>(place: &P) {
    let queue = place.queue().await;
    for payload in ["requeued", "discarded", "requeued with all"] {
        queue.pushed(payload).await;
    }
    for job in fetch(&queue, 3).await {
        let dead_letter = Settlement::DeadLetter { error: ERROR.to_owned() };
        assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    }
    no_jobs_for(&queue, 300).await;
    let dead_lettered = queue.listed(JobState::DeadLettered).await;
    assert_eq!(dead_lettered.len(), 3);
    assert!(
        dead_lettered.iter().all(|job| job.error.as_deref() == Some(ERROR) && job.attempts == 1),
        "{dead_lettered:?}"
    );
    assert!(
        dead_lettered.iter().all(|job| job.due_at.is_none() && job.dead_lettered_at >= Some(job.pushed_at))
    );

    assert!(queue.requeued(dead_lettered[0].id).await);
    assert!(!queue.requeued(dead_lettered[0].id).await);
    let requeued = next(&queue).await;
    assert_eq!((&*requeued.payload, requeued.attempt), (&b"requeued"[..], 1));
    assert!(queue.discarded(dead_lettered[1].id).await);
    assert!(!queue.discarded(requeued.receipt.id()).await);
    assert_eq!(queue.all_requeued().await, 1);
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (1, 1, 0));
}

/// An error text that the database cannot store must not block the settlements of other jobs.
pub(crate) async fn a_nul_in_an_error_is_replaced_and_the_rest_is_kept<P: Place>(place: &P) {
    let queue = place.queue().await;
    queue.pushed("fails oddly").await;
    let job = next(&queue).await;
    let dead_letter = Settlement::DeadLetter { error: "before\0behind".to_owned() };
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Done);
    let dead_lettered = queue.listed(JobState::DeadLettered).await;
    assert_eq!(dead_lettered[0].error.as_deref(), Some("before\u{FFFD}behind"));
}

pub(crate) async fn each_of_many_concurrent_settlements_gets_its_result<P: Place>(place: &P) {
    let queue = place.queue().await;
    join_all((0..400).map(|number| queue.pushed(number.to_string()))).await;
    let jobs = fetch(&queue, 400).await;
    assert_eq!(jobs.len(), 400);
    for job in jobs.iter().step_by(8) {
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    let settle = async |(index, job): (usize, &ebbtide::queue::Delivery<_>)| {
        let error = ERROR.to_owned();
        let settlement = match index % 4 {
            0 => Settlement::Ack,
            1 => Settlement::Requeue,
            2 => Settlement::Retry { after: LONG, error },
            _ => Settlement::DeadLetter { error },
        };
        (index, queue.settle(&job.receipt, settlement).await.unwrap())
    };
    for (index, settled) in join_all(jobs.iter().enumerate().map(settle)).await {
        let expected = if index % 8 == 0 { Settled::Lost } else { Settled::Done };
        assert_eq!(settled, expected, "{index}");
    }
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (200, 0, 100));
}

// Each job is delivered to one consumer.

const JOBS: usize = 1000;

pub(crate) async fn each_job_goes_to_one_of_the_competing_consumers<P: Place>(place: &P) {
    let (queue, other) = (place.queue().await, place.queue().await);
    join_all((0..JOBS).map(|number| queue.pushed(number.to_string()))).await;
    // Two pools, each shared by two consumers.
    let consumers = [&queue, &queue, &other, &other].map(run_what_waits);
    let ran = times(join_all(consumers).await);
    assert_eq!((ran.len(), ran.values().max()), (JOBS, Some(&1)));
    assert_eq!(queue.counted().await.leased, 0);
    // Later jobs are not blocked.
    queue.pushed("one more").await;
    assert_eq!(next(&other).await.payload, b"one more");
}

async fn run_what_waits<Q: Rows>(queue: &Q) -> Vec<String> {
    let mut ran = Vec::new();
    loop {
        let jobs = tokio::select! {
            biased;
            jobs = fetch(queue, 7) => jobs,
            () = drained(queue) => return ran,
        };
        for job in jobs {
            assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
            ran.push(job.id);
        }
    }
}

/// Waits until no job is waiting or leased, so that a pending fetch holds none.
async fn drained<Q: Rows>(queue: &Q) {
    loop {
        let counts = queue.counted().await;
        if counts.waiting + counts.leased == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn times(ran: Vec<Vec<String>>) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for id in ran.into_iter().flatten() {
        *times.entry(id).or_default() += 1;
    }
    times
}
