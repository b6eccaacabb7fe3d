//! The service's HTTP interface.

mod error;
mod orders;
mod plain;
mod serve;

pub(crate) use serve::{Shop, serve};
