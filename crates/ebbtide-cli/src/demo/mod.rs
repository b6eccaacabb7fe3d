//! The demo as a rehearsal sees it: how it is started, and what it leaves behind.

mod program;
mod service;
mod store;

pub(crate) use program::{BadDemo, check_demo};
pub(crate) use service::DemoService;
