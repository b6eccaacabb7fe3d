//! What must hold for any bytes from the wire, as functions that panic where it doesn't. The fuzz targets call them, and the
//! tests with the same seeds.

mod chunks;
mod first;
mod message;
mod proxy;
#[cfg(feature = "tls")]
mod records;
mod wire;

#[cfg(fuzzing)]
pub(crate) use chunks::chunks;
#[cfg(fuzzing)]
pub(crate) use first::first;
#[cfg(fuzzing)]
pub(crate) use message::message;
#[cfg(fuzzing)]
pub(crate) use proxy::proxy;
#[cfg(all(fuzzing, feature = "tls"))]
pub(crate) use records::records;
