//! The producer's side of a worker pool.
#![expect(clippy::expect_used, reason = "a panic in a helper fails its test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::lifecycle::{Pool, PoolOptions, Rejected};
use ebbtide::model::ComponentReport;
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Report};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
/// The time that a pool has when it will not end in time.
const SHORT: Duration = Duration::from_millis(400);
const BRIEF: Duration = Duration::from_millis(20);

pub(crate) fn run<F>(grace: Duration, start_up: F) -> Report
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    let lifecycle = Lifecycle::new("test").grace(grace).lame_duck(LameDuck::NONE);
    lifecycle.run_to_report(start_up).expect("the lifecycle starts")
}

fn pool_of(report: &Report) -> &ComponentReport {
    report.components.iter().find(|component| component.name == "pool").expect("the component is registered")
}

/// A pool whose jobs each wait for a permit.
fn gated(app: &Handle, workers: usize, capacity: usize) -> (Pool<u32>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let open = Arc::clone(&gate);
    let options = PoolOptions::new(workers).capacity(capacity);
    let pool = app.workers("pool", options, move |_: u32, _| {
        let open = Arc::clone(&open);
        async move {
            open.acquire().await?.forget();
            Ok(())
        }
    });
    (pool, gate)
}

/// Fills both workers and the queue of three.
async fn full(pool: &Pool<u32>) -> Result<(), BoxError> {
    for n in 0..2 {
        pool.send(n).await?;
    }
    while pool.running() < 2 {
        tokio::task::yield_now().await;
    }
    for n in 2..5 {
        pool.send(n).await?;
    }
    Ok(())
}

