use std::fmt;
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
    source: Source,
}

#[derive(Clone)]
enum Source {
    Set(Arc<AtomicU8>),
    Asked(Arc<dyn Fn() -> HealthState + Send + Sync>),
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

    /// Makes a handle that asks for the state at each probe.
    pub fn from_fn(state: impl Fn() -> HealthState + Send + Sync + 'static) -> Self {
        Self { source: Source::Asked(Arc::new(state)) }
    }

    /// Moves to a later state. A state that lies behind is ignored, and so is any by a handle that asks.
    pub fn set(&self, state: HealthState) {
        if let Source::Set(present) = &self.source {
            present.fetch_max(state as u8, Ordering::SeqCst);
        }
    }

    /// Returns the present state.
    pub fn state(&self) -> HealthState {
        match &self.source {
            Source::Asked(state) => state(),
            Source::Set(state) => match state.load(Ordering::SeqCst) {
                0 => HealthState::Starting,
                1 => HealthState::Ready,
                _ => HealthState::Draining,
            },
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

impl Default for Source {
    fn default() -> Self {
        Self::Set(Arc::default())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set(_) => "Set",
            Self::Asked(_) => "Asked",
        })
    }
}
