//! Clients that retry nothing, and report the outcome of each request from the bytes that were transferred.

mod crowd;
mod frames;
mod http1;
mod http2;
mod ping;
mod tally;

pub use crowd::{Crowd, Shape};
pub use frames::{Arrived, Frames, OPENING, PING_ACK, SETTINGS_ACK, frame};
pub use ping::{LAST_PING, PING, ping};
pub use tally::{Counts, Tally};
