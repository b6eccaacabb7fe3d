//! What lints cannot say about source files.

mod attributes;
mod check;
mod declarations;
mod length;
mod unheard;

pub(super) use check::check;
