//! The commands: from arguments to an exit code.

pub(crate) mod demo;
pub(crate) mod janitor;
pub(crate) mod rehearse;
