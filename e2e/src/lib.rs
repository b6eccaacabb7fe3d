//! Runs programs as real processes and watches how they end.

pub mod brokers;
mod client;
mod collector;
mod command;
mod ending;
mod exporters;
pub mod jobs;
pub mod kinds;
mod limits;
mod namespaces;
pub mod pattern;
mod process;
mod routes;
mod served;
pub mod services;
mod sockets;
mod stall;
pub mod storm;
pub mod streams;

pub use client::{Answer, Client, Cut, End};
pub use collector::{Collected, Collector};
pub use command::{Rehearsed, ebbtide, rehearse, rehearse_in};
pub use ending::end;
pub use exporters::Exporters;
pub use limits::raise_open_files;
pub use namespaces::{LATE_PORTS, Namespaces};
pub use process::{Ended, Process};
pub use routes::routes;
pub use served::Served;
pub use sockets::{Echoes, sockets};
pub use stall::Stall;
