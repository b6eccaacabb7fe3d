//! Measures the throughput of the consumer loop with an empty handler, compared with the same client crates without the loop, and
//! with apalis.

#[cfg(feature = "apalis")]
mod apalis;
#[cfg(feature = "peers")]
mod broker;
#[cfg(feature = "peers")]
mod messages;
mod options;
#[cfg(any(feature = "peers", test))]
mod report;
#[cfg(feature = "peers")]
mod run;
#[cfg(feature = "peers")]
mod streams;
#[cfg(feature = "peers")]
mod tables;

pub use options::{Column, Options, Side};
#[cfg(feature = "peers")]
pub use run::run;
