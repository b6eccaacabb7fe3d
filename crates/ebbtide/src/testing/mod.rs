//! Test support: a lifecycle inside a test, and a conformance suite for queues.
//!
//! [`Trial`] runs a lifecycle inside a test. It handles no signals, does not end the process, and uses the clock of the test: a
//! shutdown of half a minute takes no time while that clock is paused. Any number of trials can run in one process,
//! concurrently too.
//!
//! ```
//! use std::time::Duration;
//!
//! use ebbtide::testing::{self, Trial};
//! use ebbtide::{BoxError, Handle};
//!
//! // What the program hands to `Lifecycle::run`.
//! async fn start(app: Handle) -> Result<(), BoxError> {
//!     let emails = app.workers("emails", 1, |_to: &str, _stop| async {
//!         tokio::time::sleep(Duration::from_secs(1)).await;
//!         Ok(())
//!     });
//!     emails.send("a@example.org").await?;
//!     emails.send("b@example.org").await?;
//!     Ok(())
//! }
//!
//! // In a test: #[tokio::test(start_paused = true)]
//! #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn main() {
//!     let service = Trial::start(testing::lifecycle("orders"), start);
//!     service.ready().await;
//!     let report = service.stop().await;
//!     assert_eq!(report.exit_code, 0, "{report:?}");
//!     assert_eq!(report.component("emails").map(|emails| emails.finished), Some(2));
//! }
//! ```

#[cfg(feature = "queue")]
pub mod queue;
mod trial;

pub use trial::{Trial, lifecycle, lifecycle_on};
