//! The stop token: two levels, one cause, one deadline.

mod deadline;
mod future;
mod level;
mod shared;
mod source;
mod token;
mod unless;
mod waitlist;

pub use future::{Cancelled, Stopping};
pub use source::StopSource;
pub use token::Stop;
pub use unless::Unless;

#[cfg(all(test, ebbtide_loom))]
pub(super) use level::Level;
#[cfg(all(test, ebbtide_loom))]
pub(super) use waitlist::WaitList;
