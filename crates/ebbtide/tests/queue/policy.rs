//! The decisions of the consumer loop, one by one.

use std::sync::Arc;
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Queue, Settled, Settlement};
use ebbtide::{Backoff, BoxError, Stop};
use tokio::time::{sleep, timeout};

use crate::broker::now;
use crate::broker::{Broker, Entry, State, counted};
use crate::run::{Does, World, name, play};

const SECOND: Duration = Duration::from_secs(1);

fn world(jobs: &[Does], concurrency: usize) -> World {
    let backoff = Backoff::new(SECOND, 8 * SECOND);
    let options = ConsumeOptions::new(concurrency).attempts(3).backoff(backoff);
    World { jobs: jobs.to_vec(), options, stop_at: 60 * SECOND, grace: 20 * SECOND }
}

#[test]
fn q8_a_job_is_acknowledged_retried_or_dead_lettered() {
    let jobs = [Does::Finishes(5), Does::Fails(5), Does::IsHopeless(5), Does::Panics(5)];
    let (broker, seen) = play(&world(&jobs, 2), Broker::new);
    assert_eq!(broker.state(&name(0)), State::Acked);
    assert_eq!(broker.state(&name(1)), State::DeadLettered("it failed".to_owned()));
    assert_eq!(broker.state(&name(2)), State::DeadLettered("it is hopeless".to_owned()));
    assert_eq!(broker.state(&name(3)), State::DeadLettered("handler panicked: it panicked".to_owned()));
    let attempts = |n| seen.begun.iter().filter(|(_, job)| *job == name(n)).count();
    assert_eq!([0, 1, 2, 3].map(attempts), [1, 3, 1, 3]);
    let tally = &seen.tally;
    assert_eq!((tally.acked, tally.retried, tally.dead_lettered, tally.cancelled), (1, 4, 3, 0), "{tally:?}");
    assert_eq!(tally.settled(), tally.taken);
}

#[test]
fn q8_retries_wait_longer_each_time() {
    let (_, seen) = play(&world(&[Does::Fails(0)], 1), Broker::new);
    let begun: Vec<_> = seen.begun.iter().map(|(at, _)| *at).collect();
    let waits: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The backoff's jitter halves the delay at most; the broker polls for due jobs every 50 ms.
    for (wait, whole) in waits.iter().zip([SECOND, 2 * SECOND]) {
        assert!(*wait >= whole / 2 && *wait < whole + Duration::from_millis(100), "{waits:?}");
    }
}

#[test]
fn q8_a_job_that_kills_its_process_each_time_is_dead_lettered_without_a_run() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("the runtime is built");
    runtime.block_on(async {
        let mut broker = Broker::new();
        broker.lease = Some(SECOND);
        broker.push(name(0));
        let (broker, options) = (Arc::new(broker), ConsumeOptions::new(1).attempts(3));
        // Three consumers are dropped while they run the job, as if their processes had crashed.
        for _ in 0..3 {
            let hangs = |_, _| std::future::pending();
            let killed = Consumer::new("killed", Arc::clone(&broker), options, hangs).run(Stop::never());
            assert!(timeout(SECOND / 2, killed).await.is_err(), "the consumer still runs");
            sleep(2 * SECOND).await;
        }
        let never = |_, _| async { panic!("it is not begun") };
        let next = Consumer::new("next", Arc::clone(&broker), options, never);
        let source = StopSource::with_clock(now);
        let stop = async {
            sleep(SECOND).await;
            source.cancel();
        };
        let (tally, ()) = tokio::join!(next.run(source.token()), stop);
        assert_eq!((tally.dead_lettered, tally.cancelled), (1, 0), "{tally:?}");
        let State::DeadLettered(error) = broker.state(&name(0)) else { panic!("{:?}", broker.states()) };
        assert!(error.starts_with("attempt 4 of 3"), "{error}");
    });
}

