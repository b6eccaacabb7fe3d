//! The shapes of load and their volume.

use std::time::Duration;

use super::{BadCall, Route, Schema};
use crate::record::Shape;

/// A range of durations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The shortest duration.
    pub least: Duration,
    /// The longest duration.
    pub most: Duration,
}

/// The think time of a busy client.
pub const SHORT_THINK: Span = Span { least: Duration::ZERO, most: Duration::from_millis(20) };

impl Span {
    /// Draws a duration within the span.
    pub fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let least = u64::try_from(self.least.as_micros()).unwrap_or(u64::MAX);
        let most = u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rng.u64(least..=most.max(least)))
    }
}

/// All shapes of load that run at once, and their common limits.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The enabled shapes. Default: storm, keepalive and open.
    pub shapes: Vec<ShapePlan>,
    /// How long a request may take from its first byte to the last one of its answer. Default: 20 s.
    pub request_limit: Duration,
    /// How long a handshake may take. Above the kernel's first retransmissions of a SYN (1 s and more): a server
    /// that drops SYNs while it drains its queue refuses the retransmitted ones. Default: 5 s.
    pub connect_limit: Duration,
    /// The maximum number of requests in one run. Default: 400,000.
    pub bound: u64,
    /// The numbers that were not given: they are fitted to the capacity of the service. Default: all of them.
    pub fitted: Fitted,
    /// Whether connections are held in each phase of the protocol at the signal. Default: yes.
    pub phases: bool,
    /// Whether the open loop sends POST requests if its route is to be found and answers POST. A service may lose a POST where it
    /// answers a GET: its body takes longer to arrive. Default: yes.
    pub posts: bool,
}

/// The numbers of a load that are fitted to the capacity of the service.
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
    /// Returns whether any number is fitted.
    pub fn any(self) -> bool {
        self.storm || self.keepalive || self.open
    }
}

impl LoadPlan {
    /// Returns every route, for changes.
    pub fn routes_mut(&mut self) -> impl Iterator<Item = &mut Route> {
        self.shapes.iter_mut().map(ShapePlan::route_mut)
    }

    /// Encodes the messages of all calls of gRPC by `schema`. Those without a message of their own have an empty one.
    ///
    /// # Errors
    ///
    /// There is no such method, it is of another kind than the calls of its shape, or the message does not fit its type.
    pub fn resolve(&mut self, schema: &Schema) -> Result<(), BadCall> {
        self.shapes.iter_mut().try_for_each(|plan| plan.resolve(schema))
    }

    /// Returns the route of `shape`, if the shape is enabled.
    pub fn route(&self, shape: Shape) -> Option<&Route> {
        self.shapes.iter().find(|plan| plan.shape() == shape).map(ShapePlan::route)
    }

