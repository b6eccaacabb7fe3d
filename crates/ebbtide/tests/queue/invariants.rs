//! The invariants of `docs/spec.md`, for arbitrary jobs, brokers and times of the stop signal.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use ebbtide::Backoff;
use ebbtide::queue::{ConsumeOptions, Settlement};
use proptest::prelude::*;

use crate::broker::{Broker, Entry, State, Troubles, counted};
use crate::run::{Does, World, play};

/// The parameters of a broker: a broker itself cannot be cloned.
#[derive(Clone, Debug)]
struct Kind {
    lease: Duration,
    latency: Duration,
    ahead: usize,
    prefetches: bool,
    troubles: Troubles,
}

impl Kind {
    fn make(&self) -> Broker {
        let mut broker = Broker::new();
        broker.lease = Some(self.lease);
        (broker.latency, broker.ahead, broker.prefetches) = (self.latency, self.ahead, self.prefetches);
        broker.troubles = self.troubles.clone();
        broker
    }
}

fn ms(range: Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => (0_u64..8000).prop_map(Does::Finishes),
        2 => (0_u64..3000).prop_map(Does::Fails),
        1 => (0_u64..3000).prop_map(Does::IsHopeless),
        1 => (0_u64..3000).prop_map(Does::Panics),
        1 => Just(Does::EndsWhenTold),
        1 => Just(Does::EndsWhenCancelled),
        1 => Just(Does::Hangs),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let jobs = proptest::collection::vec(does(), 0..30);
    (jobs, 1_usize..9, 1_u32..4, ms(0..12_000), ms(0..12_000), ms(0..1500)).prop_map(
        |(jobs, concurrency, attempts, stop_at, grace, requeue)| {
            let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
            let options = ConsumeOptions::new(concurrency).attempts(attempts).backoff(backoff);
            World { jobs, options: options.requeue(requeue), stop_at, grace }
        },
    )
}

fn trouble() -> impl Strategy<Value = Option<Range<Duration>>> {
    let some = (ms(0..20_000), ms(0..6000)).prop_map(|(at, time)| Some(at..at + time));
    prop_oneof![2 => Just(None), 1 => some]
}

fn kind() -> impl Strategy<Value = Kind> {
    (sound(), ms(0..30), trouble(), trouble(), trouble()).prop_map(
        |(kind, latency, away, silent, forgetful)| Kind {
            latency,
            troubles: Troubles { away, silent, forgetful },
            ..kind
        },
    )
}

