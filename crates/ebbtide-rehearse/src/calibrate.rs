//! Measures the capacity of the service. The load is a fraction of it: a failure by overload is not caused by the shutdown.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::scenario::{LoadPlan, Route, ShapePlan, Span};
use super::wire::{Address, Connection, Exchange, RequestSpec, Silence};
use crate::clock::{Clock, seconds};

/// The capacity of the service.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Capacity {
    /// Requests per second, each on a new connection.
    pub(super) rate: f64,
    /// The number of open connections that it serves at once; `None`: at least as many as were tried.
    pub(super) connections: Option<u32>,
}

/// How long the rate is measured.
const MEASURED: Duration = Duration::from_millis(150);
/// The number of clients that measure the rate.
const CLIENTS: usize = 8;
/// The share of the capacity that the load uses.
const SHARE: f64 = 0.5;
/// The timeout of a request beside idle connections: a slower one waits for one of them to close.
const PATIENCE: Duration = Duration::from_secs(2);
/// After this time the connections are not counted any further, if there are enough.
const RAMP: Duration = Duration::from_millis(300);
/// Enough connections for the phases of the protocol and the few clients that a slow service gets.
const ENOUGH: usize = 24;

/// Measures the capacity of `route`: connections at once, up to `most`, and the rate.
pub(super) async fn calibrate(to: &Address, route: &Route, most: u32, clock: Clock) -> Capacity {
    let connections = connections(to, route, most, clock).await;
    Capacity { rate: rate(to, route, connections, clock).await, connections }
}

/// Opens idle connections until a new one gets no response; returns how many were open then.
pub(super) async fn connections(to: &Address, route: &Route, most: u32, clock: Clock) -> Option<u32> {
    let mut open = Vec::new();
    let mut next = 1;
    let began = clock.now();
    while open.len() < most as usize {
        match timeout(PATIENCE, one(to, route, false, clock)).await {
            Ok(Some(connection)) => open.extend(connection),
            // The request failed for another reason, which the load will show.
            Ok(None) => return None,
            Err(_) => return u32::try_from(open.len()).ok().filter(|count| *count > 0),
        }
        // A slow service gets few clients: more connections need not be counted.
        if open.len() >= ENOUGH && clock.now().since(began) > RAMP {
            return None;
        }
        // The service closes each connection.
        if next > 2 && open.is_empty() {
            return None;
        }
        next += 1;
    }
    None
}

/// Makes one exchange on a new connection. `None`: no response. Returns the connection if the service keeps it.
async fn one(to: &Address, route: &Route, last: bool, clock: Clock) -> Option<Option<Connection>> {
    let mut connection = Connection::open(to, clock.now(), &Silence::default()).await.ok()?;
    let spec = RequestSpec::plain(route);
    let spec = if last { spec.last() } else { spec };
    let request = spec.request(to, None).ok()?;
    let Exchange::Ended(seen) = connection.exchange(request, false).await else { return None };
    seen.answer?;
    if last {
        connection.let_peer_close().await;
        return Some(None);
    }
    Some(connection.kept().await.then_some(connection))
}

/// Returns the requests per second that a few clients get answered, each on a new connection.
async fn rate(to: &Address, route: &Route, connections: Option<u32>, clock: Clock) -> f64 {
    let clients = connections.map_or(CLIENTS, |most| CLIENTS.min(most.max(1) as usize));
    let began = clock.now();
    let mut answered = 0_u32;
    let mut under_way = JoinSet::new();
    let ask = |under_way: &mut JoinSet<bool>| {
        let (to, route) = (to.clone(), route.clone());
        under_way.spawn(async move { timeout(PATIENCE, one(&to, &route, true, clock)).await.is_ok() });
    };
    (0..clients).for_each(|_| ask(&mut under_way));
    while let Some(done) = under_way.join_next().await {
        answered += u32::from(done.unwrap_or(false));
        if clock.now().since(began) < MEASURED {
            ask(&mut under_way);
        }
    }
    // Sockets of the last round are closed before the load begins.
    sleep(Duration::from_millis(5)).await;
    f64::from(answered) / clock.now().since(began).as_secs_f64().max(0.001)
}

/// Fits the numbers that were not given to `capacity`.
pub(super) fn fit(plan: &mut LoadPlan, capacity: Capacity) {
    let fitted = plan.fitted;
    let budget = capacity.rate * SHARE;
    // Connections that stay open count against the number that the service serves at once.
    let room = capacity.connections.map_or(u32::MAX, |most| most / 2);
    plan.shapes.retain_mut(|shape| match shape {
        ShapePlan::Storm { clients, rate, .. } if fitted.storm => {
            *clients = number(capacity.rate / 20.0).clamp(2, *clients).min(room.max(1));
            *rate = Some(number(budget * 0.5).max(1));
            true
        }
        ShapePlan::Keepalive { clients, think, .. } if fitted.keepalive => {
            *clients = number(capacity.rate / 25.0).clamp(2, *clients).min(room);
            let wanted = seconds(f64::from(*clients) / (budget * 0.4).max(1.0));
            // Half a second at most: a connection has to be in use when the signal comes.
            let most = think.most.max(wanted.saturating_mul(2).min(Duration::from_secs(1)));
            *think = Span { least: think.least, most };
            *clients > 0
        }
        ShapePlan::Open { rate, .. } if fitted.open => {
            *rate = number(budget * 0.1).clamp(1, *rate);
            room > 1
        }
        _ => true,
    });
}

fn number(count: f64) -> u32 {
    // Saturates; 0 for NaN.
    count as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Fitted, SHORT_THINK};

    fn fitted(rate: f64, connections: Option<u32>) -> Vec<ShapePlan> {
        let route = Route::get("/");
        let mut plan = LoadPlan {
            shapes: vec![
                ShapePlan::Storm { clients: 64, rate: None, route: route.clone() },
                ShapePlan::Keepalive { clients: 200, think: SHORT_THINK, route: route.clone() },
                ShapePlan::Open { rate: 100, route },
            ],
            request_limit: Duration::from_secs(1),
            connect_limit: Duration::from_secs(1),
            bound: 1,
            fitted: Fitted { storm: true, keepalive: true, open: true },
            phases: true,
            posts: false,
        };
        fit(&mut plan, Capacity { rate, connections });
        plan.shapes
    }

    /// Requests a second that a load asks for, if each is answered at once.
    fn asked(shapes: &[ShapePlan]) -> f64 {
        let rates = shapes.iter().map(|shape| match shape {
            ShapePlan::Storm { rate, .. } => f64::from(rate.unwrap()),
            ShapePlan::Keepalive { clients, think, .. } => {
                f64::from(*clients) / ((think.least + think.most) / 2).as_secs_f64()
            }
            ShapePlan::Open { rate, .. } => f64::from(*rate),
            _ => 0.0,
        });
        rates.sum()
    }

    #[test]
    fn the_load_is_a_fraction_of_the_services_capacity() {
        for rate in [20.0, 100.0, 1000.0, 8000.0] {
            let asked = asked(&fitted(rate, None));
            assert!(asked <= rate * 0.6 + 3.0, "{asked} of {rate}");
        }
    }

    #[test]
    fn a_service_with_one_connection_at_a_time_gets_one_client() {
        let shapes = fitted(100.0, Some(1));
        assert!(matches!(shapes[..], [ShapePlan::Storm { clients: 1, .. }]), "{shapes:?}");
    }
}
