//! Checks that each layer of a crate names only lower layers, in every path of every file.

mod check;
mod paths;
mod table;

pub(super) use check::check;
