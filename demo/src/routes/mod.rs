//! The service's HTTP interface. The health routes are Ebbtide's.

mod error;
mod orders;
mod plain;
mod router;
mod shop;

pub(crate) use router::router;
pub(crate) use shop::Shop;
