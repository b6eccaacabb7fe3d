use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use super::{Io, Watch};
use crate::http::order::Order;

/// What a connection goes through before HTTP begins on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    ProxyHeader,
    #[cfg(feature = "tls")]
    Handshake,
}

/// Takes a connection through what comes before HTTP; `false` when it ended, or its time came, before that.
pub(crate) async fn open(io: &mut Io, watch: &mut Watch) -> bool {
    poll_fn(|cx| match io.poll_open(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(true),
        Poll::Ready(Err(error)) => {
            tracing::debug!(peer = %io.held().peer(), %error, "connection ended before HTTP began on it");
            Poll::Ready(false)
        }
        Poll::Pending if watch.order(cx) >= Order::Abrupt => Poll::Ready(false),
        Poll::Pending if watch.poll_over(cx).is_ready() => Poll::Ready(false),
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProxyHeader => "PROXY header",
            #[cfg(feature = "tls")]
            Self::Handshake => "TLS handshake",
        })
    }
}
