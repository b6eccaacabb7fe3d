//! One handler, served by Ebbtide and by plain axum, each in a process of its own.

mod child;
mod serve;
mod side;

pub use child::Child;
pub use serve::serve;
pub use side::Side;
