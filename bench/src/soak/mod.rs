//! Many stops of one service under every kind of load at once: nothing may be lost.

mod options;
mod report;
mod run;

pub use options::Options;
pub use run::run;
