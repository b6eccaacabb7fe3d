//! Layers for any tower service behind any server: count what is in flight, and tell handlers of the stop.
//!
//! [`InFlightLayer`] counts each request from the call to the last byte of its response. [`StopLayer`] puts a
//! [`HandlerStop`] into each request, by which a handler knows that a stop has begun and how long it has.

#[cfg(feature = "axum")]
mod extract;
mod handler_stop;
mod in_flight;
mod in_flight_request;
mod in_flight_service;
mod stop;

#[cfg(feature = "axum")]
pub use extract::NoHandlerStop;
pub use handler_stop::HandlerStop;
pub use in_flight::InFlightLayer;
pub use in_flight_request::Counted;
pub use in_flight_service::{InFlightFuture, InFlightService};
pub use stop::{StopLayer, StopService};
