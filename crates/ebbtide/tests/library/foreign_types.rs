//! Types of other crates: a component's closure may return errors of any type that converts into a `BoxError`, such as anyhow's;
//! the forms of a closure that captures something; conversions between the stop token and tokio-util's cancellation tokens.

use std::sync::Arc;
use std::time::Duration;

use ebbtide::cancellation::{from_token, to_token};
use ebbtide::drain::StopSource;
use ebbtide::lifecycle::{Every, HandleOf, Held, Retry};
use ebbtide::model::{Cause, Check, Outcome};
use ebbtide::testing::{self, Trial};
use ebbtide::{Backoff, LameDuck, Lifecycle, Stop};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(3600);

async fn works() -> anyhow::Result<()> {
    Ok(())
}

async fn fails() -> anyhow::Result<()> {
    Err(anyhow::anyhow!("the inner one").context("the outer one"))
}

async fn task(stop: Stop) -> anyhow::Result<()> {
    stop.stopping().await;
    works().await
}

async fn job(done: Arc<Notify>, _stop: Stop) -> anyhow::Result<()> {
    works().await?;
    done.notify_one();
    Ok(())
}

/// Registers one of each kind, as functions, as closures that return `Ok(())`, and as closures with `?`.
async fn start(app: HandleOf<anyhow::Error>) -> anyhow::Result<()> {
    app.retry("broker", Retry::new(Backoff::default()), works).await?;
    app.resource("function", (), |()| works());
    let database = app.resource("closure", "database", async |_| {
        works().await?;
        Ok(())
    });
    app.resource_holding("held", (), |()| Held::new(0, "connections"), |()| works());
    app.task("task", task);
    app.subscriber("subscriber", task);
    app.once("once", async |_| works().await);
    app.on_stop("hook", async |_| works().await);
    app.at_exit("exit", |_| Ok(()));
    app.try_on_flush("flush", |_| Err(anyhow::anyhow!("nothing to flush")).or(Ok(())));
    app.check("check", Check::every(LONG), works);
    app.every("ticker", LONG, works);
    app.every("rate", Every::rate(LONG).at_once(), move || async move {
        works().await?;
        let _ = database;
        Ok(())
    });
    #[cfg(all(feature = "queue", feature = "testing"))]
    app.consume("consumer", testing::queue::MemoryQueue::new(LONG), 1, async |_job, _stop| works().await);
    #[cfg(feature = "cron")]
    app.every("cron", Every::cron("@yearly")?, works);
    let done = Arc::new(Notify::new());
    let pool = app.within(LONG).workers("pool", 1, job);
    pool.send(Arc::clone(&done)).await?;
    done.notified().await;
    app.stop("that is all");
    Ok(())
}

#[test]
fn closures_may_return_the_users_error_type() {
    let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
    let report = lifecycle.with_errors().run_to_report(start).unwrap();
    assert_eq!(report.exit_code, 0, "{report:?}");
    let count = 14
        + usize::from(cfg!(all(feature = "queue", feature = "testing")))
        + usize::from(cfg!(feature = "cron"));
    assert_eq!(report.components.len() as u64 + report.ended_by_themselves, count as u64, "{report:?}");
}

#[test]
fn a_users_error_type_stops_the_lifecycle_with_its_sources() {
    let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async |app| {
        app.with_errors::<anyhow::Error>().once("once", async |_| fails().await);
        Ok(())
    });
    let report = report.unwrap();
    assert_eq!(report.exit_code, 1);
    let error = "the outer one: the inner one".to_owned();
    assert_eq!(report.component("once").unwrap().outcome, Some(Outcome::Failed { error }));
}

/// With the plain handle: `?` converts anyhow's error into a `BoxError`.
#[test]
fn the_question_mark_operator_converts_foreign_errors() {
    let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async |app| {
        app.task("task", async |stop| Ok(task(stop).await?));
        app.resource("resource", (), async |()| Ok(works().await?));
        app.every("ticker", LONG, async || Ok(works().await?));
        app.check("check", Check::every(LONG), async || works().await);
        let pool = app.workers("pool", 1, async |done, stop| Ok(job(done, stop).await?));
        let done = Arc::new(Notify::new());
        pool.send(Arc::clone(&done)).await?;
        done.notified().await;
        works().await?;
        app.stop("that is all");
        Ok(())
    });
    assert_eq!(report.unwrap().exit_code, 0);
}

async fn reap(database: Arc<str>) -> anyhow::Result<()> {
    assert_eq!(&*database, "database");
    Ok(())
}

/// A closure that is called repeatedly gives each call a clone of what it captures.
#[test]
fn what_a_closure_captures_is_cloned_for_each_call() {
    let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async |app| {
        let app = app.with_errors();
        let (database, done) = (Arc::<str>::from("database"), Arc::new(Notify::new()));
        let reaped = Arc::clone(&database);
        app.every("ticker", Every::rate(LONG).at_once(), move || reap(reaped.clone()));
        let checked = Arc::clone(&database);
        app.check("check", Check::every(LONG), move || reap(checked.clone()));
        let pool = app.workers("pool", 1, move |done: Arc<Notify>, _| {
            let database = Arc::clone(&database);
            async move {
                reap(database).await?;
                done.notify_one();
                Ok(())
            }
        });
        pool.send(Arc::clone(&done)).await?;
        done.notified().await;
        app.stop("that is all");
        Ok(())
    });
    assert_eq!(report.unwrap().exit_code, 0);
}

const HOUR: Duration = Duration::from_secs(3600);

fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_token_is_cancelled_at_the_stop_signal_and_not_before() {
    let source = StopSource::new();
    let token = to_token(source.token());
    let child = token.child_token();
    assert!(tokio::time::timeout(HOUR, child.cancelled()).await.is_err(), "nothing has stopped");
    source.stop(cause(), None);
    tokio::time::timeout(HOUR, child.cancelled()).await.expect("the shutdown has begun");
}

#[tokio::test(start_paused = true)]
async fn a_stop_token_stops_when_its_cancellation_token_is_cancelled() {
    let token = CancellationToken::new();
    let stop = from_token(token.clone());
    assert!(tokio::time::timeout(HOUR, stop.stopping()).await.is_err(), "nothing was cancelled");
    token.cancel();
    tokio::time::timeout(HOUR, stop.stopping()).await.expect("the token was cancelled");
    assert!(!stop.is_cancelled() && stop.time_left().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_stops_by_a_foreign_token_and_cancels_its_own() {
    let (theirs, seen) = (CancellationToken::new(), CancellationToken::new());
    let (token, see) = (theirs.clone(), seen.clone());
    let service = Trial::start(testing::lifecycle("test"), async move |app| {
        app.stop_when_cancelled(token);
        let ours = app.cancellation_token();
        app.subscriber("client", async move |_| {
            ours.cancelled().await;
            see.cancel();
            Ok(())
        });
        Ok(())
    });
    service.ready().await;
    assert!(tokio::time::timeout(HOUR, seen.cancelled()).await.is_err(), "nothing was cancelled");
    theirs.cancel();
    let report = service.exited().await;
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert!(seen.is_cancelled());
    assert!(report.cause.is_some_and(|cause| cause.to_string().contains("cancellation token cancelled")));
}
