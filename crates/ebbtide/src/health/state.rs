use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{HealthLayer, HealthService};

/// What the probes are told. Cheap to clone; all clones say the same.
///
/// # Examples
///
/// ```
/// use ebbtide::health::{Health, HealthState};
///
/// let health = Health::new();
/// health.set(HealthState::Ready);
/// health.set(HealthState::Draining);
/// health.set(HealthState::Ready); // too late: a stop is never taken back
/// assert_eq!(health.state(), HealthState::Draining);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<AtomicU8>,
}

/// How far the process is. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HealthState {
    /// Starting up: not ready.
    Starting,
    /// Ready for traffic.
    Ready,
    /// The stop has begun: not ready, and still answering.
    Draining,
}

impl Health {
    /// Makes a handle that says *starting*.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves to a later state. A state that lies behind is ignored.
    pub fn set(&self, state: HealthState) {
        self.state.fetch_max(state as u8, Ordering::SeqCst);
    }

    /// Returns the present state.
    pub fn state(&self) -> HealthState {
        match self.state.load(Ordering::SeqCst) {
            0 => HealthState::Starting,
            1 => HealthState::Ready,
            _ => HealthState::Draining,
        }
    }

    /// Puts the health routes in front of a service. Only `GET` and `HEAD` of the four exact paths are taken from it.
    pub fn wrap<S>(&self, service: S) -> HealthService<S> {
        HealthService::new(self.clone(), service)
    }

    /// Returns [`wrap`](Self::wrap) as a tower layer.
    pub fn layer(&self) -> HealthLayer {
        HealthLayer::new(self.clone())
    }
}
