use ebbtide::http::IntoListeners;
use ebbtide::lifecycle::Handle;
use tonic::service::Routes;

use super::GrpcHealth;

/// Serves gRPC in a lifecycle. Implemented by [`Handle`].
pub trait TonicExt {
    /// Serves tonic's services, with `grpc.health.v1` beside them.
    ///
    /// It is [`Handle::http`] with the service of [`grpc_health`](Self::grpc_health) added, which knows the whole
    /// server only. For statuses by name, add that service yourself and serve the routes with [`Handle::http`]. There
    /// `Routes::into_axum_router` merges them with other routes, such as the [health routes](Handle::health_routes) of HTTP.
    ///
    /// HTTP/2 comes with prior knowledge, as gRPC clients without TLS do it, or over TLS.
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

    /// Returns the service `grpc.health.v1` of this lifecycle. It knows the whole server; make others known to it.
    fn grpc_health(&self) -> GrpcHealth;
}

impl TonicExt for Handle {
    fn grpc(&self, name: impl Into<String>, listeners: impl IntoListeners, routes: Routes) {
        self.http(name, listeners, routes.add_service(self.grpc_health().into_server()).prepare());
    }

    fn grpc_health(&self) -> GrpcHealth {
        GrpcHealth::new(self.health_handle(), self.drain_token())
    }
}
