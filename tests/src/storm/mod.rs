//! Clients that keep sending, and count the outcome of each request exactly.
//!
//! A request is *lost* if the handshake was complete in the client's kernel and no complete response was received. A connection that
//! was refused, or closed before anything was sent on it, is not a loss: the client may retry safely.

mod clients;
mod run;

pub use run::{Clients, Storm, Tally, raise_open_files};
