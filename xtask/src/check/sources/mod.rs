//! What lints cannot say about source files.

mod attributes;
mod check;
mod declarations;
mod length;

pub(super) use check::check;