    /// Returns roughly how many sockets the clients may hold at once.
    pub fn sockets(&self) -> u64 {
        let clients: u64 = self
            .shapes
            .iter()
            .map(|plan| match plan {
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
                | ShapePlan::Tcp { clients, .. } => u64::from(*clients),
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
        /// Requests per second of all clients together; `None`: the clients never pause.
        rate: Option<u32>,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` that keep their connection and pause between requests.
    Keepalive {
        /// How many clients.
        clients: u32,
        /// The pause between requests.
        think: Span,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` whose requests stay in flight for seconds: by `{ms}` in the path, by a body that is sent slowly (POST, PUT),
    /// or because the route is slow.
    Slow {
        /// How many clients.
        clients: u32,
        /// How long a request takes.
        time: Span,
        /// The route of their requests.
        route: Route,
    },
    /// Requests on a schedule, on kept connections where one is free.
    Open {
        /// Requests per second.
        rate: u32,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` that post orders, whose acknowledged ids are looked up in the store.
    Orders {
        /// How many clients.
        clients: u32,
        /// The pause between requests.
        think: Span,
        /// The route to which they post.
        route: Route,
    },
    /// `clients` with a WebSocket each, on which they send one message after the other and wait for its echo: a message that
    /// contains it. Over HTTP/1, also if the rest of the load is HTTP/2.
    Websocket {
        /// How many clients.
        clients: u32,
        /// The pause between an echo and the next message.
        think: Span,
        /// The route of the handshake.
        route: Route,
    },
    /// `clients` that read a stream of server-sent events each.
    Events {
        /// How many clients.
        clients: u32,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` that read a long response slowly. Over HTTP/1, also if the rest of the load is HTTP/2.
    Download {
        /// How many clients.
        clients: u32,
        /// How long they read. A response without `Content-Length` is read at 1 MiB/s.
        time: Span,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` that announce a body with `Expect: 100-continue`, and send it slowly when the server asks for it, or after one second.
    /// Over HTTP/1, also if the rest of the load is HTTP/2.
    Upload {
        /// How many clients.
        clients: u32,
        /// How long they send.
        time: Span,
        /// The route of their requests.
        route: Route,
    },
    /// `clients` with a call of gRPC each that streams messages to the service, whose response follows the last one. Over HTTP/2, also if the
    /// rest of the load is HTTP/1.
    ClientStream {
        /// How many clients.
        clients: u32,
        /// How long they send.
        time: Span,
        /// The pause between two messages; at least 10 ms.
        think: Span,
        /// The route of their calls.
        route: Route,
    },
    /// The same, where each message is answered by one before the next is sent.
    BidiStream {
        /// How many clients.
        clients: u32,
        /// How long they send.
        time: Span,
        /// The pause between two messages; at least 10 ms.
        think: Span,
        /// The route of their calls.
        route: Route,
    },
    /// `clients` that send one line after the other on a connection, and wait for the answer to each.
    Tcp {
        /// How many clients.
        clients: u32,
        /// The pause between an answer and the next line.
        think: Span,
        /// The line, as the path of the route, and where it goes.
        route: Route,
    },
}

impl ShapePlan {
    /// Returns whether its requests are HTTP.
    pub(crate) fn is_http(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }

    /// Returns whether its requests are calls of gRPC, and HTTP/2.
    pub fn is_call(&self) -> bool {
        matches!(self, Self::ClientStream { .. } | Self::BidiStream { .. }) || self.route().call.is_some()
    }

    /// Encodes the message of its calls, if it has some.
    pub(crate) fn resolve(&mut self, schema: &Schema) -> Result<(), BadCall> {
        let (shape, route) = (self.shape(), self.route_mut());
        match &mut route.call {
            Some(call) => call.resolve(schema, &route.path, shape),
            None => Ok(()),
        }
    }

    /// Returns the route of its requests.
    pub fn route(&self) -> &Route {
        match self {
            Self::Storm { route, .. }
            | Self::Keepalive { route, .. }
            | Self::Slow { route, .. }
            | Self::Open { route, .. }
            | Self::Orders { route, .. }
            | Self::Websocket { route, .. }
            | Self::Events { route, .. }
            | Self::Download { route, .. }
            | Self::Upload { route, .. }
            | Self::ClientStream { route, .. }
            | Self::BidiStream { route, .. }
            | Self::Tcp { route, .. } => route,
        }
    }

    /// Returns the route of its requests, for changes.
    pub fn route_mut(&mut self) -> &mut Route {
        match self {
            Self::Storm { route, .. }
            | Self::Keepalive { route, .. }
            | Self::Slow { route, .. }
            | Self::Open { route, .. }
            | Self::Orders { route, .. }
            | Self::Websocket { route, .. }
            | Self::Events { route, .. }
            | Self::Download { route, .. }
            | Self::Upload { route, .. }
            | Self::ClientStream { route, .. }
            | Self::BidiStream { route, .. }
            | Self::Tcp { route, .. } => route,
        }
    }

    /// Returns the shape.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Storm { .. } => Shape::Storm,
            Self::Keepalive { .. } => Shape::Keepalive,
            Self::Slow { .. } => Shape::Slow,
            Self::Open { .. } => Shape::Open,
            Self::Orders { .. } => Shape::Orders,
            Self::Websocket { .. } => Shape::Websocket,
            Self::Events { .. } => Shape::Events,
            Self::Download { .. } => Shape::Download,
            Self::Upload { .. } => Shape::Upload,
            Self::ClientStream { .. } => Shape::ClientStream,
            Self::BidiStream { .. } => Shape::BidiStream,
            Self::Tcp { .. } => Shape::Tcp,
        }
    }
}
