use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use super::HealthState;
use super::paths::{self, is_probe};

/// Answers a probe; `None` if the request is none, which costs a look at its path.
#[inline]
pub(super) fn answer(
    state: impl FnOnce() -> HealthState,
    method: &Method,
    path: &str,
) -> Option<Response<Full<Bytes>>> {
    let is_ours = is_probe(path) && (method == Method::GET || method == Method::HEAD);
    is_ours.then(|| answer_probe(state(), path))
}

fn answer_probe(state: HealthState, path: &str) -> Response<Full<Bytes>> {
    let good = match path {
        paths::LIVE => true,
        paths::STARTED => state > HealthState::Starting,
        _ => state == HealthState::Ready,
    };
    let word = match state {
        HealthState::Starting => "starting\n",
        HealthState::Ready => "ready\n",
        HealthState::Draining => "draining\n",
    };
    let mut response = Response::new(Full::new(Bytes::from_static(word.as_bytes())));
    *response.status_mut() = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: HealthState, path: &str) -> u16 {
        answer(|| state, &Method::GET, path).map_or(0, |response| response.status().as_u16())
    }

    #[test]
    fn liveness_stays_green_while_draining_and_readiness_does_not() {
        use HealthState::{Draining, Ready, Starting};
        let table = [Starting, Ready, Draining]
            .map(|state| ["/livez", "/readyz", "/healthz", "/startupz"].map(|path| status(state, path)));
        assert_eq!(table, [[200, 503, 503, 503], [200, 200, 200, 200], [200, 503, 503, 200]]);
    }

    #[test]
    fn only_exact_paths_and_safe_methods_are_taken() {
        assert_eq!(status(HealthState::Ready, "/livez/"), 0);
        assert_eq!(status(HealthState::Ready, "/"), 0);
        assert!(answer(|| HealthState::Ready, &Method::POST, "/livez").is_none());
        assert!(answer(|| HealthState::Ready, &Method::HEAD, "/livez").is_some());
    }
}
