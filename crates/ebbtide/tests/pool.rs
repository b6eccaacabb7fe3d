//! What the producer of a worker pool sees and can do.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::lifecycle::{Pool, PoolOptions, Rejected};
use ebbtide::model::ComponentReport;
use ebbtide::{BoxError, LameDuck, Life, Lifecycle, Report};
use tokio::sync::Semaphore;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(600);
const BRIEF: Duration = Duration::from_millis(20);

fn run<F>(grace: Duration, start_up: F) -> Report
where
    F: AsyncFnOnce(Life) -> Result<(), BoxError>,
{
    let lifecycle = Lifecycle::new("test").grace(grace).lame_duck(LameDuck::NONE);
    lifecycle.run_to_report(start_up).expect("it starts")
}

fn pool_of(report: &Report) -> &ComponentReport {
    report.components.iter().find(|component| component.name == "pool").expect("it was registered")
}

/// A pool whose jobs wait until they are let go, one by one.
fn gated(life: &Life, workers: usize, capacity: usize) -> (Pool<u32>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let open = Arc::clone(&gate);
    let options = PoolOptions::new(workers).capacity(capacity);
    let pool = life.workers("pool", options, move |_: u32, _| {
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
    let report = run(LONG, async |life| {
        let (pool, gate) = gated(&life, 2, 3);
        assert_eq!(
            (pool.workers(), pool.capacity(), pool.free(), pool.queued(), pool.running()),
            (2, 3, 3, 0, 0)
        );
        full(&pool).await?;
        assert_eq!((pool.capacity(), pool.free(), pool.queued(), pool.running()), (3, 0, 3, 2));
        gate.add_permits(1);
        // The worker takes the job, and then notes that it has.
        while (pool.free(), pool.queued()) != (1, 2) {
            tokio::task::yield_now().await;
        }
        let place = pool.try_reserve().map_err(|_| "there is a place")?;
        assert_eq!((pool.free(), pool.queued()), (0, 2), "kept, and not yet a job");
        drop(place);
        assert_eq!(pool.free(), 1);
        gate.add_permits(100);
        life.stop("seen");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(pool_of(&report).cut, 0);
}

#[test]
fn a_full_pool_makes_its_producer_wait_and_gives_the_job_back_when_that_takes_too_long() {
    let report = run(LONG, async |life| {
        let (pool, gate) = gated(&life, 2, 3);
        full(&pool).await?;
        assert_eq!(pool.send_within(BRIEF, 7).await, Err(Rejected::Full(7)));
        assert_eq!(pool.try_send(8).map_err(Rejected::into_job), Err(8));
        assert!(matches!(pool.try_reserve(), Err(Rejected::Full(()))));
        // The opposite: with room nobody waits.
        gate.add_permits(1);
        assert_eq!(pool.send_within(LONG, 9).await, Ok(()));
        gate.add_permits(100);
        life.stop("seen");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
}

#[test]
fn a_place_that_is_kept_when_the_pool_stops_is_waited_for_and_its_job_is_done() {
    let done = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&done);
    let report = run(LONG, async move |life| {
        let pool = life.workers("pool", 1, move |n: u32, _| {
            count.fetch_add(u64::from(n), Ordering::SeqCst);
            async { Ok(()) }
        });
        let (keeps, kept) = tokio::sync::oneshot::channel();
        life.task("producer", async move |stop| {
            let place = pool.reserve().await?;
            let _ = keeps.send(());
            // The pool takes nothing new from here on; what was promised it takes.
            pool.stopped().await;
            assert!(stop.is_stopping() && pool.is_stopped());
            assert!(matches!(pool.reserve().await, Err(Rejected::Stopped(()))));
            assert_eq!(pool.try_send(1), Err(Rejected::Stopped(1)));
            place.send(70);
            Ok(())
        });
        kept.await?;
        life.stop("a place is kept");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(done.load(Ordering::SeqCst), 70);
}

#[test]
fn a_place_that_is_kept_for_ever_holds_the_pool_to_its_deadline_only_and_a_job_that_comes_too_late_is_counted()
 {
    let late = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&late);
    let report = run(SHORT, async move |life| {
        let (pool, _gate) = gated(&life, 1, 2);
        for n in 0..2 {
            pool.send(n).await?;
        }
        while pool.running() < 1 {
            tokio::task::yield_now().await;
        }
        // One runs for ever, one is queued, and the last place is kept until the pool's time is up.
        let pool: &'static Pool<u32> = Box::leak(Box::new(pool));
        *keep.lock().expect("not poisoned") = Some(pool.try_reserve().map_err(|_| "there is a place")?);
        let keep = Arc::clone(&keep);
        life.resource("too late", (), move |()| async move {
            let place = keep.lock().expect("not poisoned").take().expect("kept");
            place.send(9);
            Ok(())
        });
        life.stop("a place is kept");
        Ok(())
    });
    assert_eq!(report.exit_code, 3, "{report:?}");
    assert_eq!(pool_of(&report).cut, 3, "{report:?}");
}
