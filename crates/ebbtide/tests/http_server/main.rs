//! What the HTTP server promises, over real sockets, with clients that repeat nothing.

mod bodies;
mod close;
mod connections;
mod cut;
mod health;
mod keep_alive;
mod protocols;
mod storm;
mod support;
