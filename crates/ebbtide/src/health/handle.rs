use super::state::Follow;
use super::{Health, HealthState};
use crate::drain::Stop;
use crate::lifecycle::Handle;
use crate::model::{CheckStatus, Phase};
use crate::runtime::BoxFuture;

/// Health.
impl Handle {
    /// Returns a handle for the health routes that follows the lifecycle: red while a readiness check is, and from the instant
    /// the stop begins.
    pub fn health_handle(&self) -> Health {
        Health::following(Lived { app: self.clone(), stop: self.stop_token() })
    }
}

struct Lived {
    app: Handle,
    stop: Stop,
}

impl Follow for Lived {
    fn state(&self) -> HealthState {
        match self.app.phase() {
            _ if self.stop.is_stopping() => HealthState::Draining,
            Phase::Starting => HealthState::Starting,
            Phase::Ready if !self.app.board().is_green() => HealthState::Unready,
            Phase::Ready => HealthState::Ready,
            _ => HealthState::Draining,
        }
    }

    fn changed(&self, from: HealthState) -> BoxFuture<()> {
        let (app, stop) = (self.app.clone(), self.stop.clone());
        Box::pin(async move {
            let turned = |green| {
                let board = app.board().clone();
                async move { board.turned(green).await }
            };
            match from {
                HealthState::Starting => drop(stop.unless_stopping(app.reached(Phase::Ready)).await),
                HealthState::Unready => drop(stop.unless_stopping(turned(true)).await),
                HealthState::Ready => drop(stop.unless_stopping(turned(false)).await),
                HealthState::Draining => std::future::pending().await,
            }
        })
    }

    fn checks(&self) -> Vec<CheckStatus> {
        self.app.checks()
    }
}
