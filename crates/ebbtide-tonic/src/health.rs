use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ebbtide::adapter::BoxFuture;
use ebbtide::drain::Stop;
use ebbtide::health::{Health, HealthState};
use futures_core::Stream;
use tokio::sync::watch;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthRpc, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// A `grpc.health.v1` service: `SERVING` while the process is ready, `NOT_SERVING` as soon as the shutdown begins.
///
/// The empty name is the whole server. Services must be added here by name. For any other service, `Check` fails with `NOT_FOUND`
/// and `Watch` reports `SERVICE_UNKNOWN`, as the protocol requires.
///
/// A `Watch` reports `NOT_SERVING` when the shutdown begins. It ends with `UNAVAILABLE` when the servers drain, because a
/// stream that does not end by itself would delay the shutdown.
///
/// Clones share the services and their statuses.
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
    names: KnownServices,
    drain: Stop,
}

impl GrpcHealth {
    /// Creates a service that follows a health handle, and ends its watches when `drain` is stopping.
    pub fn new(health: Health, drain: Stop) -> Self {
        Self { health, names: KnownServices::new(), drain }
    }

    /// Adds a service by name. It is serving by itself until [`set_serving`](Self::set_serving) is called.
    #[must_use = "returns the health service with the name added"]
    pub fn service(self, name: &str) -> Self {
        self.names.set(name, true);
        self
    }

    /// Adds a service by its generated name ([`NamedService::NAME`]), as [`service`](Self::service) does.
    #[must_use = "returns the health service with the name added"]
    pub fn service_of<S: NamedService>(self) -> Self {
        self.service(S::NAME)
    }

    /// Sets whether a service is serving by itself, and adds it if it is missing. While the process is not ready, every
    /// service is `NOT_SERVING`, independent of this setting.
    pub fn set_serving(&self, name: &str, serving: bool) {
        self.names.set(name, serving);
    }

    /// Creates the tower service, which can be added to tonic's `Routes` or to tonic's server.
    pub fn into_server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }

    /// Returns the current status of a service.
    fn status(&self, name: &str) -> ServingStatus {
        match self.names.get(name) {
            None => ServingStatus::ServiceUnknown,
            Some(true) if self.health.state() == HealthState::Ready => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        }
    }

    /// Waits until the status of a service differs from `from`, and returns it. `None` when the servers drain.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses nothing.
    async fn changed(&self, name: &str, from: ServingStatus) -> Option<ServingStatus> {
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
                // Cannot fail: `self` owns the sender.
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
            ServingStatus::ServiceUnknown => Err(Status::not_found("unknown service")),
            status => Ok(Response::new(response(status))),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<WatchStream>, Status> {
        Ok(Response::new(WatchStream::new(self.clone(), request.into_inner().service)))
    }
}

/// The status of a service, now and at each change, until the servers drain.
#[must_use = "a stream does nothing until it is polled"]
pub struct WatchStream {
    health: GrpcHealth,
    name: String,
    told: Option<ServingStatus>,
    next: Option<BoxFuture<Option<ServingStatus>>>,
    over: bool,
}

impl WatchStream {
    fn new(health: GrpcHealth, name: String) -> Self {
        Self { health, name, told: None, next: None, over: false }
    }

    fn wait(&self, from: ServingStatus) -> BoxFuture<Option<ServingStatus>> {
        let (health, name) = (self.health.clone(), self.name.clone());
        Box::pin(async move { health.changed(&name, from).await })
    }
}

impl Stream for WatchStream {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let status = match self.told {
            None => Some(self.health.status(&self.name)),
            Some(told) => {
                let mut next = self.next.take().unwrap_or_else(|| self.wait(told));
                let polled = next.as_mut().poll(cx);
                if polled.is_pending() {
                    self.next = Some(next);
                }
                ready!(polled)
            }
        };
        match status {
            Some(status) => {
                self.told = Some(status);
                Poll::Ready(Some(Ok(response(status))))
            }
            None => {
                self.over = true;
                let status = Status::unavailable("server is shutting down");
                Poll::Ready(Some(Err(status)))
            }
        }
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream")
            .field("name", &self.name)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// The services by name, and whether each is serving by itself. Clones share them.
#[derive(Clone, Debug)]
struct KnownServices {
    known: watch::Sender<BTreeMap<String, bool>>,
}

impl KnownServices {
    /// Creates a set with the empty name, which is the whole server.
    fn new() -> Self {
        Self { known: watch::Sender::new(BTreeMap::from([(String::new(), true)])) }
    }

    fn set(&self, name: &str, serving: bool) {
        self.known.send_if_modified(|known| known.insert(name.to_owned(), serving) != Some(serving));
    }

    /// Returns whether a service is serving by itself, or `None` if the name is unknown.
    fn get(&self, name: &str) -> Option<bool> {
        self.known.borrow().get(name).copied()
    }

    fn subscribe(&self) -> watch::Receiver<BTreeMap<String, bool>> {
        self.known.subscribe()
    }
}
