//! The clients of each shape: when they send, on which connection, and how long they pause.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::context::{ClientContext, NextStep, PendingRequest};
use super::line::lines;
use super::upload::upload;
use super::websocket::websocket;
use crate::clock::{At, seconds};
use crate::record::{FIXED_FROM, Shape};
use crate::scenario::{Protocol, Route, SHORT_THINK, ShapePlan, Span};
use crate::wire::{Address, Connection, MessagePlan, RequestResult, RequestSpec, Silence};

/// How long a client waits after the end of a stream before it asks for the next.
const AGAIN: Span = Span { least: Duration::from_millis(20), most: Duration::from_millis(60) };

/// Runs one client of `shape`, or the open loop, until the load ends. The clients of a storm with a rate share `pace`.
pub(super) async fn client(
    context: Rc<ClientContext>,
    shape: ShapePlan,
    to: Address,
    rng: fastrand::Rng,
    common: Common,
) {
    let (kind, Common { pace, slot, first }) = (shape.shape(), common);
    match shape {
        ShapePlan::Storm { route, .. } => storm(&context, &to, &route, pace.as_deref()).await,
        ShapePlan::Keepalive { think, route, .. } => {
            let plain = RequestSpec::plain(&route);
            let spec = |_: &mut fastrand::Rng| plain.clone();
            keep_alive(&context, Shape::Keepalive, &to, &slot, think, rng, spec).await;
        }
        ShapePlan::Slow { time, route, .. } => {
            let spec = |rng: &mut fastrand::Rng| RequestSpec::slow(&route, first.draw(time, rng));
            keep_alive(&context, Shape::Slow, &to, &slot, SHORT_THINK, rng, spec).await;
        }
        ShapePlan::Open { rate, route } => open_loop(&context, &to, &slot, rate, &route).await,
        ShapePlan::Orders { think, route, .. } => orders(&context, &to, &slot, think, &route, rng).await,
        ShapePlan::Websocket { think, route, .. } => websocket(&context, &to, think, &route, rng).await,
        ShapePlan::Tcp { think, route, .. } => lines(&context, &to, think, &route, rng).await,
        ShapePlan::Upload { time, route, .. } => {
            upload(&context, &to, |rng| first.draw(time, rng), &route, rng).await;
        }
        ShapePlan::ClientStream { time, think, route, .. }
        | ShapePlan::BidiStream { time, think, route, .. } => {
            let in_turn = kind == Shape::BidiStream;
            let spec = |rng: &mut fastrand::Rng| {
                let plan = MessagePlan { time: first.draw(time, rng), pause: think.draw(rng), in_turn };
                RequestSpec::messages(&route, plan)
            };
            keep_alive(&context, kind, &to, &slot, AGAIN, rng, spec).await;
        }
        ShapePlan::Events { route, .. } => {
            let spec = |_: &mut fastrand::Rng| RequestSpec::events(&route);
            keep_alive(&context, Shape::Events, &to, &slot, AGAIN, rng, spec).await;
        }
        ShapePlan::Download { time, route, .. } => {
            let to = to.over_http1().reading_slowly();
            let spec = |rng: &mut fastrand::Rng| RequestSpec::read_slowly(&route, first.draw(time, rng));
            keep_alive(&context, Shape::Download, &to, &slot, AGAIN, rng, spec).await;
        }
    }
}

/// Runs one client whose requests last long and have a connection each. `exchange` sends one to its end; `None`: it has no outcome,
/// because of a trouble of the client's own.
pub(super) async fn exchanges(
    context: &ClientContext,
    (shape, to, label): (Shape, &Address, &str),
    mut rng: fastrand::Rng,
    mut exchange: impl AsyncFnMut(u64, &mut PendingRequest, &mut fastrand::Rng) -> Option<RequestResult>,
) {
    let mut backoff = Backoff::default();
    while context.wanted() {
        let exchange = async |id, pending: &mut PendingRequest| exchange(id, pending, &mut rng).await;
        let Some(was_reached) = exchange_once(context, (shape, to, label), exchange).await else { return };
        context.pause(backoff.after(was_reached, || AGAIN.draw(&mut rng))).await;
    }
}

/// Sends one request that its client writes itself, and records its outcome. Returns whether the service was reached; `None`: the maximum
/// number of requests is reached.
pub(super) async fn exchange_once(
    context: &ClientContext,
    (shape, to, label): (Shape, &Address, &str),
    exchange: impl AsyncFnOnce(u64, &mut PendingRequest) -> Option<RequestResult>,
) -> Option<bool> {
    let id = context.number()?;
    let mut pending = context.pending(id, shape, to, label.into());
    context.gauge.in_flight.fetch_add(1, Ordering::Relaxed);
    let ended = exchange(id, &mut pending).await;
    context.gauge.in_flight.fetch_sub(1, Ordering::Relaxed);
    let was_reached = pending.connected.is_some();
    if let Some(seen) = ended {
        context.record(&mut pending, &seen, None);
    }
    Some(was_reached)
}

