//! What ends together is asked for together, and nobody is kept waiting by one that the broker does not confirm.

use std::sync::Arc;
use std::time::Duration;

use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use tokio::time::{sleep, timeout};

use crate::broker::{Broker, Entry, counted};
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
fn those_that_are_being_settled_are_waited_for() {
    let slow = || {
        let mut broker = Broker::new();
        broker.latency = Duration::from_millis(10);
        broker
    };
    // One a millisecond is confirmed, and the last has ended before the first is.
    let jobs = (0..40).map(|n| Does::Finishes(n % 8)).collect();
    let (broker, seen) = play(&world(jobs), slow);
    assert_eq!(seen.tally.acked, 40);
    let asked = asked(&broker);
    assert_eq!(asked.iter().map(|(_, max)| *max).collect::<Vec<_>>(), [PLACES; 6], "{asked:?}");
}

/// A fetch costs it nothing that the settlements haven't brought along.
#[test]
fn for_a_queue_that_prefetches_nobody_is_waited_for_and_the_signal_ends_it() {
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
fn those_that_run_are_not_waited_for() {
    let mut jobs = vec![Does::Finishes(1); 40];
    jobs[0] = Does::Finishes(10_000);
    let (broker, seen) = play(&world(jobs), Broker::new);
    assert_eq!(seen.tally.acked, 40);
    let asked = asked(&broker);
    assert!(asked.iter().take(6).all(|(at, _)| *at < Duration::from_millis(100)), "{asked:?}");
}

#[test]
fn one_that_is_not_confirmed_keeps_a_single_fetch_waiting_and_not_for_long() {
    /// Never answers to the first settlement.
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
    let runtime = runtime.enable_time().start_paused(true).build().expect("it starts");
    runtime.block_on(async {
        let broker = Arc::new(Broker::new());
        (0..50).for_each(|n| broker.push(name(n)));
        let finish = |_, _| async {
            sleep(Duration::from_millis(1)).await;
            Ok(())
        };
        let consumer = Consumer::new("mute", Mute(Arc::clone(&broker)), 2, finish);
        let run = timeout(Duration::from_secs(5), consumer.run(Stop::never())).await;
        assert!(run.is_err(), "it goes on");
        assert_eq!(counted(&broker.diary()).len(), 49);
        let waits: Vec<_> = asked(&broker).windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        // The answer, the way, the job, the settlement: a millisecond each.
        let (long, short): (Vec<Duration>, Vec<Duration>) =
            waits.iter().partition(|wait| **wait > Duration::from_millis(10));
        assert_eq!(long.len(), 1, "{waits:?}");
        assert!(long[0] < Duration::from_millis(50) && short.len() >= 47, "{waits:?}");
    });
}
