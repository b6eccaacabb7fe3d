//! The conformance suite, settlements, leases and their renewal while handlers block threads, and extreme durations.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide::testing::queue::{DeadLettered, Relay, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_redis::RedisQueue;
use futures_util::future::join_all;

use super::place::Place;
use crate::blocked::{self, blocked_threads};
use crate::server::Server;
use crate::support::{self, EXTREMES, consume, fetch_all, fetch_for, next, no_jobs_for, now};

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new();
        let broker = place.url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&broker).await?, place })
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> Result<T, BoxError> {
        let mut command = redis::cmd(words[0]);
        Ok(command.arg(&words[1..]).query_async(&mut self.place.connection().await).await?)
    }
}

impl Subject for Jobs {
    type Queue = RedisQueue;

    async fn open(&self, lease: Duration) -> Result<RedisQueue, BoxError> {
        let url = format!("redis://{}", self.relay.address());
        Ok(self.place.builder().url(url).lease(lease).open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let mut command = redis::cmd("XADD");
        command.arg(&self.place.name).arg("*").arg("payload").arg(payload);
        Ok(command.query_async(&mut self.place.connection().await).await?)
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let name = &*self.place.name;
        let stream: u64 = self.ask(&["XLEN", name]).await?;
        let delayed: u64 = self.ask(&["ZCARD", &format!("{name}:delayed")]).await?;
        let dead_lettered = self.ask(&["XLEN", &format!("{name}:dead")]).await?;
        let leased = self.place.pending().await;
        Ok(SubjectCounts { waiting: stream - leased + delayed, leased: Some(leased), dead_lettered })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let error = |text: &Vec<u8>| String::from_utf8_lossy(text).into_owned();
        let dead_lettered = self.place.dead_lettered().await.into_iter();
        let of = |job: std::collections::BTreeMap<String, Vec<u8>>| DeadLettered {
            payload: job["payload"].clone(),
            error: job.get("ebbtide-error").map(error),
        };
        Ok(dead_lettered.map(of).collect())
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.relay.disconnect().await;
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        Ok(self.relay.reconnect().await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    assert!(kept.iter().all(|(_, verdict)| *verdict == Verdict::Kept), "{kept:?}");
}

// Settlements.

#[tokio::test]
async fn a_requeued_job_wakes_a_waiting_consumer_keeps_its_id_and_counts_no_attempt() {
    let server = Server::redis(&["--save", ""]).await;
    let place = Place::at(server.url("redis"));
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for _ in 0..5 {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, 1));
        let (again, settled) = tokio::join!(next(&second), async {
            // The other consumer waits in a blocking read, and polls again only after a second.
            place.wait_for_blocked(1).await;
            first.settle(&job.receipt, Settlement::Requeue).await.unwrap()
        });
        assert_eq!((settled, &*again.id, again.attempt), (Settled::Done, &*id, 1));
        assert_eq!(second.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_counts_an_attempt() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push(vec![0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for after in [700, 0, 300] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let counts = queue.counts().await.unwrap();
        assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (1, 0, 0));
        let other = place.open().await;
        let again = next(&other).await;
        assert!(began.elapsed() >= after, "{:?} instead of {after:?}", began.elapsed());
        assert_eq!((&*again.id, &*again.payload), (&*id, [0, 255, 10, 13, 0].as_slice()));
        attempts.push(again.attempt);
        assert_eq!(other.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    assert_eq!(attempts, [1, 2, 2, 3, 3, 4]);
}

#[tokio::test]
async fn many_retries_due_at_once_are_all_delivered() {
    let place = Place::new();
    let queue = place.open().await;
    for n in 0..350 {
        queue.push(n.to_string()).await.unwrap();
    }
    for job in fetch_all(&queue, 350).await {
        let retry = Settlement::Retry { after: Duration::from_millis(10), error: String::new() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    }
    assert!(fetch_all(&queue, 350).await.iter().all(|job| job.attempt == 2));
}

#[tokio::test]
async fn a_dead_lettered_job_is_kept_with_its_error_and_not_delivered() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let error = "no such address:\r\n\"☃\" \0".to_owned();
    let dead_letter = Settlement::DeadLetter { error: error.clone() };
    assert_eq!(queue.settle(&job.receipt, dead_letter.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!(dead_lettered.len(), 1);
    assert_eq!(dead_lettered[0]["payload"], b"job");
    assert_eq!(dead_lettered[0]["ebbtide-error"], error.as_bytes());
    assert_eq!(dead_lettered[0]["ebbtide-job"], id.as_bytes());
    assert_eq!(dead_lettered[0]["ebbtide-tries"], b"1");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 0, 1));
}

// Leases.

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..300 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 250).await;
    assert_eq!(held.len(), 250);
    drop(queue);

    let next = place.open_short(LEASE).await;
    let mut found = fetch_all(&next, 300).await;
    found.sort_by_key(|job| job.payload.len() * 1000 + usize::from(job.payload[0]));
    let mut ids: Vec<_> = found.iter().map(|job| job.id.clone()).collect();
    ids.sort();
    pushed.sort();
    assert_eq!(ids, pushed);
    assert_eq!(found.iter().filter(|job| job.attempt == 2).count(), 250, "redelivered after the crash");
    for job in found {
        assert_eq!(next.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    assert_eq!(next.counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn an_extended_lease_is_kept_and_another_expires() {
    let place = Place::new();
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    kept.push("kept").await.unwrap();
    let ours = next(&kept).await;
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;

    let other = place.open_short(LEASE).await;
    let consumers = [&kept, &lost, &other];
    let taken =
        support::an_extended_lease_is_kept_and_another_expires(consumers, LEASE, [&ours, &theirs]).await;
    assert_eq!(other.settle(&taken.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(other.counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn a_receipt_settles_only_its_delivery() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    support::a_receipt_settles_only_its_delivery(&queue, LEASE).await;
}

/// For example, the job is redelivered after an outage that is longer than its lease, and the stop comes during its second run.
#[tokio::test]
async fn a_job_redelivered_to_the_same_consumer_stays_when_its_first_run_ends() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(queue.withdraw().await.unwrap(), []);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

/// Acknowledgements are sent to Redis in batches.
#[tokio::test]
async fn each_of_many_concurrent_acknowledgements_gets_its_result() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    for n in 0..40 {
        queue.push(n.to_string()).await.unwrap();
    }
    let held = fetch_all(&queue, 40).await;
    let (extended, lapsed) = held.split_at(30);
    let extended: Vec<_> = extended.iter().map(|job| job.receipt.clone()).collect();
    let extending = async {
        loop {
            queue.extend(&extended).await.unwrap();
            tokio::time::sleep(LEASE / 4).await;
        }
    };
    let other = place.open_short(LEASE).await;
    let taken = tokio::select! {
        taken = fetch_all(&other, lapsed.len()) => taken,
        () = extending => unreachable!("endless loop"),
    };
    let acked = held.iter().map(|job| queue.settle(&job.receipt, Settlement::Ack));
    let said: Vec<_> = join_all(acked).await.into_iter().map(Result::unwrap).collect();
    assert!(said[..30].iter().all(|settled| *settled == Settled::Done), "{said:?}");
    assert!(said[30..].iter().all(|settled| *settled == Settled::Lost), "{said:?}");
    // The other consumer still holds its jobs.
    assert_eq!(other.counts().await.unwrap().leased, 10);
    for job in taken {
        assert_eq!(other.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    assert_eq!(other.counts().await.unwrap(), Default::default());
}

/// More pending jobs than one search covers: it reads ten times the number of requested jobs.
#[tokio::test]
async fn an_abandoned_job_is_found_behind_many_that_are_not() {
    let place = Place::new();
    let busy = place.open_short(LEASE).await;
    for n in 0..200 {
        busy.push(n.to_string()).await.unwrap();
    }
    let held: Vec<_> = fetch_all(&busy, 200).await.into_iter().map(|job| job.receipt).collect();
    let gone = place.open_short(LEASE).await;
    let id = gone.push("left").await.unwrap();
    assert_eq!(next(&gone).await.id, id);
    drop(gone);
    let other = place.open_short(LEASE).await;
    let extending = async {
        loop {
            busy.extend(&held).await.unwrap();
            tokio::time::sleep(LEASE / 4).await;
        }
    };
    let found = tokio::select! {
        found = next(&other) => found,
        () = extending => unreachable!("endless loop"),
    };
    assert_eq!(found.id, id);
}

// Lease renewal while handlers block threads.

blocked_threads!(
    Place::new(),
    async |place: &Place| place.open_short(blocked::LEASE).await,
    async |queue: &RedisQueue| {
        for job in ["one", "two"] {
            queue.push(job).await.unwrap();
        }
    }
);

// Extreme durations.

#[tokio::test]
async fn extreme_durations_do_not_break_the_shutdown() {
    for value in EXTREMES {
        let place = Place::new();
        let Ok(queue) = place.builder().lease(value).open().await else {
            assert!(value < Duration::from_millis(100), "{value:?} is refused");
            continue;
        };
        queue.push("job").await.unwrap();
        let tally = consume(queue).await;
        assert_eq!(tally.acked, 1, "{value:?}: {tally:?}");
    }
}

/// A failed job has an endless delay, and the consumer stops nevertheless.
#[tokio::test]
async fn an_endless_delay_does_not_break_the_shutdown() {
    let place = Place::new();
    let queue = place.open().await;
    queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let retry = Settlement::Retry { after: Duration::MAX, error: "not now".to_owned() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    no_jobs_for(&queue, 300).await;
    let tally = consume(queue).await;
    assert_eq!(tally.taken, 0, "{tally:?}");
}
