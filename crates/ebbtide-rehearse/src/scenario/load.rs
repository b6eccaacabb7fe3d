//! How much load of which shape.

use std::time::Duration;

use super::Route;
use crate::record::Shape;

/// A time between two bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The least.
    pub least: Duration,
    /// The most.
    pub most: Duration,
}

/// The think time of a busy client.
pub const SHORT_THINK: Span = Span { least: Duration::ZERO, most: Duration::from_millis(20) };

impl Span {
    /// A time within the span.
    pub fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let least = u64::try_from(self.least.as_micros()).unwrap_or(u64::MAX);
        let most = u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rng.u64(least..=most.max(least)))
    }
}

/// All shapes of load that run at once, and their common limits.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The shapes that are on.
    pub shapes: Vec<ShapePlan>,
    /// How long a request may take from its first byte to the last one of its answer.
    pub request_limit: Duration,
    /// How long a handshake may take. Above the kernel's first retransmissions of a SYN (1 s and more): a server
    /// that drops SYNs while it drains its queue refuses the retransmitted ones.
    pub connect_limit: Duration,
    /// No more requests than this in one run.
    pub bound: u64,
    /// Which of the numbers nobody chose: they are fitted to what the service can carry.
    pub fitted: Fitted,
    /// Whether connections are held in each phase of the protocol at the signal.
    pub phases: bool,
}

/// The numbers of a load that are fitted to what the service can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fitted {
    /// The storm's clients, and its rate.
    pub storm: bool,
    /// The clients that keep their connection, and how long they think.
    pub keepalive: bool,
    /// The rate of the open loop.
    pub open: bool,
}

impl Fitted {
    /// Whether any is.
    pub fn any(self) -> bool {
        self.storm || self.keepalive || self.open
    }
}

impl LoadPlan {
    /// Every route, to be settled.
    pub fn routes_mut(&mut self) -> impl Iterator<Item = &mut Route> {
        self.shapes.iter_mut().map(|plan| match plan {
            ShapePlan::Storm { route, .. }
            | ShapePlan::Keepalive { route, .. }
            | ShapePlan::Slow { route, .. }
            | ShapePlan::Open { route, .. }
            | ShapePlan::Orders { route, .. } => route,
        })
    }

    /// The route of `shape`, if it is on.
    pub fn route(&self, shape: Shape) -> Option<&Route> {
        self.shapes.iter().find(|plan| plan.shape() == shape).map(|plan| match plan {
            ShapePlan::Storm { route, .. }
            | ShapePlan::Keepalive { route, .. }
            | ShapePlan::Slow { route, .. }
            | ShapePlan::Open { route, .. }
            | ShapePlan::Orders { route, .. } => route,
        })
    }

    /// How many sockets the clients may hold at once, roughly.
    pub fn sockets(&self) -> u64 {
        let clients: u64 = self
            .shapes
            .iter()
            .map(|plan| match plan {
                ShapePlan::Storm { clients, .. }
                | ShapePlan::Keepalive { clients, .. }
                | ShapePlan::Slow { clients, .. }
                | ShapePlan::Orders { clients, .. } => u64::from(*clients),
                ShapePlan::Open { rate, .. } => u64::from(*rate),
            })
            .sum();
        clients + 32
    }
}

/// One shape of load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShapePlan {
    /// `clients` that open a connection per request: as fast as they can, or at a common rate.
    Storm {
        /// How many clients.
        clients: u32,
        /// Requests a second of all of them together; `None`: they never wait in between.
        rate: Option<u32>,
        /// What they ask for.
        route: Route,
    },
    /// `clients` that keep their connection and think between requests.
    Keepalive {
        /// How many clients.
        clients: u32,
        /// How long they think.
        think: Span,
        /// What they ask for.
        route: Route,
    },
    /// `clients` whose requests stay in flight for seconds: by `{ms}` in the path, by a body that trickles (POST),
    /// or because the route is slow by itself.
    Slow {
        /// How many clients.
        clients: u32,
        /// How long a request takes.
        time: Span,
        /// What they ask for.
        route: Route,
    },
    /// Requests on a schedule, on kept connections where one is free.
    Open {
        /// Requests a second.
        rate: u32,
        /// What they ask for.
        route: Route,
    },
    /// `clients` that post orders, whose acknowledged ids are looked up in the store.
    Orders {
        /// How many clients.
        clients: u32,
        /// How long they think.
        think: Span,
        /// Where they post them.
        route: Route,
    },
}

impl ShapePlan {
    /// Which shape it is.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Storm { .. } => Shape::Storm,
            Self::Keepalive { .. } => Shape::Keepalive,
            Self::Slow { .. } => Shape::Slow,
            Self::Open { .. } => Shape::Open,
            Self::Orders { .. } => Shape::Orders,
        }
    }
}
