//! Where requests go.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::record::{Endpoint, Shape, UNIX};

/// The address of a service, and whether it is reached over TLS.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// The address.
    pub address: TargetAddress,
    /// Whether it is `https://`.
    pub tls: bool,
}

/// An address as the user names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TargetAddress {
    /// A host and a port of TCP.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket; `@NAME` is the abstract socket NAME. A relative path counts from the current folder.
    Unix(Arc<Path>),
}

/// The host of requests over a Unix socket, as nginx and curl send it.
const LOCALHOST: &str = "localhost";
/// The longest path of a Unix socket, in bytes (`sun_path` without its end).
const LONGEST_PATH: usize = 107;
/// The schemes of URLs, without TLS and with it.
pub(super) const HTTP: [&str; 2] = ["http", "https"];

/// Returns whether `text` is a path with its query, as a request can have it. `{ms}` in it is replaced.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.replace("{ms}", "0").parse::<http::uri::PathAndQuery>().is_ok()
}

impl Target {
    /// Creates the target `host` and `port`, without TLS.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { address: TargetAddress::Tcp { host: host.into(), port }, tls: false }
    }

    /// Creates the target of the Unix socket at `path`, without TLS.
    pub fn unix(path: impl Into<Arc<Path>>) -> Self {
        Self { address: TargetAddress::Unix(path.into()), tls: false }
    }

    /// Returns the value of a `Host` header.
    pub fn authority(&self) -> String {
        match &self.address {
            TargetAddress::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            TargetAddress::Tcp { host, port } => format!("{host}:{port}"),
            TargetAddress::Unix(_) => LOCALHOST.to_owned(),
        }
    }

    /// Returns the host name, which a certificate must have.
    pub fn host(&self) -> &str {
        match &self.address {
            TargetAddress::Tcp { host, .. } => host,
            TargetAddress::Unix(_) => LOCALHOST,
        }
    }

    /// Returns the port of TCP.
    pub fn port(&self) -> Option<u16> {
        match self.address {
            TargetAddress::Tcp { port, .. } => Some(port),
            TargetAddress::Unix(_) => None,
        }
    }

    /// Returns `HOST:PORT` or `unix:PATH`, as [`from_port`](Self::from_port) parses it.
    pub fn name(&self) -> String {
        match &self.address {
            TargetAddress::Tcp { .. } => self.authority(),
            TargetAddress::Unix(path) => Endpoint::Unix(Arc::clone(path)).to_string(),
        }
    }

    /// Returns the URL of `path`, as [`from_url`](Self::from_url) parses it.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { HTTP[1] } else { HTTP[0] };
        let separator = if matches!(self.address, TargetAddress::Unix(_)) { ":" } else { "" };
        format!("{scheme}://{}{separator}{path}", self.name())
    }

    /// Parses an `http://` or `https://` URL into a target and the path with its query. `http://unix:SOCKET:/PATH` is the path at a Unix
    /// socket, as nginx writes it.
    pub fn from_url(url: &str) -> Result<(Self, String), BadTarget> {
        Self::from_url_of(url, &HTTP)
    }

    /// Parses a URL with one of two `schemes`, the second one with TLS.
    pub(super) fn from_url_of(url: &str, schemes: &[&str; 2]) -> Result<(Self, String), BadTarget> {
        if let Some((scheme, place)) = url.split_once("://")
            && let Some(tls) = schemes.iter().position(|known| *known == scheme)
            && let Some(place) = place.strip_prefix(UNIX)
        {
            let (socket, path) = place.split_once(':').unwrap_or((place, "/"));
            let target = Self::from_socket(socket).filter(|_| is_path(path));
            let target = target.ok_or_else(|| BadTarget::NotASocket(url.into()))?;
            return Ok((Self { tls: tls > 0, ..target }, path.to_owned()));
        }
        let uri: http::Uri = url.parse().map_err(|_| BadTarget::NotAUrl(url.into()))?;
        let tls = match uri.scheme_str() {
            Some(scheme) if schemes[0] == scheme => false,
            Some(scheme) if schemes[1] == scheme => true,
            Some(other) => return Err(BadTarget::Scheme { scheme: other.into(), url: url.into() }),
            None => return Err(BadTarget::NotAUrl(url.into())),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(BadTarget::NotAUrl(url.into()));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let usual = if tls { 443 } else { 80 };
        let port = port_text(&uri).map_or(Some(usual), |port| port.parse().ok().filter(|port| *port != 0));
        let port = port.ok_or_else(|| BadTarget::NoSuchPort(url.into()))?;
        Ok((Self { tls, ..Self::tcp(host, port) }, path))
    }

    /// Parses `8080` (on 127.0.0.1), `host:8080` or `unix:/run/app.sock`.
    pub fn from_port(text: &str) -> Result<Self, BadTarget> {
        if let Some(socket) = text.strip_prefix(UNIX) {
            return Self::from_socket(socket).ok_or_else(|| BadTarget::NotASocket(text.into()));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() => Ok(Self::tcp(host.trim_matches(['[', ']']), port)),
            _ => Err(BadTarget::NotAPort(text.into())),
        }
    }

    fn from_socket(path: &str) -> Option<Self> {
        let is_path = !matches!(path, "" | "@") && path.len() <= LONGEST_PATH && !path.contains('\0');
        is_path.then(|| Self::unix(Path::new(path)))
    }
}

