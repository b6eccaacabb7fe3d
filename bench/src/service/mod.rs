//! One handler, served by Ebbtide and by its peers, each in a process of its own.

mod args;
mod child;
#[cfg(feature = "peers")]
mod serve;
#[cfg(feature = "peers")]
mod servers;
mod side;

pub use args::ServerArgs;
pub use child::Child;
#[cfg(feature = "peers")]
pub use serve::serve;
pub use side::Side;
