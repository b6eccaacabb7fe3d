//! The chapters of the book with Rust listings. `cargo test --doc` compiles them.

#[cfg(doctest)]
#[doc = include_str!("../../src/getting-started/axum.md")]
pub mod getting_started_axum {}

#[cfg(doctest)]
#[doc = include_str!("../../src/getting-started/queue.md")]
pub mod getting_started_queue {}

#[cfg(doctest)]
#[doc = include_str!("../../src/getting-started/tonic.md")]
pub mod getting_started_tonic {}

#[cfg(doctest)]
#[doc = include_str!("../../src/testing.md")]
pub mod testing {}

#[cfg(doctest)]
#[doc = include_str!("../../src/migrating/axum-serve.md")]
pub mod migrating_axum_serve {}

#[cfg(doctest)]
#[doc = include_str!("../../src/migrating/select.md")]
pub mod migrating_select {}

#[cfg(doctest)]
#[doc = include_str!("../../src/migrating/axum-server.md")]
pub mod migrating_axum_server {}

#[cfg(doctest)]
#[doc = include_str!("../../src/migrating/tokio-graceful-shutdown.md")]
pub mod migrating_tokio_graceful_shutdown {}