#[test]
fn q3_a_fetch_requests_only_the_free_capacity() {
    let (broker, seen) = play(&world(&[Does::Finishes(100); 40], 8), Broker::new);
    assert_eq!(seen.most_running, 8);
    assert_eq!(seen.tally.acked, 40);
    let asked = broker.diary().into_iter().filter_map(|(_, entry)| match entry {
        Entry::Asked(max) => Some(max),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    assert!(asked.iter().all(|max| (1..=8).contains(max)), "{asked:?}");
    // All eight end at the same time, and are fetched again in one or two batches.
    assert!(asked.len() <= 11, "{asked:?}");
}

#[test]
fn q2_q9_prefetched_jobs_are_requeued_at_once_and_do_not_count_as_cancelled() {
    let broker = || {
        let mut broker = Broker::new();
        broker.ahead = 5;
        broker
    };
    let (broker, seen) = play(&world(&[Does::EndsWhenTold; 9], 2), broker);
    assert_eq!(seen.begun.len(), 2);
    assert_eq!(
        (seen.tally.acked, seen.tally.cancelled, seen.tally.requeued_ids.len()),
        (2, 0, 5),
        "{:?}",
        seen.tally
    );
    assert!(seen.ended_at < Duration::from_millis(60_100), "at once: {:?}", seen.ended_at);
    assert!(broker.states().iter().all(|(_, state)| !matches!(state, State::Leased(_))));
    // In order: the subscription ends before its jobs are requeued, and the connection ends last.
    let diary: Vec<_> = broker.diary().into_iter().map(|(_, entry)| entry).collect();
    let withdrew = diary.iter().position(|entry| *entry == Entry::Withdrew).expect("the broker recorded it");
    let said = |entry: &Entry| matches!(entry, Entry::Said { settlement: Settlement::Requeue, .. });
    assert!(withdrew < diary.iter().position(said).expect("the broker recorded it"));
    assert_eq!(diary.last(), Some(&Entry::Closed));
}

#[test]
fn q2_jobs_fetched_at_the_time_of_the_signal_do_not_start() {
    /// Raises the stop signal in the poll in which the fetch returns.
    struct Raises(Arc<Broker>, StopSource);

    impl Queue for Raises {
        type Receipt = usize;

        async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
            let taken = self.0.fetch(max, stop).await;
            self.1.stop(Cause::Signal { number: 15 }, None);
            taken
        }

        async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
            self.0.settle(receipt, settlement).await
        }
    }

    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("the runtime is built");
    runtime.block_on(async {
        let broker = Arc::new(Broker::new());
        broker.push(name(0));
        let source = StopSource::with_clock(now);
        let stop = source.token();
        let never = |_, _| async { panic!("it is not begun") };
        let tally = Consumer::new("late", Raises(Arc::clone(&broker), source), 1, never).run(stop).await;
        assert_eq!((tally.requeued_ids, tally.cancelled, tally.retried), (vec![name(0)], 0, 0));
    });
}

#[test]
fn q2_jobs_in_transit_at_the_signal_are_awaited_and_requeued() {
    let slow = || {
        let mut broker = Broker::new();
        broker.latency = Duration::from_millis(100);
        broker
    };
    let mut world = world(&[Does::Hangs; 3], 3);
    // The queue has delivered them, and the answer is in transit.
    world.stop_at = Duration::from_millis(150);
    let (broker, seen) = play(&world, slow);
    assert!(seen.begun.is_empty() && seen.tally.cancelled == 0, "{seen:?}");
    assert_eq!(seen.tally.requeued_ids, [name(0), name(1), name(2)]);
    assert!(broker.states().iter().all(|(_, state)| matches!(state, State::Ready(_))));
}

#[test]
fn q4_a_job_that_ends_during_its_requeue_stays_requeued() {
    let slow = || {
        let mut broker = Broker::new();
        broker.latency = Duration::from_millis(100);
        broker
    };
    // It begins after 200 ms, and ends 50 ms after the requeue began.
    let (broker, seen) = play(&world(&[Does::Finishes(79_350)], 1), slow);
    assert_eq!((seen.tally.requeued_ids, seen.tally.cancelled), (vec![name(0)], 1));
    assert!(seen.tally.unsettled.is_empty() && seen.tally.acked == 0);
    assert_eq!(counted(&broker.diary()), [(0, Settlement::Requeue)]);
}

