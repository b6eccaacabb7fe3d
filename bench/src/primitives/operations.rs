//! Measures the cost of single operations, and the time to wake many tasks.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use ebbtide::drain::{Registry, StopSource, Tracker};
use ebbtide::layer::InFlightLayer;
use ebbtide::model::Cause;
use http::{Request, Response};
use http_body_util::Full;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_layer::Layer as _;
use tower_service::Service;

use super::Options;
use crate::measure::{median, nanos_per_operation, now};

/// The cost of one operation per thread, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) what: &'static str,
    pub(super) one_thread: f64,
    pub(super) two_threads: f64,
}

pub(super) const TRACKER_GUARD: &str = "Tracker::guard + drop";
pub(super) const TASK_TRACKER_TOKEN: &str = "TaskTracker::token + drop";
pub(super) const IS_STOPPING: &str = "Stop::is_stopping";
pub(super) const IS_CANCELLED: &str = "CancellationToken::is_cancelled";
pub(super) const PLAIN_LOAD: &str = "AtomicBool::load";
pub(super) const STOPPING_POLLED: &str = "Stop::stopping polled once";
pub(super) const CANCELLED_POLLED: &str = "CancellationToken::cancelled polled once";
pub(super) const STOP_CLONE: &str = "Stop::clone + drop";
pub(super) const CHILD_TOKEN: &str = "CancellationToken::child_token + drop";
pub(super) const BARE_REQUEST: &str = "a request to a service that answers at once";
pub(super) const COUNTED_REQUEST: &str = "the same through InFlightLayer";
pub(super) const REGISTER: &str = "Registry::register + drop";

/// Measures each operation on one thread and on two that share the object. The operations alternate within each round.
pub(super) fn measure(options: &Options) -> Vec<Cost> {
    let sides = sides();
    let mut samples = vec![(Vec::new(), Vec::new()); sides.len()];
    for _ in 0..options.rounds {
        for (side, (one, two)) in sides.iter().zip(&mut samples) {
            one.push(nanos_per_operation(1, options.operations, &*side.run));
            two.push(nanos_per_operation(2, options.operations, &*side.run));
        }
    }
    let cost = |(side, (one, two)): (Operation, (Vec<f64>, Vec<f64>))| Cost {
        what: side.what,
        one_thread: median(&one),
        two_threads: median(&two),
    };
    sides.into_iter().zip(samples).map(cost).collect()
}

pub(super) struct Operation {
    pub(super) what: &'static str,
    pub(super) run: Box<dyn Fn(u32) + Sync>,
}

fn side(what: &'static str, operation: impl Fn() + Sync + 'static) -> Operation {
    Operation { what, run: Box::new(move |times| (0..times).for_each(|_| operation())) }
}

fn sides() -> Vec<Operation> {
    let tracker = Tracker::new();
    let task_tracker = TaskTracker::new();
    let source = StopSource::with_clock(now);
    let (asked, polled, cloned) = (source.token(), source.token(), source.token());
    let registry = Registry::with_clock(now);
    let token = CancellationToken::new();
    let (polled_token, parent) = (token.clone(), token.clone());
    let plain = Arc::new(AtomicBool::new(false));
    vec![
        side(TRACKER_GUARD, move || drop(black_box(black_box(&tracker).guard()))),
        side(TASK_TRACKER_TOKEN, move || drop(black_box(black_box(&task_tracker).token()))),
        side(PLAIN_LOAD, move || {
            black_box(black_box(&plain).load(Ordering::Acquire));
        }),
        side(IS_STOPPING, move || {
            black_box(black_box(&asked).is_stopping());
        }),
        side(IS_CANCELLED, move || {
            black_box(black_box(&token).is_cancelled());
        }),
        side(STOPPING_POLLED, move || poll_once(black_box(&polled).stopping())),
        side(CANCELLED_POLLED, move || poll_once(black_box(&polled_token).cancelled())),
        side(STOP_CLONE, move || drop(black_box(black_box(&cloned).clone()))),
        side(CHILD_TOKEN, move || drop(black_box(black_box(&parent).child_token()))),
        side(REGISTER, move || drop(black_box(black_box(&registry).register("GET /orders/7")))),
        bare(BARE_REQUEST),
        counted(COUNTED_REQUEST),
    ]
}

fn poll_once(future: impl Future<Output = ()>) {
    let polled: Poll<()> = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let _pending = black_box(polled);
}

/// Sends requests to the service directly.
fn bare(what: &'static str) -> Operation {
    request_side(what, AtOnce)
}

/// Sends requests to the service behind the layer.
fn counted(what: &'static str) -> Operation {
    request_side(what, InFlightLayer::new().layer(AtOnce))
}

