//! Arrows point down only: what a layer may name of the others, checked in every path of every file.

mod check;
mod paths;
mod table;

pub(super) use check::check;
