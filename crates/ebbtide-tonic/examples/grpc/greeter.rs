//! The code that `tonic-build` generates from a `.proto` file, without the parts that this example does not use. A service
//! includes it with `tonic::include_proto!`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status, body::Body};
use tonic_prost::ProstCodec;

#[tonic::async_trait]
pub(crate) trait Greeter: Send + Sync + 'static {
    async fn greet(&self, request: Request<String>) -> Result<Response<String>, Status>;
}

pub(crate) struct GreeterServer<T>(Arc<T>);

impl<T> GreeterServer<T> {
    pub(crate) fn new(greeter: T) -> Self {
        Self(Arc::new(greeter))
    }
}

impl<T> Clone for GreeterServer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> NamedService for GreeterServer<T> {
    const NAME: &'static str = "greeter.Greeter";
}

impl<T: Greeter> Service<http::Request<Body>> for GreeterServer<T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let greet = Greet(Arc::clone(&self.0));
        Box::pin(async move {
            if request.uri().path() == "/greeter.Greeter/Greet" {
                Ok(Grpc::new(ProstCodec::default()).unary(greet, request).await)
            } else {
                Ok(Status::unimplemented("no such method").into_http())
            }
        })
    }
}

struct Greet<T>(Arc<T>);

impl<T: Greeter> UnaryService<String> for Greet<T> {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let greeter = Arc::clone(&self.0);
        Box::pin(async move { greeter.greet(request).await })
    }
}
