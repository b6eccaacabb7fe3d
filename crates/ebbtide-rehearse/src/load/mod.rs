//! The clients. Every request is sent once and watched to its end; nothing is retried.

mod clients;
mod context;
mod engine;
mod limits;
mod line;
mod phases;
mod phases_http2;
mod phases_line;
#[cfg(test)]
mod tests;
mod upload;
mod websocket;

pub(crate) use engine::{Load, LoadOrder, PhaseRoute};
