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
    names: KnownServices,
    drain: Stop,
}

impl GrpcHealth {
    /// Follows a health handle, and ends its watches when `drain` is stopping.
    pub fn new(health: Health, drain: Stop) -> Self {
        Self { health, names: KnownServices::new(), drain }
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
    fn status(&self, name: &str) -> ServingStatus {
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
                let status = Status::unavailable("the server is shutting down; watch another one");
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

/// The services that are known by name, and whether each serves as far as it says itself. Clones share them.
#[derive(Clone, Debug)]
struct KnownServices {
    known: watch::Sender<BTreeMap<String, bool>>,
}

impl KnownServices {
    /// Knows the name that stands for the whole server: the empty one.
    fn new() -> Self {
        Self { known: watch::Sender::new(BTreeMap::from([(String::new(), true)])) }
    }

    fn set(&self, name: &str, serving: bool) {
        self.known.send_if_modified(|known| known.insert(name.to_owned(), serving) != Some(serving));
    }

    /// Tells whether a service serves; `None` if it is not known.
    fn get(&self, name: &str) -> Option<bool> {
        self.known.borrow().get(name).copied()
    }

    fn subscribe(&self) -> watch::Receiver<BTreeMap<String, bool>> {
        self.known.subscribe()
    }
}
