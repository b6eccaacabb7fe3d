use ebbtide::http::IntoListeners;
use ebbtide::lifecycle::Handle;
use tonic::service::Routes;

use super::GrpcHealth;
use super::unknown_paths::UnknownPaths;

/// An extension trait of [`Handle`] that serves gRPC in a lifecycle.
pub trait TonicExt {
    /// Serves tonic services together with `grpc.health.v1`.
    ///
    /// It is [`Handle::http`] with the service of [`grpc_health`](Self::grpc_health) added, which has a status of the whole
    /// server only. For statuses of single services, add the health service manually and serve the routes with
    /// [`Handle::http`]. To merge them with other routes, such as the [health routes](Handle::health_routes) of HTTP, use
    /// `Routes::into_axum_router`.
    ///
    /// A request that is not gRPC and that no route has is answered with 404, so that an HTTP probe does not take it for readiness.
    /// tonic's own answer has the HTTP status 200.
    ///
    /// HTTP/2 is accepted with prior knowledge, which gRPC clients without TLS use, and over TLS.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Handle};
    /// use ebbtide_tonic::TonicExt as _;
    ///
    /// # async fn start(app: Handle, routes: tonic::service::Routes) -> Result<(), BoxError> {
    /// app.grpc("api", app.bind("0.0.0.0:50051").await?, routes);
    /// # Ok(()) }
    /// ```
    fn grpc(&self, name: impl Into<String>, listeners: impl IntoListeners, routes: Routes);

    /// Returns the service `grpc.health.v1` of this lifecycle. It has a status of the whole server; add the others with
    /// [`GrpcHealth::service`].
    fn grpc_health(&self) -> GrpcHealth;
}

impl TonicExt for Handle {
    fn grpc(&self, name: impl Into<String>, listeners: impl IntoListeners, routes: Routes) {
        let routes = routes.add_service(self.grpc_health().into_server()).prepare();
        self.http(name, listeners, UnknownPaths(routes));
    }

    fn grpc_health(&self) -> GrpcHealth {
        GrpcHealth::new(self.health_handle(), self.drain_token())
    }
}
