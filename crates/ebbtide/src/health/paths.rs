/// Where the platforms' health probes ask.
pub(crate) const LIVE: &str = "/livez";
pub(crate) const READY: &str = "/readyz";
pub(crate) const STARTED: &str = "/startupz";
pub(crate) const HEALTHY: &str = "/healthz";

/// All of them.
#[cfg(feature = "axum")]
pub(super) const ALL: [&str; 4] = [LIVE, READY, STARTED, HEALTHY];

/// Tells whether a request for this path is a probe. Probes go on until the end, so they are no sign that traffic does.
#[inline]
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, LIVE | READY | STARTED | HEALTHY)
}
