use std::future::poll_fn;
use std::task::Poll;

use super::{Io, Watch};
use crate::http::order::Order;

/// The protocol that the first bytes of a connection begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What an HTTP/2 client with prior knowledge sends first (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Waits until the protocol is known; `None` when the connection ended, or its time came, before that.
///
/// hyper-util's own detection gives up a connection that it has accepted and not read from as soon as it is told to
/// shut down. This one gives it its grace.
pub(crate) async fn first_bytes(io: &mut Io, watch: &mut Watch) -> Option<Protocol> {
    poll_fn(|cx| {
        loop {
            if let Some(protocol) = protocol(io) {
                return Poll::Ready(Some(protocol));
            }
            match io.poll_first(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending if watch.order(cx) >= Order::Abrupt => return Poll::Ready(None),
                Poll::Pending if watch.poll_over(cx).is_ready() => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            if protocol(io).is_none() {
                io.held().half_head();
            }
        }
    })
    .await
}

/// Returns the protocol, once something has come: until then the connection is silent, whatever was agreed on.
fn protocol(io: &Io) -> Option<Protocol> {
    if io.first().is_empty() { None } else { io.negotiated().or_else(|| detect(io.first())) }
}

pub(super) fn detect(bytes: &[u8]) -> Option<Protocol> {
    let length = bytes.len().min(PREFACE.len());
    if bytes[..length] != PREFACE[..length] {
        Some(Protocol::Http1)
    } else if length == PREFACE.len() {
        Some(Protocol::Http2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_told_from_any_request() {
        assert_eq!(detect(b"GET / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(detect(b"PROPFIND / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(detect(PREFACE), Some(Protocol::Http2));
        assert_eq!(detect(b"PR"), None);
        assert_eq!(detect(b""), None);
    }
}
