//! The checks, each a function by the name it has in output.

mod container;
pub(super) mod dependencies;
pub(super) mod exit_code;
pub(super) mod lame_duck;
pub(super) mod late;
mod library;
pub(super) mod listener;
pub(super) mod liveness;
pub(super) mod process;
pub(super) mod requests;
pub(super) mod routes;
pub(super) mod signals;
pub(super) mod stores;
