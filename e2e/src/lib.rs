//! Runs programs as real processes and watches how they end.

mod client;
mod command;
pub mod kinds;
mod limits;
mod namespaces;
pub mod pattern;
mod process;
mod routes;
mod served;
mod sockets;
pub mod storm;
pub mod streams;

pub use client::{Answer, Client, Cut, End};
pub use command::{Rehearsed, ebbtide, rehearse};
pub use limits::raise_open_files;
pub use namespaces::{LATE_PORTS, Namespaces};
pub use process::{Ended, Process};
pub use routes::routes;
pub use served::Served;
pub use sockets::{Echoes, sockets};
