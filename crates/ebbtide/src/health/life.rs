use super::state::Follow;
use super::{Health, HealthState};
use crate::drain::Stop;
use crate::lifecycle::Life;
use crate::model::Phase;
use crate::runtime::BoxFuture;

/// Health.
impl Life {
    /// Returns a handle for the health routes that follows the lifecycle: red from the instant the stop begins.
    pub fn health_handle(&self) -> Health {
        Health::following(Lived { life: self.clone(), stop: self.stop_token() })
    }
}

struct Lived {
    life: Life,
    stop: Stop,
}

impl Follow for Lived {
    fn state(&self) -> HealthState {
        match self.life.phase() {
            _ if self.stop.is_stopping() => HealthState::Draining,
            Phase::Starting => HealthState::Starting,
            Phase::Ready => HealthState::Ready,
            _ => HealthState::Draining,
        }
    }

    fn changed(&self, from: HealthState) -> BoxFuture<()> {
        let (life, stop) = (self.life.clone(), self.stop.clone());
        Box::pin(async move {
            match from {
                HealthState::Starting => drop(stop.unless_stopping(life.reached(Phase::Ready)).await),
                HealthState::Ready => stop.stopping().await,
                HealthState::Draining => std::future::pending().await,
            }
        })
    }
}
