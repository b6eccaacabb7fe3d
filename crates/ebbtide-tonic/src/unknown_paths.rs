use std::task::{Context, Poll};

use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::{HeaderMap, Request, Response, StatusCode};
use tonic::codegen::{BoxFuture, Service};

/// Answers 404 to a request that is not gRPC and that no route has.
///
/// tonic answers it with the HTTP status 200 and the gRPC status `UNIMPLEMENTED`, which an HTTP probe takes for success: a server
/// without health routes would be ready for it at any path and at any time.
#[derive(Clone, Debug)]
pub(crate) struct UnknownPaths<S>(pub(crate) S);

impl<S, A, B> Service<Request<A>> for UnknownPaths<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let is_call = is_grpc(request.headers());
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            if !is_call && is_unimplemented(response.headers()) {
                *response.status_mut() = StatusCode::NOT_FOUND;
                response.headers_mut().remove(GRPC_STATUS);
                response.headers_mut().remove(CONTENT_TYPE);
            }
            Ok(response)
        })
    }
}

const GRPC_STATUS: &str = "grpc-status";

fn is_grpc(request: &HeaderMap) -> bool {
    request.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

fn is_unimplemented(response: &HeaderMap) -> bool {
    response.get(GRPC_STATUS).is_some_and(|status| status == "12")
}
