//! One handler, served by Ebbtide and by its peers, each in a process of its own.

mod child;
mod servers;
mod side;

pub use child::Child;
pub use servers::serve;
pub use side::{ServerArgs, Side};
