//! Settlements: one fetch replaces jobs that end together, and a settlement that the broker does not confirm delays nothing
//! for long. When an adapter panics, the loop continues, and other settlements are not affected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use tokio::time::{sleep, timeout};

use crate::broker::{Broker, Entry, State, counted, now};
use crate::run::{Does, World, name, play};

const PLACES: usize = 8;

fn asked(broker: &Broker) -> Vec<(Duration, usize)> {
    let asked = broker.diary().into_iter().filter_map(|(at, entry)| match entry {
        Entry::Asked(max) => Some((at, max)),
        _ => None,
    });
    asked.collect()
}

fn world(jobs: Vec<Does>) -> World {
    let second = Duration::from_secs(1);
    World { jobs, options: ConsumeOptions::new(PLACES), stop_at: 60 * second, grace: 20 * second }
}

#[test]
fn a_fetch_waits_for_pending_settlements() {
    let slow = || {
        let mut broker = Broker::new();
        broker.latency = Duration::from_millis(10);
        broker
    };
    // One job per millisecond is confirmed; the last one ends before the first is confirmed.
    let jobs = (0..40).map(|n| Does::Finishes(n % 8)).collect();
    let (broker, seen) = play(&world(jobs), slow);
    assert_eq!(seen.tally.acked, 40);
    let asked = asked(&broker);
    assert_eq!(asked.iter().map(|(_, max)| *max).collect::<Vec<_>>(), [PLACES; 6], "{asked:?}");
}

/// A fetch brings only what the settlements have not prefetched.
#[test]
fn prefetching_replaces_the_wait_and_ends_at_the_signal() {
    let slow = || {
        let mut broker = Broker::new();
        (broker.latency, broker.prefetches) = (Duration::from_millis(10), true);
        broker
    };
    let jobs = (0..40).map(|n| Does::Finishes(n % 8)).collect();
    let (broker, seen) = play(&world(jobs), slow);
    assert_eq!((seen.tally.acked, seen.most_running <= PLACES), (40, true));
    let asked = asked(&broker);
    assert!(asked.iter().filter(|(_, max)| *max < PLACES).count() > 5, "{asked:?}");
    let mut said: Vec<_> = broker.diary().into_iter().map(|(_, entry)| entry).collect();
    said.retain(|entry| matches!(entry, Entry::Prefetch(_) | Entry::Withdrew));
    assert_eq!(said, [Entry::Prefetch(true), Entry::Prefetch(false), Entry::Withdrew]);
}

#[test]
fn a_fetch_does_not_wait_for_running_jobs() {
    let mut jobs = vec![Does::Finishes(1); 40];
    jobs[0] = Does::Finishes(10_000);
    let (broker, seen) = play(&world(jobs), Broker::new);
    assert_eq!(seen.tally.acked, 40);
    let asked = asked(&broker);
    assert!(asked.iter().take(6).all(|(at, _)| *at < Duration::from_millis(100)), "{asked:?}");
}

#[test]
fn an_unconfirmed_settlement_delays_a_single_fetch_briefly() {
    /// Never confirms the first settlement.
    struct Mute(Arc<Broker>);

    impl Queue for Mute {
        type Receipt = usize;

        async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
            self.0.fetch(max, stop).await
        }

        async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
            if *receipt == 0 {
                std::future::pending::<()>().await;
            }
            self.0.settle(receipt, settlement).await
        }
    }

    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("the runtime is built");
    runtime.block_on(async {
        let broker = Arc::new(Broker::new());
        (0..50).for_each(|n| broker.push(name(n)));
        let finish = |_, _| async {
            sleep(Duration::from_millis(1)).await;
            Ok(())
        };
        let consumer = Consumer::new("mute", Mute(Arc::clone(&broker)), 2, finish);
        let run = timeout(Duration::from_secs(5), consumer.run(Stop::never())).await;
        assert!(run.is_err(), "the consumer still runs");
        assert_eq!(counted(&broker.diary()).len(), 49);
        let waits: Vec<_> = asked(&broker).windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        // Answer, transfer, job and settlement: a millisecond each.
        let (long, short): (Vec<Duration>, Vec<Duration>) =
            waits.iter().partition(|wait| **wait > Duration::from_millis(10));
        assert_eq!(long.len(), 1, "{waits:?}");
        assert!(long[0] < Duration::from_millis(50) && short.len() >= 47, "{waits:?}");
    });
}

const LEASE: Duration = Duration::from_secs(30);

/// Panics during the first settlement.
struct Panics {
    broker: Broker,
    has_panicked: AtomicBool,
}

impl Queue for Panics {
    type Receipt = usize;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
        self.broker.fetch(max, stop).await
    }

    async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
        assert!(self.has_panicked.swap(true, Ordering::Relaxed), "the adapter has a bug");
        self.broker.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.broker.lease()
    }

    async fn extend(&self, receipts: &[usize]) -> Result<(), BoxError> {
        self.broker.extend(receipts).await
    }
}

/// The job counts as unsettled from then on, and its lease is not extended: it is delivered again when that expires.
#[tokio::test(start_paused = true)]
async fn a_job_whose_settlement_panicked_is_redelivered_after_its_lease() {
    let mut broker = Broker::new();
    broker.lease = Some(LEASE);
    let queue = Arc::new(Panics { broker, has_panicked: AtomicBool::new(false) });
    queue.broker.push("job");
    let consumer = Consumer::new("test", Arc::clone(&queue), 2, |_, _| async { Ok(()) });
    let (work, source) = (consumer.work(), StopSource::with_clock(now));
    let running = consumer.run(source.token());
    let watching = async {
        while !queue.has_panicked.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!((work.in_flight(), work.unsettled()), (0, vec!["job".to_owned()]));
        let done = async {
            while queue.broker.state("job") != State::Acked {
                sleep(Duration::from_secs(1)).await;
            }
        };
        timeout(2 * LEASE, done).await.expect("the job is delivered again after its lease");
        source.stop(Cause::Signal { number: 15 }, None);
    };
    let (tally, ()) = tokio::join!(running, watching);
    assert_eq!((tally.taken, tally.acked, tally.unsettled), (2, 1, vec!["job".to_owned()]));
}
