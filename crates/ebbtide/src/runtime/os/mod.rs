//! What belongs to the operating system. The only place in the crate where `unsafe` may be.

pub(crate) mod exit;
#[cfg(feature = "http")]
pub(crate) mod inherited;
pub(crate) mod notify;
pub(crate) mod signals;
#[cfg(all(feature = "http", target_os = "linux"))]
pub(crate) mod sock_diag;
#[cfg(feature = "http")]
pub(crate) mod socket;
