//! One run of a consumer, from its first fetch to its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::drain::{StopSource, WorkCounts};
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Job, Permanent, Tally};
use ebbtide::{BoxError, Stop};
use tokio::time::sleep;

use crate::broker::Broker;
use crate::broker::now;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Finishes(u64),
    Fails(u64),
    IsHopeless(u64),
    Panics(u64),
    /// Ends when it observes the stop signal.
    EndsWhenTold,
    /// Ends when it is cancelled, too late.
    EndsWhenCancelled,
    Hangs,
}

/// The configuration of one consumer, and the time of its stop signal.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) jobs: Vec<Does>,
    pub(crate) options: ConsumeOptions,
    pub(crate) stop_at: Duration,
    pub(crate) grace: Duration,
}

/// What was observed.
#[derive(Debug)]
pub(crate) struct Seen {
    /// At the stop signal, and at the end.
    pub(crate) counts: (WorkCounts, WorkCounts),
    pub(crate) tally: Tally,
    pub(crate) ended_at: Duration,
    /// The time and the job of each attempt's start.
    pub(crate) begun: Vec<(Duration, String)>,
    /// The time at which each attempt observed its cancellation.
    pub(crate) cancelled: Vec<(Duration, String)>,
    /// The time left that each attempt read at the stop signal.
    pub(crate) told: Vec<(String, Option<Duration>)>,
    pub(crate) most_running: usize,
}

#[derive(Default)]
struct Notes {
    begun: Vec<(Duration, String)>,
    cancelled: Vec<(Duration, String)>,
    told: Vec<(String, Option<Duration>)>,
    running: usize,
    most_running: usize,
}

pub(crate) fn name(n: usize) -> String {
    format!("job-{n:03}")
}

/// Runs a world with a broker that holds its jobs, on a separate runtime with paused time.
pub(crate) fn play(world: &World, broker: impl FnOnce() -> Broker) -> (Arc<Broker>, Seen) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("the runtime is built");
    runtime.block_on(async {
        let broker = Arc::new(broker());
        (0..world.jobs.len()).for_each(|n| broker.push(name(n)));
        let seen = run(world, &broker).await;
        (broker, seen)
    })
}

async fn run(world: &World, broker: &Arc<Broker>) -> Seen {
    let notes = Arc::new(Mutex::new(Notes::default()));
    let (jobs, noted, clock) = (world.jobs.clone(), Arc::clone(&notes), Arc::clone(broker));
    let consumer = Consumer::new("test", Arc::clone(broker), world.options, move |job: Job, stop| {
        let number: usize = job.id().trim_start_matches("job-").parse().expect("a number");
        attempt(jobs[number], job, stop, Arc::clone(&noted), Arc::clone(&clock))
    });
    let source = StopSource::with_clock(now);
    let (work, at_stop) = (consumer.work(), Mutex::default());
    let stopper = async {
        sleep(world.stop_at).await;
        *at_stop.lock().expect("not poisoned") = work.counts();
        source.stop(Cause::Signal { number: 15 }, Some(now() + world.grace));
        sleep(world.grace).await;
        source.cancel();
        std::future::pending().await
    };
    let tally = tokio::select! {
        tally = consumer.run(source.token()) => tally,
        () = stopper => unreachable!("it never ends"),
    };
    let ended_at = broker.time();
    let notes = std::mem::take(&mut *notes.lock().expect("not poisoned"));
    let Notes { begun, cancelled, told, most_running, .. } = notes;
    let counts = (*at_stop.lock().expect("not poisoned"), work.counts());
    Seen { tally, counts, ended_at, begun, cancelled, told, most_running }
}

async fn attempt(
    does: Does,
    job: Job,
    stop: Stop,
    notes: Arc<Mutex<Notes>>,
    clock: Arc<Broker>,
) -> Result<(), BoxError> {
    let _running = Running::begin(&notes, &clock, job.id());
    let watch = async {
        stop.stopping().await;
        notes.lock().expect("not poisoned").told.push((job.id().to_owned(), stop.time_left()));
        stop.cancelled().await;
        notes.lock().expect("not poisoned").cancelled.push((clock.time(), job.id().to_owned()));
        std::future::pending::<()>().await;
    };
    let work = async {
        match does {
            Does::Finishes(ms) => sleep(Duration::from_millis(ms)).await,
            Does::Fails(ms) => {
                sleep(Duration::from_millis(ms)).await;
                return Err("it failed".into());
            }
            Does::IsHopeless(ms) => {
                sleep(Duration::from_millis(ms)).await;
                return Err(Permanent::new("it is hopeless").into());
            }
            Does::Panics(ms) => {
                sleep(Duration::from_millis(ms)).await;
                panic!("it panicked");
            }
            Does::EndsWhenTold => stop.stopping().await,
            Does::EndsWhenCancelled => {
                stop.cancelled().await;
                tokio::task::yield_now().await;
            }
            Does::Hangs => std::future::pending().await,
        }
        Ok(())
    };
    tokio::select! {
        biased;
        () = watch => unreachable!("it never ends"),
        result = work => result,
    }
}

/// Counts an attempt as running until it is dropped.
struct Running(Arc<Mutex<Notes>>);

impl Running {
    fn begin(notes: &Arc<Mutex<Notes>>, clock: &Broker, job: &str) -> Self {
        let mut held = notes.lock().expect("not poisoned");
        held.begun.push((clock.time(), job.to_owned()));
        held.running += 1;
        held.most_running = held.most_running.max(held.running);
        Self(Arc::clone(notes))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().expect("not poisoned").running -= 1;
    }
}
