//! An HTTP/1 and HTTP/2 server for any tower service that loses no request when it shuts down.
//!
//! [`Server`] serves a [`Listener`]. From the stop signal on it asks every HTTP/1 client to reconnect
//! (`Connection: close`), and continues to accept connections. When the lame duck ends it closes the listener without dropping the
//! connections that the kernel had accepted for it, lets the requests in flight finish, and closes an idle connection
//! only when no request can be in transit ([`Server::idle_quiet`]). `docs/design/` in the repository has the reasons.
//!
//! It listens on TCP and Unix sockets, which it binds or inherits from the service manager ([`Listener`]), on any
//! number of them at once ([`Listeners`]), without TLS or, with the feature `tls`, over TLS. It serves HTTP/2 when ALPN
//! selects it, and to clients that begin with the HTTP/2 preface. An upgrade (`Upgrade: h2c`) is ignored, as RFC 9113
//! §3.1 allows, and its request answered over HTTP/1.1. HTTP/3 is out of scope.
//!
//! # Responses that do not finish
//!
//! A response whose body has begun and is then cancelled is reset, so that its client cannot mistake a part for the
//! whole:
//!
//! | protocol | what the client sees |
//! |---|---|
//! | HTTP/1 over TCP | a TCP reset; over TLS without `close_notify` |
//! | HTTP/2 | `RST_STREAM`, or the end of the connection without `END_STREAM` |
//! | HTTP/1 over a Unix socket | the end of the connection: Unix sockets cannot be reset |
//! | WebSocket | the end of the connection without a close frame |
//! | any other HTTP/1 upgrade | a TCP reset |
//!
//! This applies at the deadline, to a body that fails or panics, to a request timeout, and when the server's future or
//! its runtime is dropped. It also applies when the process ends. A body that only the end of the connection delimits
//! (HTTP/1.0 without `Content-Length`) is guarded from its first byte on (`SO_LINGER`, two system calls a response), so
//! that SIGKILL resets it too. Every other HTTP/1 body is guarded once the server receives the stop, and by the
//! watchdog.
//!
//! Two cases remain without a reset:
//!
//! - Over a Unix socket an HTTP/1.0 client mistakes part of a response without `Content-Length` for the whole.
//!   Configure the proxy in front of the socket to use HTTP/1.1 (nginx: `proxy_http_version 1.1`).
//! - When the process is killed, a response over HTTP/2, or over HTTP/1.1 while the server has not received the stop,
//!   ends before its last frame, its announced length or its last chunk. Clients must treat it as incomplete (RFC 9113
//!   §8.1, RFC 9112 §8).
//!
//! A body that the service itself ends early is whole to the server. A body that gives up, such as a stream that
//! watches the stop token, must return an error; [`OnStop`] ends or aborts streams without that.

mod address;
mod conn;
mod drive;
mod handle;
mod health;
mod listener;
mod on_stop;
#[cfg(test)]
mod parking;
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
/// The crate of the configuration that [`Tls::from_config`] takes.
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