#[test]
fn q5_running_jobs_are_requeued_before_they_are_cancelled() {
    let (broker, seen) =
        play(&world(&[Does::EndsWhenCancelled, Does::Hangs, Does::Finishes(70_000)], 3), Broker::new);
    let tally = &seen.tally;
    assert_eq!(
        (tally.acked, tally.cancelled, tally.requeued_ids.clone()),
        (1, 2, vec![name(0), name(1)]),
        "{tally:?}"
    );
    let requeued_at = Duration::from_millis(80_000 - 500);
    let diary = broker.diary();
    for (at, entry) in &diary {
        if matches!(entry, Entry::Said { settlement: Settlement::Requeue, .. }) {
            assert!(*at >= requeued_at && *at < requeued_at + Duration::from_millis(10), "{at:?}");
            assert!(seen.cancelled.iter().all(|(cancelled, _)| cancelled >= at), "{:?}", seen.cancelled);
        }
    }
    assert_eq!(seen.cancelled.len(), 2, "both were cancelled: {:?}", seen.cancelled);
    assert!(seen.ended_at <= Duration::from_secs(80));
    // The jobs were notified of the time of the cancellation.
    let left = Some(Duration::from_millis(19_500));
    assert_eq!(seen.told.iter().map(|(_, left)| *left).collect::<Vec<_>>(), [left; 3]);
}

#[test]
fn q6_leases_are_extended_until_the_last_job_ends_also_during_the_shutdown() {
    let lease = |tells_lease| {
        move || {
            let mut broker = Broker::new();
            (broker.lease, broker.tells_lease) = (Some(3 * SECOND), tells_lease);
            broker
        }
    };
    let world = world(&[Does::Finishes(75_000)], 1);
    let (broker, seen) = play(&world, lease(true));
    assert_eq!((seen.tally.acked, seen.tally.lost, seen.begun.len()), (1, 0, 1), "{:?}", seen.tally);
    assert!(!broker.diary().iter().any(|(_, entry)| matches!(entry, Entry::Expired(_))));
    // Without the heartbeat another consumer gets the same job.
    let (broker, seen) = play(&world, lease(false));
    assert_eq!((seen.tally.acked, seen.tally.lost), (0, 1), "{:?}", seen.tally);
    assert!(broker.diary().iter().any(|(_, entry)| matches!(entry, Entry::Expired(_))));
}

#[test]
fn q7_the_deadline_holds_with_a_silent_broker_and_unsettled_jobs_are_named() {
    let silent = || {
        let mut broker = Broker::new();
        broker.troubles.silent = Some(30 * SECOND..1000 * SECOND);
        broker.lease = Some(100 * SECOND);
        broker
    };
    let (broker, seen) = play(&world(&[Does::Finishes(40_000), Does::Hangs], 2), silent);
    assert!(seen.ended_at <= Duration::from_secs(80), "{:?}", seen.ended_at);
    assert_eq!(seen.tally.unsettled, [name(0), name(1)]);
    // The withdrawal fails as well: it is unknown what had been sent ahead.
    assert_eq!((seen.tally.cancelled, seen.tally.settled()), (3, 2), "{:?}", seen.tally);
    assert!(counted(&broker.diary()).is_empty());
}

#[test]
fn q2_prefetched_jobs_are_withdrawn_after_an_outage_at_the_signal() {
    let away = |until: Duration| {
        move || {
            let mut broker = Broker::new();
            (broker.ahead, broker.lease) = (5, Some(1000 * SECOND));
            broker.troubles.away = Some(59 * SECOND..until);
            broker
        }
    };
    let world = world(&[Does::Finishes(65_000); 7], 2);
    let (broker, seen) = play(&world, away(70 * SECOND));
    let tally = &seen.tally;
    assert_eq!((tally.acked, tally.cancelled, tally.requeued_ids.len()), (2, 0, 5), "{tally:?}");
    assert!(broker.states().iter().all(|(_, state)| !matches!(state, State::Leased(_))));
    // If the broker stays unavailable, the deliveries stay unsettled and are reported.
    let (broker, seen) = play(&world, away(1000 * SECOND));
    let tally = &seen.tally;
    assert_eq!((tally.unsettled.len(), tally.cancelled), (2, 3), "includes what was sent ahead: {tally:?}");
    assert!(broker.states().iter().all(|(_, state)| matches!(state, State::Leased(_))));
    assert!(seen.ended_at <= Duration::from_secs(80), "{:?}", seen.ended_at);
}

