//! One handler, served by Ebbtide and by its peers, each in a process of its own.

mod args;
mod child;
mod serve;
mod servers;
mod side;

pub use args::ServerArgs;
pub use child::Child;
pub use serve::serve;
pub use side::Side;
