//! What the operating system allows this process.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows as many descriptors as may be had without privileges. Returns how many.
///
/// # Errors
///
/// When the limit cannot be set.
pub fn raise_descriptors() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