/// Runs one client with a new connection for every request. Without a `pace` it never waits.
async fn storm(context: &ClientContext, to: &Address, route: &Route, pace: Option<&Pace>) {
    let (mut backoff, mut limits) = (Backoff::default(), context.limits());
    while context.wanted() {
        if let Some(pace) = pace {
            let slot = pace.next(context.clock.now());
            context.pause(slot.since(context.clock.now())).await;
            if !context.wanted() {
                return;
            }
        }
        match context.ask(&mut limits, Shape::Storm, to, None, RequestSpec::plain(route).last(), None).await {
            NextStep::Kept(connection) => context.leave(connection).await,
            NextStep::Over | NextStep::Stale => backoff.reset(),
            NextStep::Unreachable => context.pause(backoff.next()).await,
            NextStep::Bound => return,
        }
    }
}

/// Runs one client that keeps its connection: sends the request of `spec`, pauses for a time within `think`, and repeats.
async fn keep_alive(
    context: &ClientContext,
    shape: Shape,
    to: &Address,
    slot: &Slot,
    think: Span,
    mut rng: fastrand::Rng,
    mut spec: impl FnMut(&mut fastrand::Rng) -> RequestSpec,
) {
    let (mut backoff, mut limits) = (Backoff::default(), context.limits());
    let mut kept = None;
    let mut has_just_read = false;
    while context.wanted() {
        let own = kept.take().filter(|connection: &Connection| connection.shared().is_none());
        let free = slot.connection(context, to, std::mem::take(&mut has_just_read)).await.or(own);
        match context.ask(&mut limits, shape, to, free, spec(&mut rng), None).await {
            NextStep::Kept(mut connection) => {
                backoff.reset();
                let time = think.draw(&mut rng);
                has_just_read = time.is_zero();
                if connection.idle(time).await {
                    kept = Some(connection);
                } else {
                    context.left_idle(&connection);
                }
            }
            NextStep::Over => {
                backoff.reset();
                context.pause(think.draw(&mut rng)).await;
            }
            NextStep::Stale => {}
            NextStep::Unreachable => context.pause(backoff.next()).await,
            NextStep::Bound => return,
        }
    }
}

/// Runs one client that posts an order, pauses, and posts the next.
async fn orders(
    context: &ClientContext,
    to: &Address,
    slot: &Slot,
    think: Span,
    route: &Route,
    rng: fastrand::Rng,
) {
    let spec = |rng: &mut fastrand::Rng| RequestSpec::order(route, &format!("item-{}", rng.u32(..)));
    keep_alive(context, Shape::Orders, to, slot, think, rng, spec).await;
}

