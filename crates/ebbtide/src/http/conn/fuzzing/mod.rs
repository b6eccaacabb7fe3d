//! Properties that must hold for any bytes from the wire, as functions that panic if they don't. The fuzz targets call
//! them, and tests with the same seeds.

mod message;
mod parsers;

#[cfg(fuzzing)]
pub(crate) use message::message;
#[cfg(all(fuzzing, feature = "tls"))]
pub(crate) use parsers::records;
#[cfg(fuzzing)]
pub(crate) use parsers::{chunks, first, proxy};
