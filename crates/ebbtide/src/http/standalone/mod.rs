//! The server alone, in somebody's own `main`: the lifecycle's budget and lame duck without the lifecycle.

mod builder;
mod listener;
mod run;
mod settings;

pub use builder::{Serve, ServeFuture, serve};
pub use listener::IntoListeners;
