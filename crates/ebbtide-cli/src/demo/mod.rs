//! The demo as a rehearsal sees it: how it is started, and what it leaves behind.

mod service;
mod store;

pub(crate) use service::{BadDemo, DemoService, check_demo};
