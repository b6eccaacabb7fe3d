//! The server alone, in a program with a custom `main`: the lifecycle's budget and lame duck without the lifecycle.

mod run;
mod serve;

pub use serve::{Serve, ServeFuture, serve};