#[test]
fn q7_a_job_that_blocks_its_thread_does_not_delay_the_shutdown() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build();
    runtime.expect("the runtime is built").block_on(async {
        let broker = Arc::new(Broker::new());
        broker.push(name(0));
        let (begins, begun) = tokio::sync::oneshot::channel();
        let (release, blocks) = std::sync::mpsc::channel::<()>();
        let once = std::sync::Mutex::new(Some((begins, blocks)));
        let block = move |_, _| {
            let taken = once.lock().expect("not poisoned").take();
            async move {
                let (begins, blocks) = taken.ok_or("it is begun once")?;
                begins.send(()).map_err(|()| "the test has ended")?;
                let _released = blocks.recv();
                Ok(())
            }
        };
        let source = StopSource::with_clock(now);
        let running = Consumer::new("blocks", Arc::clone(&broker), 1, block).run(source.token());
        let stopping = async {
            begun.await.expect("the job runs");
            source.stop(Cause::Signal { number: 15 }, Some(now() + SECOND));
        };
        let ended = timeout(60 * SECOND, async { tokio::join!(running, stopping).0 }).await;
        let tally = ended.expect("the job still blocks");
        drop(release);
        assert_eq!((tally.requeued_ids, tally.cancelled), (vec![name(0)], 1));
    });
}

#[test]
fn q7_a_fetch_that_never_returns_is_reported_and_does_not_delay_the_shutdown() {
    let silent = || {
        let mut broker = Broker::new();
        broker.troubles.silent = Some(Duration::ZERO..1000 * SECOND);
        broker
    };
    let (_, seen) = play(&world(&[], 2), silent);
    assert!(seen.ended_at <= Duration::from_secs(80), "{:?}", seen.ended_at);
    assert_eq!(
        (seen.tally.taken, seen.tally.cancelled),
        (0, 1),
        "the deliveries of the fetch are unknown: {:?}",
        seen.tally
    );
}

#[test]
fn the_consumer_recovers_after_a_broker_outage() {
    let away = || {
        let mut broker = Broker::new();
        broker.troubles.away = Some(10 * SECOND..30 * SECOND);
        broker.lease = Some(60 * SECOND);
        broker
    };
    // One job ends while the broker is unavailable, one is pushed and begun afterwards.
    let (broker, seen) = play(&world(&[Does::Finishes(15_000), Does::Finishes(100)], 1), away);
    assert_eq!(seen.tally.acked, 2, "{:?} {:?}", seen.tally, broker.diary());
    assert_eq!(seen.tally.lost, 0);
    let asked = broker.diary().iter().filter(|(at, _)| (10..30).contains(&at.as_secs())).count();
    assert!(asked < 20, "the consumer polls with backoff: {asked}");
}

#[test]
fn a_settlement_whose_answer_was_lost_is_retried_without_effect() {
    let forgetful = || {
        let mut broker = Broker::new();
        broker.troubles.forgetful = Some(Duration::ZERO..SECOND / 2);
        broker
    };
    let (broker, seen) = play(&world(&[Does::Finishes(5)], 1), forgetful);
    assert_eq!(broker.state(&name(0)), State::Acked);
    assert_eq!((seen.begun.len(), seen.tally.lost), (1, 1), "settled twice: {:?}", seen.tally);
}

#[test]
fn q1_a_dropped_consumer_leaves_its_deliveries_unsettled() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("the runtime is built");
    runtime.block_on(async {
        let broker = Arc::new(Broker::new());
        (0..3).for_each(|n| broker.push(name(n)));
        let consumer = Consumer::new("dropped", Arc::clone(&broker), 2, |_, _| std::future::pending());
        let work = consumer.work();
        assert!(timeout(SECOND, consumer.run(Stop::never())).await.is_err(), "the consumer still runs");
        assert_eq!((work.in_flight(), work.finished(), work.cancelled()), (0, 0, 2));
        assert_eq!(work.unsettled(), [name(0), name(1)]);
    });
}

#[test]
fn q10_without_time_to_requeue_the_job_stays_leased() {
    let mut world = world(&[Does::Hangs], 1);
    let (broker, seen) = play(&world, Broker::new);
    assert_eq!(
        (broker.state(&name(0)), seen.tally.requeued_ids),
        (State::Ready(79_501 * SECOND / 1000), vec![name(0)])
    );
    world.options = world.options.requeue(Duration::ZERO);
    let (broker, seen) = play(&world, Broker::new);
    assert!(matches!(broker.state(&name(0)), State::Leased(_)), "{:?}", broker.states());
    assert_eq!(seen.tally.unsettled, [name(0)], "and the report names it");
}
