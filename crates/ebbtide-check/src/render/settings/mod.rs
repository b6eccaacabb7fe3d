//! A service's plan as settings of a platform: what the platform has to allow, and what the service has to know.

mod compose;
mod ecs;
mod kubernetes;
mod nomad;
mod stop;
mod systemd;
mod target;
mod values;

pub use target::{Target, settings};
