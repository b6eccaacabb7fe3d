//! Layers for any tower service behind any server: count the requests in flight, and notify handlers of the shutdown.
//!
//! [`InFlightLayer`] counts each request from the call to the last byte of its response. [`StopLayer`] adds a
//! [`HandlerStop`] to each request, which tells the handler whether the shutdown has begun and how much time is left.

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
