//! What is known of one connection.

#[expect(clippy::module_inception, reason = "the type has the folder's name")]
mod book;
mod due;
mod phase;
mod request;

pub(crate) use book::Book;
pub(crate) use due::Reason;
pub(crate) use request::{Begun, Ended};