/// A broker that answers quickly and always.
fn sound() -> impl Strategy<Value = Kind> {
    (ms(600..4000), ms(0..5), 0_usize..6, any::<bool>()).prop_map(|(lease, latency, ahead, prefetches)| {
        Kind { lease, latency, ahead, prefetches, troubles: Troubles::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn q1_every_delivery_has_exactly_one_outcome(world in world(), kind in kind()) {
        let (broker, seen) = play(&world, || kind.make());
        let tally = &seen.tally;
        prop_assert_eq!(tally.settled(), tally.taken, "{:?}", tally);
        // W1 and W2, and each outcome in the right count.
        let (at_stop, end) = seen.counts;
        prop_assert_eq!((at_stop.unaccounted(), end.unaccounted(), end.in_flight), (0, 0, 0), "{:?}", seen.counts);
        prop_assert_eq!(
            (end.finished, end.failed, end.redelivered),
            (tally.acked, tally.retried + tally.dead_lettered, tally.lost)
        );
        let since = end.since(&at_stop);
        prop_assert_eq!(at_stop.in_flight + since.begun, since.ended(), "{:?}", seen.counts);
        let counted = counted(&broker.diary());
        let count = |wanted: fn(&Settlement) -> bool| counted.iter().filter(|(_, said)| wanted(said)).count() as u64;
        // The broker has every settlement of the tally. It may have more, when its answer was lost.
        let retried = count(|said| matches!(said, Settlement::Retry { .. }));
        let dead_lettered = count(|said| matches!(said, Settlement::DeadLetter { .. }));
        let requeued_ids = count(|said| *said == Settlement::Requeue);
        prop_assert!(tally.acked <= count(|said| *said == Settlement::Ack));
        prop_assert!(tally.retried <= retried && tally.dead_lettered <= dead_lettered);
        prop_assert!(tally.requeued_ids.len() as u64 <= requeued_ids);
        let mut by_receipt = BTreeMap::new();
        for (receipt, said) in counted {
            prop_assert!(by_receipt.insert(receipt, said).is_none(), "settled twice");
        }
    }

    #[test]
    fn q2_nothing_is_fetched_or_begun_after_the_signal(world in world(), kind in kind()) {
        let (broker, seen) = play(&world, || kind.make());
        prop_assert!(seen.begun.iter().all(|(at, _)| *at <= world.stop_at), "{:?}", seen.begun);
        let taken = |(at, entry): &(Duration, Entry)| matches!(entry, Entry::Asked(_) | Entry::Gave { .. }).then_some(*at);
        prop_assert!(broker.diary().iter().filter_map(taken).all(|at| at <= world.stop_at));
    }

    #[test]
    fn q3_running_and_leased_jobs_never_exceed_the_concurrency(world in world(), kind in kind(), places in 1_usize..9) {
        let world = World { options: ConsumeOptions::new(places), ..world };
        let (broker, seen) = play(&world, || kind.make());
        prop_assert!(seen.most_running <= places);
        let mut leased = 0;
        for (_, entry) in broker.diary() {
            prop_assert!(!matches!(entry, Entry::Asked(max) if max > places || max == 0));
            match entry {
                Entry::Gave { .. } => leased += 1,
                Entry::Said { counted: true, .. } | Entry::Expired(_) => leased -= 1,
                _ => {}
            }
            prop_assert!(leased <= places + kind.ahead, "{} are leased", leased);
        }
    }

    #[test]
    fn q4_each_delivery_gets_one_settlement(world in world(), kind in kind()) {
        let (broker, _) = play(&world, || kind.make());
        let mut words = BTreeMap::new();
        for (_, entry) in broker.diary() {
            if let Entry::Said { receipt, settlement, .. } = entry {
                let first = words.entry(receipt).or_insert_with(|| settlement.clone());
                prop_assert_eq!(&*first, &settlement, "repeated with another settlement");
            }
        }
    }

    #[test]
    fn q5_a_job_is_cancelled_only_after_its_requeue(world in world(), kind in sound()) {
        let (broker, seen) = play(&world, || kind.make());
        let diary = broker.diary();
        let given: BTreeMap<_, _> = diary.iter().filter_map(|(_, entry)| match entry {
            Entry::Gave { receipt, job } => Some((*receipt, job.clone())),
            _ => None,
        }).collect();
        for (cancelled, job) in &seen.cancelled {
            let before = diary.iter().any(|(at, entry)| matches!(
                entry,
                Entry::Said { receipt, settlement: Settlement::Requeue, .. } if given[receipt] == *job && at <= cancelled
            ));
            let in_time = world.grace / 20 > 2 * kind.latency && world.options != world.options.requeue(Duration::ZERO);
            prop_assert!(before || !in_time, "{} was cut at {:?}: {:?}", job, cancelled, diary);
        }
    }

    #[test]
    fn q6_no_lease_runs_out_while_the_broker_answers(world in world(), kind in sound()) {
        let (broker, seen) = play(&world, || kind.make());
        prop_assert_eq!(seen.tally.lost, 0);
        let expired = |(_, entry): &(Duration, Entry)| matches!(entry, Entry::Expired(_));
        prop_assert!(!broker.diary().iter().any(expired), "{:?}", broker.diary());
    }

    #[test]
    fn q7_the_consumer_ends_by_its_deadline(world in world(), kind in kind()) {
        let (_, seen) = play(&world, || kind.make());
        // Paused time has a resolution of a millisecond.
        let deadline = world.stop_at + world.grace + Duration::from_millis(2);
        prop_assert!(seen.ended_at <= deadline, "{:?} > {:?}", seen.ended_at, deadline);
    }

    #[test]
    fn q8_no_job_exceeds_its_maximum_attempts(world in world(), kind in kind(), attempts in 1_u32..4) {
        let world = World { options: world.options.attempts(attempts), ..world };
        let (_, seen) = play(&world, || kind.make());
        let mut tried: BTreeMap<_, u32> = BTreeMap::new();
        seen.begun.iter().for_each(|(_, job)| *tried.entry(job.clone()).or_default() += 1);
        prop_assert!(tried.values().all(|times| *times <= attempts), "{:?}", tried);
    }

    #[test]
    fn q9_cancelled_jobs_had_begun_and_not_finished(world in world(), kind in sound()) {
        // Time enough to requeue: no delivery stays unsettled.
        let world = World { grace: world.grace + Duration::from_secs(2), ..world };
        let world = World { options: world.options.requeue(Duration::from_millis(500)), ..world };
        let (_, seen) = play(&world, || kind.make());
        let tally = &seen.tally;
        prop_assert!(tally.unsettled.is_empty(), "{:?}", tally);
        let ended = tally.acked + tally.retried + tally.dead_lettered;
        prop_assert_eq!(seen.begun.len() as u64, ended + tally.cancelled, "{:?}", tally);
    }

    #[test]
    fn q10_a_shutdown_with_a_healthy_broker_leaves_nothing_leased(world in world(), kind in sound()) {
        let world = World { grace: world.grace + Duration::from_secs(2), ..world };
        let world = World { options: world.options.requeue(Duration::from_millis(500)), ..world };
        let (broker, seen) = play(&world, || kind.make());
        for (job, state) in broker.states() {
            prop_assert!(!matches!(state, State::Leased(_)), "{}: {:?}, {:?}", job, state, seen.tally);
        }
        let diary = broker.diary();
        prop_assert_eq!(diary.last().map(|(_, entry)| entry), Some(&Entry::Closed));
    }
}