/// Sends `rate` requests per second, however slow the responses are, each on a free kept connection or else on a new one.
async fn open_loop(context: &Rc<ClientContext>, to: &Address, slot: &Rc<Slot>, rate: u32, route: &Route) {
    let free: Rc<RefCell<Vec<Connection>>> = Rc::default();
    let mut under_way = JoinSet::new();
    let began = context.clock.now();
    let mut arrivals = 0_u64;
    while context.wanted() {
        let due = began + seconds(arrivals as f64 / f64::from(rate.max(1)));
        // Behind the schedule, every arrival that is due is sent at once: waiting even a timer's tick for each would
        // make the load adapt to the service.
        let early = due.since(context.clock.now());
        if !early.is_zero() {
            context.pause(early).await;
            continue;
        }
        arrivals += 1;
        let (context, to, route, free) = (Rc::clone(context), to.clone(), route.clone(), Rc::clone(&free));
        let slot = Rc::clone(slot);
        under_way.spawn_local(async move {
            let mut limits = context.limits();
            loop {
                let shared = slot.connection(&context, &to, false).await;
                let kept = shared.or_else(|| free.borrow_mut().pop());
                match context
                    .ask(&mut limits, Shape::Open, &to, kept, RequestSpec::plain(&route), Some(due))
                    .await
                {
                    NextStep::Kept(connection) if connection.shared().is_none() => {
                        return free.borrow_mut().push(connection);
                    }
                    NextStep::Kept(_) => return,
                    // Nothing was sent: the arrival is still pending.
                    NextStep::Stale => {}
                    NextStep::Over | NextStep::Unreachable | NextStep::Bound => return,
                }
            }
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

/// What several clients of a shape have in common.
#[derive(Clone, Default)]
pub(super) struct Common {
    /// The rate of a storm.
    pub(super) pace: Option<Rc<Pace>>,
    /// Their connection.
    pub(super) slot: Rc<Slot>,
    /// Their first requests, of those that take long.
    pub(super) first: Rc<FirstRequests>,
}

/// The first requests of a shape whose requests take long: they are short, so that some end before the signal. Without an answer from before
/// it, nothing is known of what the route usually answers.
pub(super) struct FirstRequests(Cell<u32>);

/// How many are short.
const SHORT: u32 = FIXED_FROM + 1;
/// How long they take. They differ: a body that has the time in it shows that it varies.
const SHORT_TIME: Span = Span { least: Duration::from_millis(10), most: Duration::from_millis(150) };

impl Default for FirstRequests {
    fn default() -> Self {
        Self(Cell::new(SHORT))
    }
}

impl FirstRequests {
    /// Returns how long the next request takes: a time within `time`, or less.
    fn draw(&self, time: Span, rng: &mut fastrand::Rng) -> Duration {
        let drawn = time.draw(rng);
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        if left == 0 { drawn } else { drawn.min(SHORT_TIME.draw(rng)) }
    }
}

/// The connection that several clients share, over HTTP/2.
#[derive(Default)]
pub(super) struct Slot(tokio::sync::Mutex<Option<Connection>>);

impl Slot {
    /// Returns the shared connection, which is opened if there is none. `None`: it cannot be opened, or the protocol has none. Unless it
    /// `has_just_read`, the connection reads what has arrived first, of which a GOAWAY may be a part, and the kernel is asked whether it
    /// has ended.
    async fn connection(
        &self,
        context: &ClientContext,
        to: &Address,
        has_just_read: bool,
    ) -> Option<Connection> {
        if to.template.protocol == Protocol::Http1 {
            return None;
        }
        // Clients that were answered together also send together.
        if !has_just_read {
            tokio::task::yield_now().await;
        }
        let mut slot = self.0.lock().await;
        let is_usable = |connection: &Connection| match has_just_read {
            true => connection.may_send(),
            false => connection.still_open(),
        };
        if !slot.as_ref().is_some_and(is_usable) {
            // What fails is recorded by the request, which tries again.
            *slot =
                if context.is_routed() { context.connect(to, &Silence::default()).await.ok() } else { None };
        }
        slot.as_ref().and_then(Connection::shared)
    }
}

/// The common rate of several clients. Requests come in bursts: losses in a queue show only when the queue fills.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    next: Cell<At>,
}

/// The time between two bursts.
const BURST: Duration = Duration::from_millis(20);

impl Pace {
    /// Creates a pace of `rate` requests per second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            every: Duration::from_secs(1).checked_div(rate).unwrap_or(Duration::from_secs(1)),
            next: Cell::new(At::default()),
        }
    }

    /// Takes the next time for a request. Missed times are not made up for.
    fn next(&self, now: At) -> At {
        let slot = self.next.get().max(now);
        self.next.set(slot + self.every);
        let burst = u64::try_from(BURST.as_micros()).unwrap_or(u64::MAX);
        At(slot.0.div_ceil(burst).saturating_mul(burst))
    }
}

/// The delay before the next try while connections are refused.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Duration::from_millis(5))
    }
}

impl Backoff {
    /// Returns the next delay: longer each time, up to a limit.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = now.saturating_mul(2).min(Duration::from_millis(100));
        now
    }

    /// Returns the pause after a request: `think` if the service was reached, or else the next delay.
    pub(super) fn after(&mut self, was_reached: bool, think: impl FnOnce() -> Duration) -> Duration {
        if !was_reached {
            return self.next();
        }
        self.reset();
        think()
    }

    /// Resets to the shortest delay.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_requests_of_a_shape_that_takes_long_end_soon() {
        let (first, mut rng) = (FirstRequests::default(), fastrand::Rng::with_seed(7));
        let long = Span { least: Duration::from_secs(3), most: Duration::from_secs(5) };
        let drawn: Vec<Duration> = (0..SHORT + 2).map(|_| first.draw(long, &mut rng)).collect();
        let (short, others) = drawn.split_at(SHORT as usize);
        assert!(short.len() > FIXED_FROM as usize && short.iter().all(|time| *time <= SHORT_TIME.most));
        assert!(short.iter().any(|time| *time != short[0]), "{short:?}");
        assert!(others.iter().all(|time| *time >= long.least), "{others:?}");
        // One that is short anyway stays so.
        let brief = Span { least: Duration::from_millis(1), most: Duration::from_millis(2) };
        assert!(FirstRequests::default().draw(brief, &mut rng) <= brief.most);
    }
}
