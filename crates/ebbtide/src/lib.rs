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
//!         .run(async |app| {
//!             let cache = app.resource("cache", String::from("warm"), |cache| async move { drop(cache); Ok(()) });
//!             app.every("reaper", Duration::from_secs(60), move || { let _ = &cache; async { Ok(()) } });
//!             let emails = app.workers("emails", 8, |to: String, _stop| async move { let _ = to; Ok(()) });
//!             emails.send("a@example.org".to_owned()).await?;
//! #           app.stop("the example is over");
//!             Ok(())
//!         })
//! }
//! ```
//!
//! # Closures
//!
//! The closures of components return `Result<(), BoxError>`. `?` makes a [`BoxError`] of any error, anyhow's among them, so that
//! a function with another error type needs one `?`. Where all have that type, [`Handle::with_errors`] takes them as they are. A closure
//! that is called again and again gives each call a clone of what it captures; an `async move` closure, which lends
//! what it captures, does not compile there.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! # struct Database;
//! # type Result<T> = std::result::Result<T, std::io::Error>;
//!
//! async fn reap(database: Arc<Database>) -> Result<()> {
//! #   drop(database);
//!     Ok(())
//! }
//!
//! fn register(app: &ebbtide::Handle, database: Arc<Database>) {
//!     let reaped = database.clone();
//!     app.every("reaper", Duration::from_secs(60), move || {
//!         let database = reaped.clone();
//!         async { Ok(reap(database).await?) }
//!     });
//!     // With the function's own type of errors it is one line:
//!     let app = app.with_errors();
//!     app.every("again", Duration::from_secs(60), move || reap(database.clone()));
//! }
//! ```
//!
//! # Examples
//!
//! The folder `examples` of this crate, and that of each crate for another project's client, has whole programs to copy from.
//!
//! # Parts
//!
//! Signals are handled from the first instruction, everything stops in the right order, and the exit code tells the
//! truth. The parts work one by one as well: the [stop token](drain::Stop), the [tracker](drain::Tracker), and with the
//! feature `http` the server.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | `Handle::health_routes`, the extractor `layer::HandlerStop`, axum's `ConnectInfo`; has `tower` |
//! | `axum-ws` | `ws` for axum's WebSockets |
//! | `cron` | cron expressions for tickers |
//! | `http` | `http`: a server for any tower service; has `tower` |
//! | `json` | the report and the plan as JSON, where `EBBTIDE_REPORT` and `EBBTIDE_PLAN=json` ask for them |
//! | `metrics` | metrics of the lifecycle, through the crate `metrics` |
//! | `queue` | `queue`: consumers of job queues; has `json` |
//! | `testing` | `testing`: a lifecycle inside a test, and the promises of a queue tried one by one |
//! | `tls` | TLS for listeners, through rustls; has `http` |
//! | `tokio-util` | `cancellation`: conversions from and to `CancellationToken` |
//! | `tower` | `health` and `layer`: health routes, in-flight counts and the stop for any tower service; has `json` |
//! | `tungstenite` | `ws` for tokio-tungstenite's WebSockets |
//! | `ws` | `ws`: WebSockets that close with 1001 and wait for the answer |
//!
//! Each client of another project has a crate of its own: `ebbtide-sqlx`, `-redis`, `-rabbitmq`, `-nats`, `-sqs`, `-tonic`,
//! `-opentelemetry` and `-tracing-appender`.
//!
//! # Platforms and Rust versions
//!
//! Linux only: elsewhere this does not compile. The minimum Rust version is 1.95, which is the version that the tests run with. A newer
//! one is required by a new minor version at the earliest, and not before it is six months old.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "ebbtide supports Linux only: its signal handling and its lossless close of a listener use Linux system calls"
);

#[doc(hidden)]
pub mod adapter;
pub mod call;
#[cfg(feature = "tokio-util")]
pub mod cancellation;
#[cfg(all(fuzzing, feature = "http"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "tower")]
pub mod health;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "tower")]
pub mod layer;
pub mod lifecycle;
#[cfg(feature = "queue")]
pub mod queue;
mod runtime;
#[cfg(all(test, feature = "http"))]
mod seeds;
#[cfg(feature = "testing")]
pub mod testing;
mod util;
#[cfg(feature = "ws")]
pub mod ws;

#[doc(inline)]
pub use ebbtide_core::{drain, model};

pub use drain::Stop;
pub use lifecycle::{Handle, Lifecycle};
pub use model::{Cause, Exit, LameDuck, Phase, Report, Stage};
pub use util::{Backoff, BoxError};
