use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use serde::Serialize;

use super::{Health, HealthState};
use crate::model::CheckStatus;

// The paths that the health probes of platforms request.
const LIVE: &str = "/livez";
const READY: &str = "/readyz";
const STARTED: &str = "/startupz";
const HEALTHY: &str = "/healthz";

/// All health routes.
#[cfg(feature = "axum")]
pub(super) const ALL: [&str; 4] = [LIVE, READY, STARTED, HEALTHY];

/// Returns whether a request for this path is a probe. Probes continue until the exit, so they do not count as traffic.
#[inline]
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, LIVE | READY | STARTED | HEALTHY)
}

/// Returns the response to a probe, or `None` for any other request, which costs a comparison of its path.
#[inline]
pub(super) fn answer(health: &Health, method: &Method, uri: &Uri) -> Option<Response<Bytes>> {
    let is_ours = is_probe(uri.path()) && (method == Method::GET || method == Method::HEAD);
    is_ours.then(|| answer_probe(health, uri))
}

fn answer_probe(health: &Health, uri: &Uri) -> Response<Bytes> {
    let state = health.state();
    let (good, of_readiness) = match uri.path() {
        LIVE => (true, false),
        STARTED => (state > HealthState::Starting, false),
        _ => (state == HealthState::Ready, true),
    };
    let (kind, body) = match uri.query() {
        Some(query) if of_readiness && is_verbose(query) => ("application/json", tell(health, state)),
        _ => ("text/plain; charset=utf-8", Bytes::from_static(state.word().as_bytes())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_verbose(query: &str) -> bool {
    query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose="))
}

/// The response body of `?verbose`.
#[derive(Serialize)]
struct VerboseHealth {
    state: &'static str,
    checks: Vec<CheckStatus>,
}

fn tell(health: &Health, state: HealthState) -> Bytes {
    let told = VerboseHealth { state: state.name(), checks: health.checks() };
    // Cannot fail: names, numbers and strings are valid in JSON.
    let mut json = serde_json::to_vec(&told).unwrap_or_default();
    json.push(b'\n');
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(state: HealthState, method: &Method, uri: &str) -> Option<Response<Bytes>> {
        answer(&Health::from_fn(move || state), method, &uri.parse().expect("a path"))
    }

    fn status(state: HealthState, uri: &str) -> u16 {
        ask(state, &Method::GET, uri).map_or(0, |response| response.status().as_u16())
    }

    #[test]
    fn liveness_passes_while_draining_and_readiness_fails() {
        use HealthState::{Draining, Ready, Starting, Unready};
        let table = [Starting, Unready, Ready, Draining]
            .map(|state| ["/livez", "/readyz", "/healthz", "/startupz"].map(|path| status(state, path)));
        let expected =
            [[200, 503, 503, 503], [200, 503, 503, 200], [200, 200, 200, 200], [200, 503, 503, 200]];
        assert_eq!(table, expected);
    }

    #[test]
    fn only_get_and_head_of_the_exact_paths_are_probes() {
        assert_eq!(status(HealthState::Ready, "/livez/"), 0);
        assert_eq!(status(HealthState::Ready, "/"), 0);
        assert!(ask(HealthState::Ready, &Method::POST, "/livez").is_none());
        assert!(ask(HealthState::Ready, &Method::HEAD, "/livez").is_some());
    }

    #[test]
    fn readyz_returns_json_only_with_the_verbose_parameter() {
        let kind = |uri| {
            let response = ask(HealthState::Ready, &Method::GET, uri).expect("a probe");
            response.headers()[header::CONTENT_TYPE].to_str().expect("a text").to_owned()
        };
        for uri in ["/readyz?verbose", "/healthz?a=b&verbose=1", "/readyz?verbose=&c"] {
            assert_eq!(kind(uri), "application/json", "{uri}");
        }
        for uri in
            ["/readyz", "/readyz?verbosely", "/livez?verbose", "/startupz?verbose", "/readyz?x=verbose"]
        {
            assert_eq!(kind(uri), "text/plain; charset=utf-8", "{uri}");
        }
        assert_eq!(status(HealthState::Unready, "/readyz?verbose"), 503);
    }
}
