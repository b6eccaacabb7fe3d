use axum::Router;
use ebbtide::Life;
use ebbtide::health::{Health, HealthService, HealthState};
use ebbtide::http::{CloseMode, Server};

use super::{Fault, Faults};

impl Faults {
    /// Returns a server that misbehaves at the stop, if one was asked for.
    pub(crate) fn server(&self, life: &Life, router: &Router) -> Option<Server<HealthService<Router>>> {
        let (abrupt, evergreen) = (self.on(Fault::CloseListener), self.on(Fault::NoReadinessFlip));
        if !abrupt && !evergreen {
            return None;
        }
        let health = if evergreen { Health::from_fn(|| HealthState::Ready) } else { life.health_handle() };
        let server = Server::new(health.wrap(router.clone()));
        Some(if abrupt { server.close_mode(CloseMode::Abrupt) } else { server })
    }
}
