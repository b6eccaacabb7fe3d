//! The log of a lifecycle: field names are unique in an event, counts are exact, and locations are in the user's source.
#![expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::lifecycle::{Every, OnError, Retry};
use ebbtide::{Backoff, BoxError, Handle, LameDuck, Lifecycle, Report};
use tokio::sync::{Notify, Semaphore};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::own_process;

/// Keeps each event as `LEVEL message field=value …`, and the field names that occur twice in one event.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    doubled: Arc<Mutex<Vec<String>>>,
}

impl Log {
    fn lines(&self, with: &str) -> Vec<String> {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(with)).cloned().collect()
    }

    fn doubled(&self) -> Vec<String> {
        self.doubled.lock().unwrap().clone()
    }

    fn check(&self, metadata: &Metadata<'_>) {
        let names: Vec<&str> = metadata.fields().iter().map(|field| field.name()).collect();
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            self.doubled.lock().unwrap().push(format!("{names:?}"));
        }
    }
}

#[derive(Default)]
struct Line(String, String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.0 = format!("{value:?}"),
            name => write!(self.1, " {name}={value:?}").unwrap(),
        }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.check(event.metadata());
        let mut line = Line::default();
        event.record(&mut line);
        self.lines.lock().unwrap().push(format!("{} {}{}", event.metadata().level(), line.0, line.1));
    }
}

/// Runs a service and returns its log. No other service may run in the process.
fn logged<F>(grace: Duration, start_up: F) -> (Log, Report)
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    logged_every(Duration::from_millis(20), grace, start_up)
}

/// As [`logged`], with the interval of the first progress lines.
fn logged_every<F>(progress: Duration, grace: Duration, start_up: F) -> (Log, Report)
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    let log = Log::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone())).unwrap();
    let lifecycle = Lifecycle::new("test").grace(grace).lame_duck(LameDuck::NONE);
    let report = lifecycle.progress_every(progress).run_to_report(start_up);
    (log, report.unwrap())
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn no_event_has_a_field_twice() {
    own_process::run("logs::no_event_has_a_field_twice", || {
        let (log, _) = logged(LONG, async |app| {
            let done = Arc::new(Notify::new());
            let pool = app.workers("pool", 1, async |done: Arc<Notify>, _| {
                let _told = done;
                panic!("in a job");
            });
            let ran = Arc::clone(&done);
            let every = Every::rate(LONG).at_once().on_error(OnError::GoOn);
            app.every("ticker", every, move || {
                ran.notify_one();
                async { panic!("in a run") }
            });
            pool.send(Arc::clone(&done)).await?;
            done.notified().await;
            app.once("once", async |_| panic!("in a task"));
            app.stop_token().stopping().await;
            Ok(())
        });
        let again = Lifecycle::new("again").lame_duck(LameDuck::NONE).on_report(|_| panic!("in a callback"));
        let again = again.run_to_report(async |app| {
            app.stop("that is all");
            Ok(())
        });
        assert_eq!(again.unwrap().exit_code, 0);
        for said in [
            "background job panicked",
            "ticker run panicked",
            "component panicked component=\"once\"",
            "report callback panicked",
        ] {
            let lines = log.lines(said);
            assert!(lines.len() == 1 && lines[0].contains("panic=\"in a "), "{said}: {lines:?}");
        }
        assert_eq!(log.doubled(), [""; 0]);
    });
}

/// The opposite: verifies that the test above detects a duplicate field.
#[test]
fn a_duplicate_field_in_an_event_is_detected() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    tracing::subscriber::with_default(subscriber, || {
        let message = "twice";
        tracing::event!(Level::ERROR, message, "in words");
    });
    assert_eq!(log.doubled().len(), 1);
}

#[test]
fn the_exit_line_separates_requests_from_jobs_and_old_work_from_new() {
    own_process::run("logs::the_exit_line_separates_requests_from_jobs_and_old_work_from_new", || {
        let (log, report) = logged(LONG, async |app| {
            let began = Arc::new(Notify::new());
            let pool = app.workers("pool", 2, async |began: Arc<Notify>, stop| {
                began.notify_one();
                stop.stopping().await;
                Ok(())
            });
            for _ in 0..2 {
                pool.send(Arc::clone(&began)).await?;
                began.notified().await;
            }
            // Registered later, so that the pool still accepts what this component sends.
            app.task("feeder", async move |stop| {
                stop.stopping().await;
                pool.send(began).await?;
                Ok(())
            });
            app.stop("that is all");
            Ok(())
        });
        assert_eq!(report.exit_code, 0, "{report:?}");
        let lines = log.lines("lifecycle exited");
        let jobs = "jobs_at_signal=2 jobs_since=1 jobs_finished=3";
        let requests = "requests_at_signal=0 requests_since=0 requests_finished=0";
        assert!(lines.len() == 1 && lines[0].contains(jobs) && lines[0].contains(requests), "{lines:?}");
    });
}

