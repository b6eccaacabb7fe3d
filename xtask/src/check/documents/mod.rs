//! What documents say about the repository has to be true of it.

mod check;
mod commands;
mod invariants;
mod places;

pub(super) use check::check;
