//! An HTTP/1 and HTTP/2 server for any tower service that loses no request when it stops.
//!
//! [`Server`] serves a [`Listener`]. From the stop signal on it tells every HTTP/1 client to come back on a new
//! connection, and goes on accepting. When the lame duck is over it closes the listener without dropping what the
//! kernel had accepted for it, lets the requests in flight finish, and closes an idle connection only when no request
//! can be on its way ([`Server::idle_quiet`]). `docs/design/` has the reasons.
//!
//! It listens on TCP and Unix sockets, of its own or the service manager's ([`Listener`]), any number of them at once
//! ([`Listeners`]), plain or, with the feature `tls`, over TLS. HTTP/2 is spoken by agreement (ALPN) or to who begins with
//! it; an upgrade (`Upgrade: h2c`) is ignored, as RFC 9113 §3.1 allows, and its request answered over HTTP/1.1. HTTP/3 is
//! out of scope.
//!
//! # Responses that do not finish
//!
//! A response whose body has begun and is then cancelled is reset, so that its client cannot take part of it for the whole:
//!
//! | protocol | what the client sees |
//! |---|---|
//! | HTTP/1 over TCP | a TCP reset; over TLS without `close_notify` |
//! | HTTP/2 | `RST_STREAM`, or the end of the connection without `END_STREAM` |
//! | HTTP/1 over a Unix socket | the end of the connection: Unix sockets cannot be reset |
//! | WebSocket | the end of the connection without a close frame |
//! | any other HTTP/1 upgrade | a TCP reset |
//!
//! This applies at the deadline, to a body that fails or panics, to a request timeout, and when the server's future or its
//! runtime is dropped. The end of the process is covered too. A body that only the end of the connection delimits (HTTP/1.0
//! without `Content-Length`) is guarded from its first byte on (`SO_LINGER`, two system calls a response), so that also SIGKILL
//! resets it. Every other HTTP/1 body is guarded from the moment the server receives the stop, and by the watchdog.
//!
//! Two cases remain without a reset:
//!
//! - Over a Unix socket an HTTP/1.0 client takes part of a response without `Content-Length` for the whole. Have the proxy in
//!   front of the socket speak HTTP/1.1 (nginx: `proxy_http_version 1.1`).
//! - When the process is killed, a response over HTTP/2, or over HTTP/1.1 while the server has not received the stop, ends before
//!   its last frame, its announced length or its last chunk. Clients must treat it as incomplete (RFC 9113 §8.1, RFC 9112 §8).
//!
//! A body that the service itself ends early is whole to the server. A body that gives up, such as a stream that watches the stop
//! token, has to return an error; [`OnStop`] ends or breaks streams without that.

mod address;
mod conn;
mod drive;
mod handle;
mod health;
mod listener;
mod on_stop;
mod registry;
mod request;
mod serve;
mod server;
mod settings;
mod spawn;
mod standalone;
#[cfg(feature = "tls")]
mod tls;

pub use crate::util::BoxError;
pub use address::Address;
#[cfg(fuzzing)]
pub(crate) use conn::fuzzing;
pub use health::{HealthPages, serve_health};
pub use listener::{IntoListeners, Listener, Listeners};
pub use on_stop::{OnStop, OnStopFuture, OnStopService};
pub use request::{Part, Peer, Reply};
pub use serve::ServeError;
pub use server::{HttpService, Server};
pub use settings::CloseMode;
pub use spawn::StreamExecutor;
pub use standalone::{Serve, ServeFuture, serve};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
/// The crate that [`Tls::from_config`] takes a configuration of.
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
