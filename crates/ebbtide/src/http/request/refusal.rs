//! What is answered in place of a handler whose time is up.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `UNAVAILABLE`: the call may be made again, elsewhere.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
const STOPPING: HeaderValue = HeaderValue::from_static("the server is stopping");
/// Content types of gRPC go on with a suffix: `application/grpc+proto`.
const GRPC: &[u8] = b"application/grpc";

/// Returns 503, or what a gRPC client takes for `UNAVAILABLE`: a response that consists of its trailers.
pub(super) fn refusal(grpc: bool) -> Response<()> {
    let mut response = Response::new(());
    if grpc {
        response.headers_mut().extend(unavailable());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    } else {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Returns the trailers of a gRPC stream that ends with the status `UNAVAILABLE`.
pub(super) fn unavailable() -> HeaderMap {
    HeaderMap::from_iter([(GRPC_STATUS, UNAVAILABLE), (GRPC_MESSAGE, STOPPING)])
}

/// Tells whether a request is a gRPC call. All of them are posted, so that others are not looked at.
///
/// gRPC requires HTTP/2. Over HTTP/1 hyper sends no trailers that the response has not announced: a stream that is ended with a
/// status would pass for whole.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.version() == Version::HTTP_2 && speaks_grpc(request.headers())
}

/// Tells whether a message has the content type of gRPC; gRPC-Web, whose trailers are part of the body, has not.
pub(super) fn speaks_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().strip_prefix(GRPC).is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let with =
            |kind: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(speaks_grpc(&with(kind)), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json", ""] {
            assert!(!speaks_grpc(&with(kind)), "{kind}");
        }
        assert!(!speaks_grpc(&HeaderMap::new()));
    }
}
