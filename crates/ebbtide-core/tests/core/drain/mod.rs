//! The drain primitives.

mod properties;
mod registry;
mod stop;
mod support;
mod tracker;
mod traits;
