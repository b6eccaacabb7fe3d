//! Clients that keep sending, and count the outcome of each request exactly.
//!
//! A request is *lost* when the handshake was done in the client's kernel, and anything but a whole answer came. What was
//! refused, or closed before anything was sent on it, is no loss: the client knows that nothing happened.

mod clients;
mod run;

pub use run::{Clients, Storm, Tally, raise_open_files};