#[test]
fn the_log_names_awaited_components_with_their_source_location() {
    own_process::run("logs::the_log_names_awaited_components_with_their_source_location", || {
        let (log, _) = logged(Duration::from_secs(3), async |app| {
            // A `Notify` keeps one permit, and both may begin before anything waits.
            let began = Arc::new(Semaphore::new(0));
            let pool = app.workers("pool", 1, async |began: Arc<Semaphore>, _| {
                began.add_permits(1);
                std::future::pending().await
            });
            let ran = Arc::clone(&began);
            app.every("ticker", Every::rate(LONG).at_once(), move || {
                ran.add_permits(1);
                std::future::pending()
            });
            pool.send(Arc::clone(&began)).await?;
            began.acquire_many(2).await?.forget();
            app.stop("that is all");
            Ok(())
        });
        let waiting = log.lines("still stopping").join("\n");
        assert!(waiting.contains("ticker for ") && waiting.contains("pool for "), "{waiting}");
        assert!(waiting.contains(", from ") && waiting.contains(file!()), "{waiting}");
        assert!(!waiting.contains("src/"), "the library's own file: {waiting}");
    });
}

#[test]
fn a_failed_start_up_lists_no_running_component() {
    own_process::run("logs::a_failed_start_up_lists_no_running_component", || {
        let (log, report) = logged(LONG, async |app| {
            app.on_flush("log", || {});
            app.at_exit("exit", |_| Ok(()));
            app.resource("pool", (), async |()| Ok(()));
            Err("no database".into())
        });
        assert_eq!(report.exit_code, 1);
        let lines = log.lines("lifecycle exited");
        assert!(lines.len() == 1 && lines[0].contains("undrained=\"start-up (failed)\""), "{lines:?}");
    });
}

/// Runs the rest of a test in a separate process without a subscriber, and returns its standard error.
fn unheard(
    test: &str,
    grace: Duration,
    start_up: impl AsyncFnOnce(Handle) -> Result<(), BoxError>,
) -> Option<String> {
    if own_process::is_child() {
        let lifecycle = Lifecycle::new("test").grace(grace).lame_duck(LameDuck::NONE);
        lifecycle.run_to_report(start_up).unwrap();
        return None;
    }
    let output = own_process::command(test).output().unwrap();
    Some(String::from_utf8(output.stderr).unwrap())
}

#[test]
fn warnings_and_errors_reach_standard_error_without_a_subscriber() {
    let test = "logs::warnings_and_errors_reach_standard_error_without_a_subscriber";
    let said = unheard(test, LONG, async |app| {
        let attempt = async || if app.plan().grace.is_zero() { Ok(()) } else { Err("refused") };
        let once = Retry::new(Backoff::new(Duration::from_millis(1), Duration::from_millis(1))).attempts(2);
        let _ = app.retry("broker", once, attempt).await;
        app.once("once", async |_| Err("out of order".into()));
        app.stop_token().stopping().await;
        Ok(())
    });
    if let Some(said) = said {
        for line in [
            "WARN ebbtide: attempt failed; retrying waiting_for=\"broker\" attempt=1 error=\"refused\"",
            "ERROR ebbtide: component failed component=\"once\" error=\"out of order\"",
            "ERROR ebbtide: lifecycle exited lifecycle=\"test\"",
        ] {
            assert!(said.contains(line), "{line}:\n{said}");
        }
        assert!(!said.contains("INFO"), "{said}");
    }
}

/// The opposite: with a subscriber nothing is written to standard error.
#[test]
fn with_a_subscriber_nothing_is_written_to_standard_error() {
    let test = "logs::with_a_subscriber_nothing_is_written_to_standard_error";
    if own_process::is_child() {
        let (log, _) = logged(LONG, async |_| Err("out of order".into()));
        assert_eq!(log.lines("ERROR component failed").len(), 1);
        assert_eq!(log.lines("INFO lifecycle exited").len(), 1);
        return;
    }
    let output = own_process::command(test).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("ebbtide:"), "{said}");
}

