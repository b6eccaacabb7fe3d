//! The thread that the clients run on.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::clients::{Common, Pace, client};
use super::context::{ClientContext, Stage};
use super::phases;
use crate::clock::{At, Clock};
use crate::record::{Phase, Traffic};
use crate::scenario::{LoadPlan, Protocol, Route, ShapePlan};
use crate::wire::Address;

/// The load of one run.
#[derive(Debug)]
pub(crate) struct LoadOrder {
    /// Shapes, limits and bound.
    pub plan: LoadPlan,
    /// Where each shape goes, in the order of the plan's shapes.
    pub addresses: Vec<Address>,
    /// The connections to hold in a phase at the signal: with which route, and where; or why none can be held.
    pub held: Result<Vec<PhaseRoute>, String>,
    /// The seed of the think times and slow times.
    pub seed: u64,
}

/// A phase to hold a connection in: along which route and where, or why it cannot be tried.
pub(crate) type PhaseRoute = (Phase, Result<(Route, Address), String>);

/// Counters that can be read while the load runs.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// Requests in flight.
    pub in_flight: AtomicU64,
    /// Requests with a complete response.
    pub answered: AtomicU64,
    /// Requests that never reached the program.
    pub refused: AtomicU64,
    /// Requests that were accepted without a complete response.
    pub lost: AtomicU64,
}

/// A running load.
#[derive(Debug)]
pub(crate) struct Load {
    stage: watch::Sender<Stage>,
    done: oneshot::Receiver<Traffic>,
    thread: JoinHandle<()>,
    gauge: Arc<Gauge>,
    routed_until: Arc<AtomicU64>,
}

/// How long requests in flight may take to end after the service has exited.
const LAST_ANSWERS: Duration = Duration::from_secs(6);

impl Load {
    /// Starts every client of `order` on a dedicated thread, so that their timers are not starved.
    ///
    /// # Errors
    ///
    /// The thread or its runtime cannot be created.
    pub(crate) fn start(order: LoadOrder, clock: Clock) -> io::Result<Self> {
        let (stage, watch) = watch::channel(Stage::Running);
        let (tell, done) = oneshot::channel();
        let gauge = Arc::<Gauge>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&gauge);
        let routed_until = Arc::new(AtomicU64::new(u64::MAX));
        let routed = Arc::clone(&routed_until);
        let thread = Builder::new().name("load".into()).spawn(move || {
            let context = Rc::new(ClientContext {
                clock,
                stage: watch,
                traffic: RefCell::default(),
                gauge: shared,
                routed_until: routed,
                request_limit: order.plan.request_limit,
                connect_limit: order.plan.connect_limit,
                bound: order.plan.bound,
                next_id: Cell::new(0),
            });
            LocalSet::new().block_on(&runtime, run(&context, order));
            // The receiver may have been dropped, for example after Ctrl-C.
            let _gone = tell.send(context.traffic.take());
        })?;
        Ok(Self { stage, done, thread, gauge, routed_until })
    }

    /// Returns the current counters.
    pub(crate) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Announces that the platform stops routing to the service at `until`: from then on no connection is opened. Open ones are used on.
    pub(crate) fn routed_until(&self, until: At) {
        self.routed_until.store(until.0, Ordering::Relaxed);
    }

    /// Announces that the signal will be sent soon.
    pub(crate) fn brace(&self) {
        self.stage.send_replace(Stage::Bracing);
    }

    /// Announces that the signal was sent.
    pub(crate) fn signalled(&self) {
        self.stage.send_replace(Stage::Signalled);
    }

    /// Stops sending, waits for the requests in flight, and returns the clients' observations. `None`: the load's
    /// thread panicked.
    pub(crate) async fn stop(mut self) -> Option<Traffic> {
        self.stage.send_replace(Stage::Stopping);
        let traffic = match timeout(LAST_ANSWERS, &mut self.done).await {
            Ok(done) => done,
            Err(_) => {
                self.stage.send_replace(Stage::Abandoned);
                self.done.await
            }
        };
        let _ended = self.thread.join();
        traffic.ok()
    }
}

async fn run(context: &Rc<ClientContext>, order: LoadOrder) {
    let mut rng = fastrand::Rng::with_seed(order.seed);
    let mut clients = JoinSet::new();
    for (shape, to) in order.plan.shapes.into_iter().zip(order.addresses) {
        let clones = match &shape {
            ShapePlan::Storm { clients, .. }
            | ShapePlan::Keepalive { clients, .. }
            | ShapePlan::Slow { clients, .. }
            | ShapePlan::Orders { clients, .. }
            | ShapePlan::Websocket { clients, .. }
            | ShapePlan::Events { clients, .. }
            | ShapePlan::Download { clients, .. }
            | ShapePlan::Upload { clients, .. }
            | ShapePlan::ClientStream { clients, .. }
            | ShapePlan::BidiStream { clients, .. }
            | ShapePlan::Tcp { clients, .. } => *clients,
            ShapePlan::Open { .. } => 1,
        };
        let pace = match &shape {
            ShapePlan::Storm { rate: Some(rate), .. } => Some(Rc::new(Pace::new(*rate))),
            _ => None,
        };
        let streams = match to.template.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 { streams } => streams.max(1),
        };
        let mut common = Common { pace, ..Common::default() };
        for number in 0..clones {
            if number.is_multiple_of(streams) {
                common.slot = Rc::default();
            }
            clients.spawn_local(client(
                Rc::clone(context),
                shape.clone(),
                to.clone(),
                rng.fork(),
                common.clone(),
            ));
        }
    }
    let held = order.held.unwrap_or_else(|why| {
        context.traffic.borrow_mut().no_phases = Some(why);
        Vec::new()
    });
    for (phase, route) in held {
        let context = Rc::clone(context);
        clients.spawn_local(async move { phases::hold(&context, phase, route).await });
    }
    while clients.join_next().await.is_some() {}
}
