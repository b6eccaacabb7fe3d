//! What belongs to the operating system. The only place in the crate where `unsafe` may be.

pub(crate) mod exit;
pub(crate) mod signals;
