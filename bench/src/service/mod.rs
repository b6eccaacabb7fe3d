//! One handler, served by Ebbtide and by its peers, each in a separate process.

mod child;
mod servers;

pub use child::{Child, ServerArgs, Side};
pub use servers::serve;
