//! What a stop costs: requests that are lost, the time to the exit, and the memory of idle connections.

mod column;
mod exits;
mod losses;
mod options;
mod report;
mod run;

pub use column::Column;
pub use losses::{Stop, stop_under_load};
pub use options::Options;
pub use run::run;
