//! The times of a lifecycle's components, and of the parts that can be used alone.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ebbtide::call::Call;
use ebbtide::drain::{Stop, StopSource};
use ebbtide::layer::HandlerStop;
use ebbtide::lifecycle::{Every, Retry};
use ebbtide::model::{Cause, Check};
use ebbtide::queue::{ConsumeOptions, Job};
use ebbtide::testing::queue::MemoryQueue;
use ebbtide::ws::Graceful;
use ebbtide::{Backoff, BoxError, Handle, LameDuck, Lifecycle};
use futures_util::StreamExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::settings::End::Closed;
use super::settings::{End, LONG, VALUES, count_panics, live, panics};
use crate::own_process;

type Register = fn(&Handle, Duration) -> Result<(), BoxError>;

/// The registrations, and the outcomes with zero, a nanosecond, and the longest time.
const COMPONENTS: [(&str, Register, [End; 3]); 16] = [
    // Its deadline has passed when its close begins: it is closed, and cancelled.
    ("within: a resource", within, [Closed(3), Closed(3), Closed(0)]),
    ("within: a hook", hook_within, [Closed(3), Closed(3), Closed(0)]),
    ("Every::rate", |app, time| every(app, Every::rate(time)), DRAINED),
    ("Every::delay", |app, time| every(app, Every::delay(time)), DRAINED),
    ("Every::jitter", |app, time| every(app, Every::delay(MILLI).jitter(time)), DRAINED),
    ("Check::every", |app, time| check(app, Check::every(time)), DRAINED),
    ("Check::timeout", |app, time| check(app, Check::every(MILLI).timeout(time)), DRAINED),
    ("Check::critical", |app, time| check(app, Check::every(MILLI).critical(time)), DRAINED),
    ("Backoff::new", |app, time| retry(app, Backoff::new(time, time).into()), DRAINED),
    ("Retry::timeout", |app, time| retry(app, Retry::new(SOON).timeout(time)), DRAINED),
    ("Call::timeout", call, DRAINED),
    ("Pool::send_within", send_within, DRAINED),
    ("ConsumeOptions::hand_back", |app, time| consume(app, LEASE, options().requeue(time)), DRAINED),
    (
        "ConsumeOptions::backoff",
        |app, time| consume(app, LEASE, options().backoff(Backoff::new(time, time))),
        DRAINED,
    ),
    ("MemoryQueue::new", |app, time| consume(app, time, options()), DRAINED),
    ("HandlerStop::of", handler_stop, DRAINED),
];

const DRAINED: [End; 3] = [Closed(0); 3];
const MILLI: Duration = Duration::from_millis(1);
const SOON: Backoff = Backoff::new(MILLI, MILLI);
const LEASE: Duration = Duration::from_secs(30);

#[test]
fn no_duration_setting_of_a_component_breaks_the_shutdown() {
    own_process::run("times::components::no_duration_setting_of_a_component_breaks_the_shutdown", || {
        count_panics();
        for (name, register, expected) in COMPONENTS {
            let ends = VALUES.map(|value| {
                let lifecycle = Lifecycle::new("times").lame_duck(LameDuck::NONE);
                live(lifecycle, async |app| register(app, value))
            });
            assert_eq!((ends, panics()), (expected, 0), "{name}");
        }
    });
}

/// Takes longer than a nanosecond, and less than the time from a cancellation to the abort.
async fn takes_a_short_time() -> Result<(), BoxError> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}

fn within(app: &Handle, time: Duration) -> Result<(), BoxError> {
    app.within(time).resource("limited", (), |()| takes_a_short_time());
    Ok(())
}

