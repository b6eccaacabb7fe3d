//! Graceful shutdown for tokio services, from the first signal handler to the exit code.
//!
//! A [`Lifecycle`] handles the stop signal, stops the components of a service in order, and exits before the platform sends
//! SIGKILL. Servers keep serving and then drain, workers finish queued jobs, consumers requeue the jobs that they cannot finish,
//! and log and trace flushers run last.
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
//! # What happens at SIGTERM
//!
//! 1. **Lame duck**: readiness fails, the hooks ([`Handle::on_stop`]) run, consumers and tickers take nothing new. Servers still
//!    serve everything that reaches them.
//! 2. **Servers** drain and close.
//! 3. **Workers**, pools and tasks finish what is queued.
//! 4. **Resources** ([`Handle::resource`]) close one at a time, in reverse order of registration.
//! 5. **Flushers** ([`Handle::on_flush`]) run last, also when the watchdog ends the process.
//!
//! All stages share one deadline, the grace period of the platform minus a margin ([`Lifecycle::grace`],
//! [`Lifecycle::margin`]). A component that exceeds its deadline is cancelled, then aborted, and the [`Report`] names it. A
//! watchdog thread, independent of the runtime, ends the process if the runtime is blocked. [`Exit`] lists the exit codes.
//!
//! # Components
//!
//! [`Handle`] registers them: [`resource`](Handle::resource), [`workers`](Handle::workers), [`tasks`](Handle::tasks),
//! [`task`](Handle::task), [`every`](Handle::every), [`check`](Handle::check), [`on_stop`](Handle::on_stop),
//! [`on_flush`](Handle::on_flush), [`temporary`](Handle::temporary); with the feature `http` also servers, and with `queue`
//! consumers.
//!
//! The parts work without a lifecycle too: the [stop token](drain::Stop), the [tracker](drain::Tracker), and with the feature
//! `http` the server.
//!
//! # Closures and errors
//!
//! The closures of components return `Result<(), BoxError>`. `?` converts any error into a [`BoxError`], including
//! `anyhow::Error`. For functions with another error type, [`Handle::with_errors`] accepts them unchanged. A closure that runs
//! repeatedly gives each call a clone of what it captures. An `async move` closure lends its captures instead, and does not
//! compile there.
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
//!     // With the error type of the function:
//!     let app = app.with_errors();
//!     app.every("again", Duration::from_secs(60), move || reap(database.clone()));
//! }
//! ```
//!
//! # Examples
//!
//! The folder `examples` of this crate, and of each integration crate, contains complete programs.
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
//! Integrations are separate crates: `ebbtide-sqlx`, `-redis`, `-rabbitmq`, `-nats`, `-sqs`, `-tonic`, `-opentelemetry` and
//! `-tracing-appender`.
//!
//! # Platforms and Rust versions
//!
//! Linux only; the crate does not compile elsewhere. The minimum Rust version is 1.95, the version that the tests run with. Only
//! a new minor version raises it, and only to a Rust version that is at least six months old.

// docs.rs shows the required feature of each item.
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
#[cfg(test)]
mod error_form;
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
