//! What is known of one connection.

#[expect(clippy::module_inception, reason = "the type has the folder's name")]
mod book;
mod due;
mod fates;
mod phase;
mod request;
mod reset;
mod streams;

pub(crate) use book::Book;
pub(crate) use due::{Reason, Terms};
pub(crate) use fates::EndedBy;
pub(crate) use request::{Begun, Ended};
