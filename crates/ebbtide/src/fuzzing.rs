//! The fuzz targets' way in (`fuzz/`): not part of the interface, and not there in any other build. Each panics where something
//! does not hold that must hold for any bytes.

use crate::http::fuzzing;
#[cfg(target_os = "linux")]
use crate::runtime::os::sock_diag;

/// What an answer to a call says is said for good.
pub fn answer(data: &[u8]) {
    crate::call::fuzzing::answer(data);
}

/// A chunked body ends where it ends, in any pieces.
pub fn chunks(data: &[u8]) {
    fuzzing::chunks(data);
}

/// The protocol is known from the first byte that tells it.
pub fn first(data: &[u8]) {
    fuzzing::first(data);
}

/// It is never said that nothing follows a request when something does.
pub fn message(data: &[u8]) {
    fuzzing::message(data);
}

/// A PROXY header is whole at one length only, and what was refused stays refused.
pub fn proxy(data: &[u8]) {
    fuzzing::proxy(data);
}

/// A TLS record is whole at its last byte, in any pieces.
#[cfg(feature = "tls")]
pub fn records(data: &[u8]) {
    fuzzing::records(data);
}

/// Any answer of the kernel is read without a panic.
#[cfg(target_os = "linux")]
pub fn sock_diag(data: &[u8]) {
    sock_diag::check_any_answer(data);
}
