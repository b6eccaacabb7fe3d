//! Entry points of the fuzz targets (`fuzz/`): not part of the public API, and absent from all other builds. Each panics when a
//! property that must hold for any bytes is violated.

use crate::http::fuzzing;
#[cfg(target_os = "linux")]
use crate::runtime::os::sock_diag;

/// Checks that further bytes do not change the parsed response to a call.
pub fn answer(data: &[u8]) {
    crate::call::fuzzing::answer(data);
}

/// Checks that the end of a chunked body does not depend on how it is split.
pub fn chunks(data: &[u8]) {
    fuzzing::chunks(data);
}

/// Checks that the protocol is detected at the first byte that decides it.
pub fn first(data: &[u8]) {
    fuzzing::first(data);
}

/// Checks that a request with bytes after it is never reported as the last one.
pub fn message(data: &[u8]) {
    fuzzing::message(data);
}

/// Checks that a PROXY header is complete at exactly one length, and that a rejected one stays rejected.
pub fn proxy(data: &[u8]) {
    fuzzing::proxy(data);
}

/// Checks that a TLS record is complete at its last byte, however it is split.
#[cfg(feature = "tls")]
pub fn records(data: &[u8]) {
    fuzzing::records(data);
}

/// Checks that any response of the kernel is parsed without a panic.
#[cfg(target_os = "linux")]
pub fn sock_diag(data: &[u8]) {
    sock_diag::check_any_response(data);
}
