//! The stop token: two levels, one cause, one deadline.

mod future;
mod source;
mod state;
mod token;
mod waitlist;

pub use future::{Cancelled, Stopping, Unless};
pub use source::StopSource;
pub use token::Stop;

#[cfg(all(test, ebbtide_loom))]
pub(super) use state::Level;
#[cfg(all(test, ebbtide_loom))]
pub(super) use waitlist::WaitList;