/// Waits until a line was logged.
async fn logged_line(log: &Log, with: &str) -> String {
    loop {
        if let Some(line) = log.lines(with).into_iter().next() {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_slow_start_up_is_logged_and_a_quick_one_is_not() {
    own_process::run("logs::a_slow_start_up_is_logged_and_a_quick_one_is_not", || {
        let log = Log::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone())).unwrap();
        for waits in [false, true] {
            let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
            let lifecycle = lifecycle.progress_every(Duration::from_millis(20));
            let report = lifecycle.run_to_report(async |app| {
                app.resource("first", (), async |()| Ok(()));
                if waits {
                    let line = logged_line(&log, "start-up has not finished").await;
                    assert!(line.starts_with("WARN") && line.contains("last_registered=\"first\""), "{line}");
                    while log.lines("start-up has not finished").len() < 3 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                app.stop("that is all");
                Ok(())
            });
            assert_eq!(report.unwrap().exit_code, 0);
            assert_eq!(log.lines("start-up has not finished").is_empty(), !waits);
        }
    });
}

#[test]
fn a_slow_attempt_is_logged_while_it_waits() {
    own_process::run("logs::a_slow_attempt_is_logged_while_it_waits", || {
        let log = Log::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone())).unwrap();
        let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
        let report = lifecycle.run_to_report(async |app| {
            let told = logged_line(&log, "attempt still pending");
            let never = std::future::pending::<Result<(), BoxError>>;
            tokio::select! {
                line = told => assert!(line.contains("waiting_for=\"cache\" attempt=1 waited=\"1s\""), "{line}"),
                _ = app.retry("cache", Backoff::default(), never) => panic!("no attempt can succeed"),
            }
            app.stop("that is all");
            Ok(())
        });
        assert_eq!(report.unwrap().exit_code, 0);
    });
}

#[cfg(feature = "http")]
#[test]
fn the_listening_address_and_an_address_in_use_are_logged() {
    own_process::run("logs::the_listening_address_and_an_address_in_use_are_logged", || {
        let (log, report) = logged(LONG, async |app| {
            let listener = app.bind("127.0.0.1:0").await?;
            let address = listener.local_addr();
            app.http_server("api", listener, ebbtide::http::Server::new(axum::Router::<()>::new()));
            app.health("health", app.bind("[::1]:0").await?);
            let wrong = app.bind("127.0.0.1:http?").await.unwrap_err().to_string();
            assert!(wrong.contains("cannot bind \"127.0.0.1:http?\": "), "{wrong}");
            app.bind(address.tcp().unwrap()).await?;
            Ok(())
        });
        assert_eq!(report.exit_code, 1);
        let served = log.lines("INFO listening component=\"api\" address=127.0.0.1:");
        assert_eq!(served.len(), 1, "{:?}", log.lines(""));
        assert_eq!(log.lines("INFO listening component=\"health\" address=[::1]:").len(), 1);
        let address = served[0].rsplit('=').next().unwrap();
        let taken = log.lines(&format!("cannot bind {address}: Address already in use"));
        assert!(!taken.is_empty(), "{:?}", log.lines(""));
    });
}

/// A drain that lasts for several intervals of progress, with every kind of component. A machine that is so busy that the drain takes
/// five times as long logs two lines more.
#[test]
fn a_normal_shutdown_logs_at_most_ten_lines() {
    own_process::run("logs::a_normal_shutdown_logs_at_most_ten_lines", || {
        let (log, report) = logged_every(Duration::from_millis(100), LONG, async |app| {
            app.on_flush("log", || {});
            app.resource("pool", (), async |()| Ok(()));
            app.every("ticker", LONG, async || Ok(()));
            let workers = app.workers("workers", 1, async |(), _| {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(())
            });
            workers.send(()).await?;
            app.stop("that is all");
            Ok(())
        });
        assert_eq!(report.exit_code, 0);
        let lines = log.lines("");
        let of_the_shutdown: Vec<_> = lines
            .iter()
            .skip_while(|line| !line.contains("that is all"))
            .filter(|line| !line.starts_with("DEBUG") && !line.starts_with("TRACE"))
            .collect();
        assert!((3..=10).contains(&of_the_shutdown.len()), "{of_the_shutdown:#?}");
        let mut last = of_the_shutdown.iter().skip_while(|line| !line.contains("lifecycle exited"));
        assert!(last.next().is_some() && last.all(|line| line.contains("phase=flushing")), "{lines:#?}");
    });
}
