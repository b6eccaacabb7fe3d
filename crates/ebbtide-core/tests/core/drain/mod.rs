//! The drain primitives.

mod clock;
mod properties;
mod registry;
mod stop;
mod tracker;
mod traits;
mod woken;
