//! The phases of a connection before HTTP: the PROXY header, the TLS handshake, and the bytes that determine the
//! protocol.

use std::future::poll_fn;
use std::task::Poll;
use std::{fmt, io};

use proxy_header::{Error, ParseConfig, ProxyHeader};

use super::{Io, Watch};
use crate::http::Address;
use crate::http::registry::Order;

/// The first bytes of an HTTP/2 client with prior knowledge (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const VERSION_1: &[u8] = b"PROXY ";
/// Including the line end, as the protocol specifies for version 1.
const LONGEST_LINE: usize = 107;

/// A phase of a connection before HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    ProxyHeader,
    #[cfg(feature = "tls")]
    Handshake,
}

/// Takes a connection through the phases before HTTP; `false` when it ended, or had to end, before that.
pub(crate) async fn open(io: &mut Io, watch: &mut Watch) -> bool {
    poll_fn(|cx| match io.poll_open(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(true),
        Poll::Ready(Err(error)) => {
            tracing::debug!(peer = %io.guard().peer(), %error, "connection ended before HTTP started");
            Poll::Ready(false)
        }
        Poll::Pending if watch.order(cx) >= Order::Abrupt => Poll::Ready(false),
        Poll::Pending if watch.poll_due(cx).is_ready() => Poll::Ready(false),
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

/// The protocol that the first bytes of a connection indicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Waits until the protocol is known; `None` when the connection ended, or had to end, before that.
///
/// hyper-util's detection closes an accepted connection that it has not read from as soon as it is asked to shut down.
/// This one waits for its grace time.
pub(crate) async fn first_bytes(io: &mut Io, known: Option<Protocol>, watch: &mut Watch) -> Option<Protocol> {
    poll_fn(|cx| {
        loop {
            if let Some(protocol) = protocol(io, known) {
                return Poll::Ready(Some(protocol));
            }
            match io.poll_first(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending if watch.order(cx) >= Order::Abrupt => return Poll::Ready(None),
                Poll::Pending if watch.poll_due(cx).is_ready() => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            if protocol(io, known).is_none() {
                io.guard().half_head();
            }
        }
    })
    .await
}

/// Returns the protocol, once a byte has arrived: until then the connection is silent, whatever ALPN selected.
fn protocol(io: &Io, known: Option<Protocol>) -> Option<Protocol> {
    if io.first().is_empty() { None } else { known.or(io.negotiated()).or_else(|| detect(io.first())) }
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

/// What a load balancer's header declares about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProxiedClient {
    /// The length of the header; what follows is the client's.
    pub(super) length: usize,
    /// The client's address; `None` for a connection of the load balancer itself, or if it is unknown.
    pub(super) source: Option<Address>,
}

/// Reads a PROXY protocol header, version 1 or 2, from the beginning of a connection; `None` when it is not whole yet.
///
/// # Errors
///
/// Fails as soon as the bytes cannot become a header.
pub(super) fn introduced(bytes: &[u8]) -> io::Result<Option<ProxiedClient>> {
    let no_header = || io::Error::new(io::ErrorKind::InvalidData, "no valid PROXY header");
    // The parser checks these only while the header is incomplete: it would accept more when everything arrives at
    // once.
    if !may_begin(bytes) {
        return Err(no_header());
    }
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Ok((_, length)) if bytes.starts_with(VERSION_1) && length > LONGEST_LINE => Err(no_header()),
        Ok((header, length)) => {
            let source = header.proxied_address().map(|address| address.source.into());
            Ok(Some(ProxiedClient { length, source }))
        }
        Err(Error::BufferTooShort) => Ok(None),
        Err(_) => Err(no_header()),
    }
}

/// Returns whether the bytes are the beginning of a header, as far as they go.
fn may_begin(bytes: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 2] = [VERSION_1, b"\r\n\r\n\0\r\nQUIT\n"];
    BEGINNINGS.iter().any(|beginning| {
        let length = bytes.len().min(beginning.len());
        bytes[..length] == beginning[..length]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_http_2_preface_is_distinguished_from_any_request() {
        assert_eq!(detect(b"GET / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(detect(b"PROPFIND / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(detect(PREFACE), Some(Protocol::Http2));
        assert_eq!(detect(b"PR"), None);
        assert_eq!(detect(b""), None);
    }

    const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x50";

    #[test]
    fn both_proxy_versions_are_parsed_byte_by_byte() {
        for header in [V1, V2] {
            for length in 0..header.len() {
                assert_eq!(introduced(&header[..length]).unwrap(), None, "{length}");
            }
            let bytes = [header, b"GET / HTTP/1.1\r\n"].concat();
            let introduced = introduced(&bytes).unwrap().expect("it is whole");
            assert_eq!(introduced.length, header.len());
            assert_eq!(introduced.source.unwrap().to_string(), "192.0.2.1:1234");
        }
    }

    #[test]
    fn a_proxy_header_of_a_local_connection_has_no_client_address() {
        for header in [b"PROXY UNKNOWN\r\n".as_slice(), b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"] {
            let introduced = introduced(header).unwrap().expect("it is whole");
            assert_eq!(introduced, ProxiedClient { length: header.len(), source: None });
        }
    }

    #[test]
    fn an_invalid_proxy_header_is_refused_at_its_first_wrong_byte() {
        for bytes in
            ["G", "POST / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\n", "\u{16}\u{3}", "PROXY TCP4 x y 1 2\r\n"]
        {
            assert!(introduced(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        assert!(introduced(&endless).is_err());
    }
}
