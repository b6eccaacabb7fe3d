//! An HTTP/1 and HTTP/2 server for any tower service that loses no request when it stops.
//!
//! [`Server`] serves a [`Listener`]. From the stop signal on it tells every HTTP/1 client to come back on a new
//! connection, and goes on accepting. When the lame duck is over it closes the listener without dropping what the
//! kernel had accepted for it, lets the requests in flight finish, and closes an idle connection only when no request
//! can be on its way. `docs/design/` has the reasons.
//!
//! It listens on TCP and Unix sockets, of its own or the service manager's ([`Listener`]), any number of them at once
//! ([`Listeners`]), plain or, with the feature `tls`, over TLS. HTTP/2 is spoken by agreement (ALPN) or to who begins with
//! it; an upgrade (`Upgrade: h2c`) is ignored, as RFC 9113 §3.1 allows, and its request answered over HTTP/1.1. HTTP/3 is
//! out of scope.

mod accept;
mod address;
mod close;
mod conn;
mod drive;
mod error;
mod ledger;
mod life;
mod listener;
mod on_stop;
mod order;
mod pages;
mod probes;
mod request;
mod serve;
mod server;
mod settings;
mod spawn;
mod spread;
mod standalone;
#[cfg(feature = "tls")]
mod tls;

pub use crate::runtime::BoxError;
pub use address::Address;
#[cfg(fuzzing)]
pub(crate) use conn::fuzzing;
pub use error::ServeError;
pub use listener::{Listener, Listeners};
pub use on_stop::{OnStop, OnStopFuture, OnStopService};
pub use pages::HealthPages;
pub use probes::serve_health;
pub use request::{Part, Peer, Reply};
pub use server::Server;
pub use settings::CloseMode;
pub use standalone::{IntoListeners, Serve, ServeFuture, serve};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
/// The crate that [`Tls::from_config`] takes a configuration of.
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
