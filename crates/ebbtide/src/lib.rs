//! Graceful shutdown, built in: one lifecycle from the first signal handler to the exit code.
//!
//! When a service is told to stop, nobody outside may notice: no request is dropped, no job is lost, no connection
//! lingers, the last log line arrives, and the process is gone before the platform kills it.
//!
//! ```
//! use std::time::Duration;
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("orders")
//! #       .lame_duck(ebbtide::LameDuck::NONE)
//!         .run(async |life| {
//!             let cache = life.resource("cache", String::from("warm"), |cache| async move { drop(cache); Ok(()) });
//!             life.every("reaper", Duration::from_secs(60), move || { let _ = &cache; async { Ok(()) } });
//!             let emails = life.workers("emails", 8, |to: String, _stop| async move { let _ = to; Ok(()) });
//!             emails.send("a@example.org".to_owned()).await?;
//! #           life.stop("the example is over");
//!             Ok(())
//!         })
//! }
//! ```
//!
//! Signals are handled from the first instruction, everything stops in the right order, and the exit code tells the
//! truth. The parts work one by one as well: the [stop token](drain::Stop), the [tracker](drain::Tracker), and with the
//! feature `http` the server.

pub mod call;
#[cfg(all(fuzzing, feature = "http"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "tower")]
pub mod health;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "tower")]
pub mod layer;
pub mod lifecycle;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(any(feature = "async-nats", feature = "lapin", feature = "redis", feature = "sqlx"))]
pub mod resource;
mod runtime;
#[cfg(all(test, feature = "http"))]
mod seeds;
#[cfg(any(feature = "opentelemetry", feature = "tracing-appender"))]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "ws")]
pub mod ws;

#[doc(inline)]
pub use ebbtide_core::{drain, model};

pub use drain::Stop;
pub use lifecycle::{Life, Lifecycle};
pub use model::{Cause, Exit, LameDuck, Phase, Report, Stage};
pub use runtime::{Backoff, BoxError};
