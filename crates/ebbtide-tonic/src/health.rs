use ebbtide::drain::Stop;
use ebbtide::health::{Health, HealthState};
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthRpc, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::WatchStream;
use super::names::Names;

/// Answers `grpc.health.v1`: `SERVING` while the service is ready, `NOT_SERVING` from the instant the stop begins.
///
/// The empty name stands for the whole server; services are known by the names that they are given here. A service that
/// is not known is `NOT_FOUND` to `Check` and `SERVICE_UNKNOWN` to `Watch`, as the protocol demands.
///
/// A `Watch` is told of the stop, and ends when the servers drain, with `UNAVAILABLE`: it has no end of its own, and shall
/// hold no stop.
///
/// Clones are the same service.
///
/// # Examples
///
/// ```
/// use ebbtide_tonic::TonicExt as _;
///
/// # fn routes(app: &ebbtide::Handle) -> tonic::service::Routes {
/// let health = app.grpc_health().service("orders.v1.Orders");
/// health.set_serving("orders.v1.Orders", false); // until its cache is warm
/// let routes = tonic::service::Routes::new(health.clone().into_server());
/// # routes }
/// ```
#[derive(Clone, Debug)]
pub struct GrpcHealth {
    health: Health,
    names: Names,
    drain: Stop,
}

impl GrpcHealth {
    /// Follows a health handle, and ends its watches when `drain` is stopping.
    pub fn new(health: Health, drain: Stop) -> Self {
        Self { health, names: Names::new(), drain }
    }

    /// Makes a service known by its name.
    #[must_use = "it returns the same service"]
    pub fn service(self, name: &str) -> Self {
        self.names.set(name, true);
        self
    }

    /// Makes a service known by the name that was generated for it.
    #[must_use = "it returns the same service"]
    pub fn service_of<S: NamedService>(self) -> Self {
        self.service(S::NAME)
    }

    /// Says whether a service serves by itself; a service that was not known is from now on. While the process starts or
    /// stops, none serves whatever is said here.
    pub fn set_serving(&self, name: &str, serving: bool) {
        self.names.set(name, serving);
    }

    /// Makes the tower service, to be added to tonic's `Routes` or to its own server.
    pub fn into_server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }

    /// Returns the present status of a service.
    pub(super) fn status(&self, name: &str) -> ServingStatus {
        match self.names.get(name) {
            None => ServingStatus::ServiceUnknown,
            Some(true) if self.health.state() == HealthState::Ready => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        }
    }

    /// Waits until the status of a service is another one than `from`; `None` when the servers drain.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn changed(&self, name: &str, from: ServingStatus) -> Option<ServingStatus> {
        let mut names = self.names.subscribe();
        loop {
            let state = self.health.state();
            let status = self.status(name);
            if status != from {
                return Some(status);
            }
            if self.drain.is_stopping() {
                return None;
            }
            tokio::select! {
                // It cannot fail: the sender is ours.
                _ = names.changed() => {}
                _ = self.health.changed(state) => {}
                () = self.drain.stopping() => {}
            }
        }
    }
}

#[tonic::async_trait]
impl HealthRpc for GrpcHealth {
    type WatchStream = WatchStream;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.status(&request.get_ref().service) {
            ServingStatus::ServiceUnknown => Err(Status::not_found("this service is not known here")),
            status => Ok(Response::new(response(status))),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<WatchStream>, Status> {
        Ok(Response::new(WatchStream::new(self.clone(), request.into_inner().service)))
    }
}

pub(super) fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