/// Each thread uses a clone of the service, as a connection does.
fn request_side<S, B>(what: &'static str, service: S) -> Operation
where
    S: Service<Request<()>, Response = Response<B>> + Clone + Sync + 'static,
{
    let run = move |times| {
        let mut service = service.clone();
        for _ in 0..times {
            let future = pin!(service.call(black_box(Request::new(()))));
            if let Poll::Ready(response) = future.poll(&mut Context::from_waker(Waker::noop())) {
                drop(black_box(response));
            }
        }
    };
    Operation { what, run: Box::new(run) }
}

/// Returns a short body immediately.
#[derive(Clone, Copy, Debug)]
struct AtOnce;

impl Service<Request<()>> for AtOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"pong")))))
    }
}

/// The time to wake many tasks, in milliseconds since the trigger.
#[derive(Clone, Debug)]
pub(super) struct Waking {
    pub(super) what: &'static str,
    /// Until the trigger's call returns.
    pub(super) triggered: f64,
    /// Until the last task ends.
    pub(super) last: f64,
}

pub(super) const STOP: &str = "Stop";
pub(super) const NOTIFY: &str = "Notify";

type Measured = io::Result<(f64, f64)>;
type WakingPrimitive = (&'static str, fn(u32) -> Measured);

/// Parks tasks on each side's token, on a runtime of two workers, and triggers it. The sides alternate within each round.
pub(super) fn measure_waking(options: &Options) -> io::Result<Vec<Waking>> {
    let sides: [WakingPrimitive; 4] =
        [(STOP, stop), (NOTIFY, notify), ("CancellationToken", token), ("watch", watch)];
    let mut samples = vec![(Vec::new(), Vec::new()); sides.len()];
    for _ in 0..options.wake_rounds {
        for ((_, run), (triggered, last)) in sides.iter().zip(&mut samples) {
            let (trigger, all) = run(options.wake)?;
            triggered.push(trigger);
            last.push(all);
        }
    }
    let summary = |((what, _), (triggered, last)): (WakingPrimitive, (Vec<f64>, Vec<f64>))| Waking {
        what,
        triggered: median(&triggered),
        last: median(&last),
    };
    Ok(sides.into_iter().zip(samples).map(summary).collect())
}

fn stop(tasks: u32) -> Measured {
    let source = StopSource::with_clock(now);
    let token = source.token();
    let trigger = || {
        source.stop(Cause::Signal { number: 15 }, None);
    };
    wake_all(tasks, || token.clone().stopping_owned(), trigger)
}

fn notify(tasks: u32) -> Measured {
    let notify = Arc::new(Notify::new());
    wake_all(tasks, || Arc::clone(&notify).notified_owned(), || notify.notify_waiters())
}

fn token(tasks: u32) -> Measured {
    let token = CancellationToken::new();
    wake_all(tasks, || token.clone().cancelled_owned(), || token.cancel())
}

fn watch(tasks: u32) -> Measured {
    let (sender, receiver) = watch::channel(false);
    let wait = || {
        let mut receiver = receiver.clone();
        async move {
            let _sender_is_kept = receiver.changed().await;
        }
    };
    wake_all(tasks, wait, || {
        sender.send_replace(true);
    })
}

fn wake_all<W>(tasks: u32, wait: impl Fn() -> W, trigger: impl FnOnce()) -> Measured
where
    W: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    let ended = park(&runtime, tasks, wait);
    let began = now();
    trigger();
    let triggered = began.elapsed();
    // The last task sends; an error would mean that the runtime has shut down, which it has not.
    let _sent = ended.recv();
    let last = began.elapsed();
    Ok((triggered.as_secs_f64() * 1e3, last.as_secs_f64() * 1e3))
}

/// Returns once all tasks wait. The returned channel gets a message when the last of them has ended.
fn park<W>(runtime: &Runtime, tasks: u32, wait: impl Fn() -> W) -> mpsc::Receiver<()>
where
    W: Future<Output = ()> + Send + 'static,
{
    let (send, ended) = mpsc::channel();
    let (begun, left) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(tasks)));
    for _ in 0..tasks {
        let (waiting, begun, left, send) = (wait(), Arc::clone(&begun), Arc::clone(&left), send.clone());
        let task = async move {
            begun.fetch_add(1, Ordering::Relaxed);
            waiting.await;
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _sent = send.send(());
            }
        };
        drop(runtime.spawn(task));
    }
    while begun.load(Ordering::Relaxed) < tasks {
        thread::sleep(Duration::from_millis(1));
    }
    // The last tasks have started but may not be parked yet.
    thread::sleep(Duration::from_millis(20));
    ended
}