#[test]
fn a_producer_sees_how_full_the_pool_is() {
    let report = run(LONG, async |app| {
        let (pool, gate) = gated(&app, 2, 3);
        assert_eq!(
            (pool.workers(), pool.capacity(), pool.free(), pool.queued(), pool.running()),
            (2, 3, 3, 0, 0)
        );
        full(&pool).await?;
        assert_eq!((pool.capacity(), pool.free(), pool.queued(), pool.running()), (3, 0, 3, 2));
        gate.add_permits(1);
        // The worker takes the job, and records that after a delay.
        while (pool.free(), pool.queued()) != (1, 2) {
            tokio::task::yield_now().await;
        }
        let place = pool.try_reserve().map_err(|_| "there is a place")?;
        assert_eq!((pool.free(), pool.queued()), (0, 2), "reserved, but not a job yet");
        drop(place);
        assert_eq!(pool.free(), 1);
        gate.add_permits(100);
        app.stop("seen");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(pool_of(&report).cancelled, 0);
}

#[test]
fn a_full_pool_makes_its_producer_wait_and_returns_the_job_at_the_timeout() {
    let report = run(LONG, async |app| {
        let (pool, gate) = gated(&app, 2, 3);
        full(&pool).await?;
        assert_eq!(pool.send_within(BRIEF, 7).await, Err(Rejected::Full(7)));
        assert_eq!(pool.try_send(8).map_err(Rejected::into_job), Err(8));
        assert!(matches!(pool.try_reserve(), Err(Rejected::Full(()))));
        // The opposite: with a free slot the producer does not wait.
        gate.add_permits(1);
        assert_eq!(pool.send_within(LONG, 9).await, Ok(()));
        gate.add_permits(100);
        app.stop("seen");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
}

#[test]
fn a_producer_that_waits_for_a_full_pool_is_woken_by_the_stop_signal() {
    let report = run(LONG, async |app| {
        let (pool, gate) = gated(&app, 2, 3);
        full(&pool).await?;
        let (waits, waiting) = tokio::sync::oneshot::channel();
        app.subscriber("subscriber", async move |stop| {
            let reserve = async {
                let place = pool.reserve();
                tokio::join!(place, async move { waits.send(()) }).0
            };
            assert!(stop.unless_stopping(reserve).await.is_none(), "no slot is free");
            // A slot becomes free only now.
            gate.add_permits(100);
            Ok(())
        });
        waiting.await?;
        app.stop("it waits");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
}

#[test]
fn a_slot_reserved_at_the_stop_signal_is_awaited_and_its_job_runs() {
    let done = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&done);
    // Tasks outside the lifecycle: only the pool waits for them.
    let mut outside = JoinSet::new();
    let outside = &mut outside;
    let report = run(LONG, async move |app| {
        let pool = app.workers("pool", 1, move |n: u32, _| {
            count.fetch_add(u64::from(n), Ordering::SeqCst);
            async { Ok(()) }
        });
        let (keeps, kept) = tokio::sync::oneshot::channel();
        let stop = app.stop_token();
        outside.spawn(async move {
            let place = pool.reserve().await.expect("the pool is open");
            let _ = keeps.send(());
            // The pool accepts nothing new from here on, except for reserved slots.
            pool.stopped().await;
            assert!(stop.is_stopping() && pool.is_stopped());
            assert!(matches!(pool.reserve().await, Err(Rejected::Stopped(()))));
            assert_eq!(pool.try_send(1), Err(Rejected::Stopped(1)));
            place.send(70);
        });
        kept.await?;
        app.stop("a place is kept");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(done.load(Ordering::SeqCst), 70);
}

#[test]
fn a_slot_reserved_for_ever_delays_the_pool_to_its_deadline_and_late_jobs_count() {
    let late = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&late);
    let report = run(LONG, async move |app| {
        let (pool, _gate) = gated(&app.within(SHORT), 1, 2);
        for n in 0..2 {
            pool.send(n).await?;
        }
        while pool.running() < 1 {
            tokio::task::yield_now().await;
        }
        // One job runs for ever, one is queued, and the last slot is reserved until the pool's deadline.
        let pool: &'static Pool<u32> = Box::leak(Box::new(pool));
        *keep.lock().expect("not poisoned") = Some(pool.try_reserve().map_err(|_| "there is a place")?);
        let keep = Arc::clone(&keep);
        app.resource("too late", (), move |()| async move {
            let place = keep.lock().expect("not poisoned").take().expect("kept");
            place.send(9);
            Ok(())
        });
        app.stop("a place is kept");
        Ok(())
    });
    assert_eq!(report.exit_code, 3, "{report:?}");
    assert_eq!(pool_of(&report).cancelled, 3, "{report:?}");
}

/// A pool whose jobs pass themselves on to another pool, or record that they have arrived.
fn sends_on(app: &Handle, name: &str, to: Option<Pool<u32>>, arrived: &Arc<Mutex<Vec<u32>>>) -> Pool<u32> {
    let arrived = Arc::clone(arrived);
    app.workers(name, PoolOptions::new(2).capacity(100), move |n: u32, stop| {
        let (to, arrived) = (to.clone(), Arc::clone(&arrived));
        async move {
            // No job runs before the shutdown, so that the first pool's queue is full then. A job observes the stop signal at
            // once.
            stop.stopping().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            match to {
                Some(to) => to.send(n).await?,
                None => arrived.lock().expect("not poisoned").push(n),
            }
            Ok(())
        }
    })
}

#[test]
fn jobs_sent_from_one_pool_to_another_during_the_shutdown_arrive() {
    for pools in [2, 3] {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&arrived);
        let report = run(LONG, async move |app| {
            let mut first = sends_on(&app, "last", None, &list);
            for n in 1..pools {
                first = sends_on(&app, &format!("pool {n}"), Some(first), &list);
            }
            for n in 0..100 {
                first.send(n).await?;
            }
            app.stop("the first is full");
            Ok(())
        });
        assert_eq!(report.exit_code, 0, "{report:?}");
        let mut arrived = arrived.lock().expect("not poisoned").clone();
        arrived.sort_unstable();
        assert_eq!(arrived, (0..100).collect::<Vec<_>>(), "{pools} pools");
    }
}

#[test]
fn a_pool_accepts_the_last_batch_of_a_task_that_stops_with_it() {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&arrived);
    let report = run(LONG, async move |app| {
        let pool = sends_on(&app, "pool", None, &list);
        app.task("batches", async move |stop| {
            stop.stopping().await;
            // More jobs than the queue has room for, with pauses in which the pool is idle.
            tokio::time::sleep(Duration::from_millis(50)).await;
            for n in 0..300 {
                pool.send(n).await?;
            }
            Ok(())
        });
        app.stop("a batch is left");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(arrived.lock().expect("not poisoned").len(), 300);
}

/// The opposite: the job sends to a pool that was registered later.
#[test]
fn sends_to_a_pool_registered_later_fail_once_the_shutdown_begins() {
    let (tell, told) = std::sync::mpsc::channel();
    let arrived = Arc::default();
    let report = run(LONG, async move |app| {
        let (hand, over) = tokio::sync::oneshot::channel::<Pool<u32>>();
        app.task("feeds", async move |stop| {
            let pool = over.await?;
            stop.stopping().await;
            pool.stopped().await;
            tell.send(pool.send(1).await)?;
            Ok(())
        });
        hand.send(sends_on(&app, "pool", None, &arrived)).map_err(|_| "it waits for it")?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(told.try_recv(), Ok(Err(Rejected::Stopped(1))));
}

#[test]
fn a_job_cannot_send_to_its_own_pool_once_the_pool_is_closed() {
    let report = run(LONG, async move |app| {
        let own: Arc<std::sync::OnceLock<Pool<u32>>> = Arc::default();
        let known = Arc::clone(&own);
        let pool = app.workers("pool", 1, move |n: u32, stop| {
            let own = Arc::clone(&known);
            async move {
                stop.stopping().await;
                let pool = own.get().ok_or("it is known before the stop")?;
                // Otherwise it would continue for ever.
                while pool.send(n).await.is_ok() {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        });
        pool.send(1).await?;
        own.set(pool).map_err(|_| "set once")?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!((report.exit_code, pool_of(&report).cancelled), (0, 0), "{report:?}");
}
