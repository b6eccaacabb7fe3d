//! Calls to the operating system. The only module of the crate that may contain `unsafe`.

pub(crate) mod exit;
#[cfg(feature = "http")]
pub(crate) mod inherited;
pub(crate) mod notify;
pub(crate) mod signals;
#[cfg(all(feature = "http", target_os = "linux"))]
pub(crate) mod sock_diag;
#[cfg(feature = "http")]
pub(crate) mod socket;