fn hook_within(app: &Handle, time: Duration) -> Result<(), BoxError> {
    app.within(time).on_stop("limited", |_| takes_a_short_time());
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn every(app: &Handle, every: Every) -> Result<(), BoxError> {
    app.every("ticker", every, || async { Ok(()) });
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn check(app: &Handle, check: Check) -> Result<(), BoxError> {
    app.check("check", check, || async { Ok::<_, BoxError>(()) });
    Ok(())
}

/// Fails once, and then waits for the given time.
#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn retry(app: &Handle, retry: Retry) -> Result<(), BoxError> {
    let retrying = app.clone();
    app.once("retries", |_| async move {
        let mut failed = false;
        let attempt = move || {
            std::future::ready(if std::mem::replace(&mut failed, true) { Ok(()) } else { Err("not yet") })
        };
        // Either it succeeds, or the shutdown begins first.
        let _ = retrying.retry("it", retry, attempt).await;
        Ok(())
    });
    Ok(())
}

/// Calls a service that answers; with a timeout of zero it does not answer in time.
fn call(app: &Handle, time: Duration) -> Result<(), BoxError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let call = Call::get(&format!("http://{}/", listener.local_addr()?))?.timeout(time);
    std::thread::Builder::new().spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    })?;
    app.on_stop("call", move |_| async move {
        match (call.send().await, time == Duration::MAX) {
            (Ok(()), _) | (Err(_), false) => Ok(()),
            (Err(error), true) => Err(error.into()),
        }
    });
    Ok(())
}

fn send_within(app: &Handle, time: Duration) -> Result<(), BoxError> {
    let pool = app.workers("pool of workers", 1, |_: u32, _| async { Ok(()) });
    app.once("sends", move |_| async move {
        // Zero may be too short.
        let _ = pool.send_within(time, 7).await;
        Ok(())
    });
    Ok(())
}

fn options() -> ConsumeOptions {
    ConsumeOptions::new(1)
}

/// One job fails at first, another one is still running at the stop signal.
#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn consume(app: &Handle, lease: Duration, options: ConsumeOptions) -> Result<(), BoxError> {
    let queue = MemoryQueue::new(lease);
    queue.push(b"fails");
    app.consume("jobs", queue, options, |job: Job, _| async move {
        if job.attempt() == 1 { Err("it fails at first".into()) } else { Ok(()) }
    });
    Ok(())
}

fn handler_stop(app: &Handle, kept: Duration) -> Result<(), BoxError> {
    let stop = HandlerStop::of(app.stop_token(), app.drain_token(), kept);
    app.on_stop("looks", move |_| async move {
        let (left, deadline) =
            (stop.time_left().ok_or("no time left")?, stop.deadline().ok_or("no deadline")?);
        let until = deadline.saturating_duration_since(now());
        // The two agree, except for the time between the two calls.
        if left.abs_diff(until) < LONG / 60 { Ok(()) } else { Err(format!("{left:?} and {until:?}").into()) }
    });
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the clock of the test")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_websocket_with_any_close_timeout_closes() {
    for time in VALUES {
        let source = StopSource::with_clock(now);
        let (ours, theirs) = tokio::io::duplex(4096);
        let server = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
        let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        let mut socket = Graceful::new(server, source.token()).answer_within(time);
        source.stop(Cause::Requested { reason: "test".into() }, None);
        let serve = async move { while socket.next().await.is_some() {} };
        let answer = async { while client.next().await.is_some_and(|message| message.is_ok()) {} };
        let both = async { tokio::join!(serve, answer) };
        tokio::time::timeout(LONG, both).await.expect("the socket closes");
    }
}

/// A custom consumer, whose shutdown has no deadline.
#[tokio::test]
async fn a_requeue_with_any_timeout_ends_when_the_queue_answers() {
    for time in VALUES {
        let (source, queue) = (StopSource::with_clock(now), MemoryQueue::new(LEASE));
        queue.push(b"held");
        let began = Arc::new(tokio::sync::Notify::new());
        let begins = Arc::clone(&began);
        // When neither the shutdown has a deadline nor the requeue a timeout, a job continues until it reacts to its token.
        let handler = move |_: Job, stop: Stop| {
            begins.notify_one();
            async move {
                stop.cancelled().await;
                Ok::<_, BoxError>(())
            }
        };
        let options = ConsumeOptions::new(1).requeue(time);
        let consumer = ebbtide::queue::Consumer::new("jobs", queue, options, handler);
        let stopping = async {
            began.notified().await;
            source.stop(Cause::Requested { reason: "test".into() }, None);
            source.cancel();
        };
        let run = async { tokio::join!(consumer.run(source.token()), stopping).0 };
        let tally = tokio::time::timeout(LONG, run).await.unwrap_or_else(|_| panic!("{time:?}"));
        assert_eq!(tally.acked, 0, "{time:?}: {tally:?}");
    }
}
