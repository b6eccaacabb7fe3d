//! The demo as a service to rehearse: how it is started, and what it leaves behind.

mod service;
mod store;
mod vias;

pub(crate) use service::{BadDemo, DemoService, check_demo};
pub(crate) use vias::demo_database;