/// Returns the port of `uri` as it is written, if one is. `http` has none for a number that is no port.
fn port_text(uri: &http::Uri) -> Option<&str> {
    let authority = uri.authority()?.as_str();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    place.strip_prefix(uri.host()?)?.strip_prefix(':').filter(|port| !port.is_empty())
}

/// Why an address or a route cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadTarget {
    /// Neither a URL nor a port.
    #[error("invalid URL `{0}`: expected http://HOST:PORT/PATH or a port number")]
    NotAUrl(String),
    /// The scheme is neither `http` nor `https`.
    #[error("invalid URL `{url}`: unsupported scheme `{scheme}`, expected http:// or https://")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The URL.
        url: String,
    },
    /// The port in a URL is none.
    #[error("invalid URL `{0}`: expected a port from 1 to 65535")]
    NoSuchPort(String),
    /// Not a port.
    #[error("invalid port `{0}`: expected PORT, HOST:PORT, unix:SOCKET or http://HOST:PORT/PATH")]
    NotAPort(String),
    /// Not a Unix socket.
    #[error(
        "invalid Unix socket `{0}`: expected unix:SOCKET or http://unix:SOCKET:/PATH, with at most 107 bytes for SOCKET"
    )]
    NotASocket(String),
    /// Not a route.
    #[error("invalid route `{0}`: expected METHOD:/path or METHOD:http://HOST:PORT/path")]
    NotARoute(String),
    /// Not a line.
    #[error(
        "invalid line `{0}`: expected /LINE, tcp://HOST:PORT/LINE or tls://HOST:PORT/LINE, without control characters"
    )]
    NotALine(String),
    /// Not the route of a WebSocket.
    #[error(
        "invalid route of a WebSocket `{0}`: expected /path, ws://HOST:PORT/path or wss://HOST:PORT/path"
    )]
    NotAWebSocket(String),
    /// Not the route of a call of gRPC.
    #[error(
        "invalid call of gRPC `{0}`: expected /PACKAGE.SERVICE/METHOD or http://HOST:PORT/PACKAGE.SERVICE/METHOD"
    )]
    NotACall(String),
    /// The shape sends no calls of gRPC.
    #[error("invalid route of {0}: calls of gRPC belong to storm, keepalive, slow, open or events")]
    NoCalls(Shape),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_url_is_read_into_target_and_path() {
        let (target, path) = Target::from_url("http://[::1]:81/a?b=c").unwrap();
        assert_eq!((target.authority().as_str(), path.as_str()), ("[::1]:81", "/a?b=c"));
        assert_eq!(Target::from_url("http://localhost").unwrap().0, Target::tcp("localhost", 80));
        assert_eq!(Target::from_url("https://localhost/").unwrap().0.name(), "localhost:443");
        assert!(Target::from_url("https://localhost:81/").unwrap().0.tls);
        assert_eq!(
            Target::from_url("ftp://localhost/").unwrap_err().to_string(),
            "invalid URL `ftp://localhost/`: unsupported scheme `ftp`, expected http:// or https://"
        );
        assert!(Target::from_url("localhost:80").is_err());
    }

    #[test]
    fn a_number_that_is_no_port_is_refused() {
        for url in ["http://localhost:99999/", "http://[::1]:0/", "https://user@localhost:65536"] {
            assert_eq!(Target::from_url(url), Err(BadTarget::NoSuchPort(url.to_owned())));
        }
        for (url, port) in
            [("http://localhost:/a", 80), ("https://[::1]/", 443), ("http://a:b@localhost:65535/", 65535)]
        {
            assert_eq!(Target::from_url(url).unwrap().0.port(), Some(port), "{url}");
        }
    }

    #[test]
    fn a_url_of_a_unix_socket_has_two_paths() {
        let (target, path) = Target::from_url("https://unix:/run/a b.sock:/x:y?b=c").unwrap();
        assert_eq!(
            (&target, path.as_str()),
            (&Target { tls: true, ..Target::unix(Path::new("/run/a b.sock")) }, "/x:y?b=c")
        );
        assert_eq!((target.authority().as_str(), target.host()), ("localhost", "localhost"));
        assert_eq!(
            Target::from_url("http://unix:app.sock").unwrap(),
            (Target::unix(Path::new("app.sock")), "/".to_owned())
        );
        let long = format!("unix:/{}", "x".repeat(LONGEST_PATH));
        for text in [
            "http://unix:",
            "http://unix::/x",
            "http://unix:/a.sock:x",
            "http://unix:@",
            &format!("http://{long}"),
        ] {
            assert_eq!(Target::from_url(text), Err(BadTarget::NotASocket(text.to_owned())));
        }
        assert!(Target::from_url("ftp://unix:/a.sock:/").is_err());
        assert_eq!(Target::from_port("unix:/a.sock"), Ok(Target::unix(Path::new("/a.sock"))));
        assert_eq!(Target::from_port(&long), Err(BadTarget::NotASocket(long.clone())));
    }

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for url in ["http://127.0.0.1:80/a", "https://[::1]:81/", "http://unix:/run/app.sock:/readyz"] {
            let (target, path) = Target::from_url(url).unwrap();
            assert_eq!(target.url(&path), url);
        }
        for text in ["localhost:80", "[::1]:80", "unix:@app"] {
            assert_eq!(Target::from_port(text).unwrap().name(), text);
        }
    }

    #[test]
    fn a_port_is_on_loopback_unless_a_host_is_named() {
        assert_eq!(Target::from_port("80").unwrap().authority(), "127.0.0.1:80");
        assert_eq!(Target::from_port("[::1]:80").unwrap().authority(), "[::1]:80");
        assert!(Target::from_port("0").is_err());
        assert!(Target::from_port("eighty").is_err());
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadTarget::NotAUrl(_) => BadTarget::NotAUrl("localhost:80".to_owned());
            BadTarget::Scheme { .. } => BadTarget::Scheme { scheme: "ftp".to_owned(), url: "ftp://a/".to_owned() };
            BadTarget::NoSuchPort(_) => BadTarget::NoSuchPort("http://a:99999/".to_owned());
            BadTarget::NotAPort(_) => BadTarget::NotAPort("eighty".to_owned());
            BadTarget::NotASocket(_) => BadTarget::NotASocket("http://unix:".to_owned());
            BadTarget::NotARoute(_) => BadTarget::NotARoute("POST".to_owned());
            BadTarget::NotALine(_) => BadTarget::NotALine("PING".to_owned());
            BadTarget::NotAWebSocket(_) => BadTarget::NotAWebSocket("POST:/chat".to_owned());
            BadTarget::NotACall(_) => BadTarget::NotACall("/chat".to_owned());
            BadTarget::NoCalls(_) => BadTarget::NoCalls(Shape::Upload);
        }
    }
}
