//! Resources that are closed in order when everything that uses them has stopped: pools and clients, each behind the feature of its
//! crate's name.
//!
//! For whatever has no helper here, [`Life::resource`](crate::Life::resource) takes any closure.

#[cfg(feature = "async-nats")]
mod nats;
#[cfg(feature = "lapin")]
mod rabbit;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlx")]
mod sqlx;

#[cfg(feature = "redis")]
pub use redis::BlockingReads;
