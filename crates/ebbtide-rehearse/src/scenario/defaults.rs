//! The scenario without any option: that of the command `ebbtide rehearse`.

use std::time::Duration;

use super::{
    Expected, Fitted, LoadPlan, Program, Ready, RequestTemplate, Route, SHORT_THINK, Scenario, ShapePlan,
    Span, StopAt, StopPlan, StopSignal,
};
use crate::record::{Ended, Shape};

/// The maximum number of clients that open a connection for each request.
const STORM: u32 = 64;
/// The maximum number of clients that keep their connection.
const KEEPALIVE: u32 = 200;
/// The maximum rate of the open loop.
const OPEN: u32 = 100;
/// The number of clients with a slow request.
const SLOW: u32 = 8;
/// The number of clients that post orders.
const ORDERS: u32 = 4;
/// The number of clients with a WebSocket, a stream of events, a download, an upload, calls that stream, or lines.
const HELD: u32 = 8;
/// How long a slow request takes.
const SLOW_TIME: Span = Span { least: Duration::from_secs(3), most: Duration::from_secs(5) };

impl Scenario {
    /// Creates a scenario with the command's defaults: one run with a load of half the service's measured capacity, on the first
    /// common path that it answers; SIGTERM, and 30 s until SIGKILL.
    pub fn new(program: Program, ready: Ready) -> Self {
        Self {
            program,
            env: Vec::new(),
            folder: None,
            pid_one: false,
            ready,
            ready_limit: Duration::from_secs(30),
            liveness: None,
            require_readiness: false,
            allow_status: Vec::new(),
            expect_status: Vec::new(),
            strict: false,
            template: RequestTemplate::default(),
            load: LoadPlan::default(),
            stop: StopPlan::default(),
            via: Vec::new(),
            database: None,
            report: None,
            repeat: 1,
            until_failure: false,
            janitor: None,
            seed: u64::from(fastrand::u32(..)),
        }
    }
}

impl Default for LoadPlan {
    fn default() -> Self {
        let shapes = [Shape::Storm, Shape::Keepalive, Shape::Open];
        Self {
            shapes: shapes
                .into_iter()
                .filter_map(|shape| ShapePlan::of(shape, Route::to_be_found()))
                .collect(),
            request_limit: Duration::from_secs(20),
            connect_limit: Duration::from_secs(5),
            bound: 400_000,
            fitted: Fitted { storm: true, keepalive: true, open: true },
            phases: true,
            posts: true,
        }
    }
}

impl ShapePlan {
    /// Creates a plan of `shape` with the default number of clients. `None`: the shape has no route of its own.
    pub fn of(shape: Shape, route: Route) -> Option<Self> {
        Some(match shape {
            Shape::Storm => Self::Storm { clients: STORM, rate: None, route },
            Shape::Keepalive => Self::Keepalive { clients: KEEPALIVE, think: SHORT_THINK, route },
            Shape::Slow => Self::Slow { clients: SLOW, time: SLOW_TIME, route },
            Shape::Open => Self::Open { rate: OPEN, route },
            Shape::Orders => Self::Orders { clients: ORDERS, think: SHORT_THINK, route },
            Shape::Websocket => Self::Websocket { clients: HELD, think: SHORT_THINK, route },
            Shape::Events => Self::Events { clients: HELD, route },
            Shape::Download => Self::Download { clients: HELD, time: SLOW_TIME, route },
            Shape::Upload => Self::Upload { clients: HELD, time: SLOW_TIME, route },
            Shape::ClientStream => {
                Self::ClientStream { clients: HELD, time: SLOW_TIME, think: SHORT_THINK, route }
            }
            Shape::BidiStream => {
                Self::BidiStream { clients: HELD, time: SLOW_TIME, think: SHORT_THINK, route }
            }
            Shape::Tcp => Self::Tcp { clients: HELD, think: SHORT_THINK, route },
            Shape::Phases => return None,
        })
    }
}

impl Default for StopPlan {
    fn default() -> Self {
        Self {
            signal: StopSignal::TERM,
            grace: Duration::from_secs(30),
            expected: vec![Expected(Ended::Code(0))],
            warmup: Duration::from_secs(1),
            window: Duration::from_millis(500),
            at: StopAt::Load,
            pre_stop: None,
            min_lame_duck: Duration::ZERO,
            then: None,
            to_all: false,
            grace_after_pre_stop: false,
            in_container: false,
        }
    }
}
