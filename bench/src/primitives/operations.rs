use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ebbtide::drain::{Gate, Registry, StopSource, Tracker};
use ebbtide::layer::InFlightLayer;
use http::{Request, Response};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_layer::Layer as _;
use tower_service::Service;

use super::Options;
use crate::measure::{median, nanos_per_operation, now};

/// What one operation costs its thread, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) what: &'static str,
    pub(super) one_thread: f64,
    pub(super) two_threads: f64,
}

pub(super) const TRACKER_GUARD: &str = "Tracker::guard + drop";
pub(super) const GATE_ENTER: &str = "Gate::enter + drop";
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

/// Measures each operation on one thread and on two that share the object. All take their turn in each round.
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
    let gate = Gate::new();
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
        side(GATE_ENTER, move || drop(black_box(black_box(&gate).enter()))),
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

/// Sends requests to the service itself.
fn bare(what: &'static str) -> Operation {
    request_side(what, AtOnce)
}

/// Sends requests to the service behind the layer.
fn counted(what: &'static str) -> Operation {
    request_side(what, InFlightLayer::new().layer(AtOnce))
}

/// Each thread has a clone of the service, as a connection has.
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

/// Answers at once with a short body.
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
