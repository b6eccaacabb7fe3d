//! The listings of the documents that are not Rust: configuration and shell commands that readers copy.

mod check;
mod kind;
mod listing;
mod tools;

pub(super) use check::check;
