//! The section `[rehearse]` of `ebbtide.toml`: options of the command, each a key with the name of its long option.

mod keys;
mod merge;
mod read;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

pub(super) use keys::{COMMAND, Kind, keys, options};
pub(super) use merge::with_settings;
