//! Where requests go.

use http::Method;
use thiserror::Error;

use crate::record::Shape;

/// A host and a port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether it is `https://`.
    pub tls: bool,
}

impl Target {
    /// Returns the value of a `Host` header.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Parses an `http://` or `https://` URL into a target and the path with its query.
    pub fn from_url(url: &str) -> Result<(Self, String), BadTarget> {
        Self::from_url_of(url, &HTTP)
    }

    /// Parses a URL with one of two `schemes`, the second one with TLS.
    fn from_url_of(url: &str, schemes: &[&str; 2]) -> Result<(Self, String), BadTarget> {
        let uri: http::Uri = url.parse().map_err(|_| BadTarget::NotAUrl(url.into()))?;
        let tls = match uri.scheme_str() {
            Some(scheme) if schemes[0] == scheme => false,
            Some(scheme) if schemes[1] == scheme => true,
            Some(other) => return Err(BadTarget::Scheme(other.into())),
            None => return Err(BadTarget::NotAUrl(url.into())),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(BadTarget::NotAUrl(url.into()));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok((Self { host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls }, path))
    }

    /// Parses `8080` (on 127.0.0.1) or `host:8080`.
    pub fn from_port(text: &str) -> Result<Self, BadTarget> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls: false })
            }
            _ => Err(BadTarget::NotAPort(text.into())),
        }
    }
}

fn with_body(method: &Method) -> bool {
    ![Method::GET, Method::HEAD].contains(method)
}

/// The schemes of URLs, without TLS and with it.
const HTTP: [&str; 2] = ["http", "https"];
const WEBSOCKET: [&str; 2] = ["ws", "wss"];

/// The method and path of a request, and its address if it is not the service's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path with its query; `{ms}` is replaced by the duration of the request in milliseconds.
    pub path: String,
    /// The address, if it is not that of `--ready`.
    pub target: Option<Target>,
}

impl Route {
    /// Creates a GET of `path` at the service's address.
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), target: None }
    }

    /// Creates a route that is chosen when the service is ready, among those that it serves.
    pub fn to_be_found() -> Self {
        Self::get("")
    }

    /// Returns whether the route is still to be chosen.
    pub fn is_open(&self) -> bool {
        self.path.is_empty()
    }

    /// Returns method and path, which name the route in the record.
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Parses the route of `shape`: as [`Route::parse_or`] does, or for a WebSocket a path or a `ws://` or `wss://` URL. Streams of events
    /// and downloads have the default method GET, and uploads POST if `method` has no body.
    pub fn parse_for(shape: Shape, text: &str, method: &Method) -> Result<Self, BadTarget> {
        match shape {
            Shape::Websocket => {
                let route = Self::parse_with(text, &Method::GET, &WEBSOCKET)?;
                let is_get = route.method == Method::GET;
                if is_get { Ok(route) } else { Err(BadTarget::NotAWebSocket(text.into())) }
            }
            Shape::Events | Shape::Download => Self::parse_or(text, &Method::GET),
            Shape::Upload if !with_body(method) => Self::parse_or(text, &Method::POST),
            _ => Self::parse_or(text, method),
        }
    }

    /// Parses `METHOD:/path` or `METHOD:http://host:port/path`. The default method is GET.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        Self::parse_or(text, &Method::GET)
    }

    /// Parses a route as [`Route::parse`] does, with another default method.
    pub fn parse_or(text: &str, method: &Method) -> Result<Self, BadTarget> {
        Self::parse_with(text, method, &HTTP)
    }

    fn parse_with(text: &str, method: &Method, schemes: &[&str; 2]) -> Result<Self, BadTarget> {
        let wrong = || match schemes {
            &WEBSOCKET => BadTarget::NotAWebSocket(text.into()),
            _ => BadTarget::NotARoute(text.into()),
        };
        let named = text
            .split_once(':')
            .filter(|(method, _)| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()));
        let (method, place) = match named {
            Some((named, place)) => (named.parse().map_err(|_| wrong())?, place),
            None => (method.clone(), text),
        };
        if place.starts_with('/') {
            return Ok(Self { method, path: place.to_owned(), target: None });
        }
        // `{ms}` is not valid in a URL; it occurs only in the path.
        let (target, _) = Target::from_url_of(&place.replace("{ms}", "0"), schemes).map_err(|_| wrong())?;
        let after_scheme = place.split_once("://").map_or("", |(_, rest)| rest);
        let path = after_scheme.find('/').and_then(|slash| after_scheme.get(slash..)).unwrap_or("/");
        Ok(Self { method, path: path.to_owned(), target: Some(target) })
    }

    /// Returns the path for a request that takes `ms` milliseconds.
    pub fn path_for(&self, ms: u64) -> String {
        self.path.replace("{ms}", &ms.to_string())
    }
}

/// Why an address or a route cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadTarget {
    /// Neither a URL nor a port.
    #[error("invalid URL `{0}`: expected http://HOST:PORT/PATH or a port number")]
    NotAUrl(String),
    /// The scheme is neither `http` nor `https`.
    #[error("unsupported URL `{0}`: expected an http:// or https:// URL")]
    Scheme(String),
    /// Not a port.
    #[error("invalid port `{0}`: expected PORT, HOST:PORT or http://HOST:PORT/PATH")]
    NotAPort(String),
    /// Not a route.
    #[error("invalid route `{0}`: expected METHOD:/path or METHOD:http://HOST:PORT/path")]
    NotARoute(String),
    /// Not the route of a WebSocket.
    #[error(
        "invalid route of a WebSocket `{0}`: expected /path, ws://HOST:PORT/path or wss://HOST:PORT/path"
    )]
    NotAWebSocket(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_url_is_read_into_target_and_path() {
        let (target, path) = Target::from_url("http://[::1]:81/a?b=c").unwrap();
        assert_eq!((target.authority().as_str(), path.as_str()), ("[::1]:81", "/a?b=c"));
        assert_eq!(Target::from_url("http://localhost").unwrap().0.port, 80);
        assert_eq!(Target::from_url("https://localhost/").unwrap().0.port, 443);
        assert!(Target::from_url("https://localhost:81/").unwrap().0.tls);
        assert!(Target::from_url("ftp://localhost/").is_err());
        assert!(Target::from_url("localhost:80").is_err());
    }

    #[test]
    fn a_port_is_on_loopback_unless_a_host_is_named() {
        assert_eq!(Target::from_port("80").unwrap().authority(), "127.0.0.1:80");
        assert_eq!(Target::from_port("[::1]:80").unwrap().authority(), "[::1]:80");
        assert!(Target::from_port("0").is_err());
        assert!(Target::from_port("eighty").is_err());
    }

    #[test]
    fn a_route_is_a_method_and_a_path_or_a_url() {
        assert_eq!(Route::parse("/ping").unwrap(), Route::get("/ping"));
        let route = Route::parse("POST:http://localhost:90/slow?ms={ms}").unwrap();
        assert_eq!(route.method, Method::POST);
        assert_eq!(route.target.as_ref().unwrap().port, 90);
        assert_eq!(route.path_for(30), "/slow?ms=30");
        let route = Route::parse("https://localhost:90/slow?ms={ms}").unwrap();
        assert!(route.target.as_ref().unwrap().tls && route.path == "/slow?ms={ms}", "{route:?}");
        assert!(Route::parse("ping").is_err());
        assert_eq!(Route::parse_or("/ping", &Method::PUT).unwrap().method, Method::PUT);
        assert_eq!(Route::parse_or("GET:/ping", &Method::PUT).unwrap().method, Method::GET);
    }

    #[test]
    fn the_route_of_a_websocket_is_a_path_or_a_url_of_its_own() {
        let parse = |text| Route::parse_for(Shape::Websocket, text, &Method::POST);
        assert_eq!(parse("/chat").unwrap(), Route::get("/chat"));
        let route = parse("wss://localhost:90/chat?a").unwrap();
        assert_eq!((route.path.as_str(), route.target.unwrap().tls), ("/chat?a", true));
        assert!(!parse("ws://localhost/").unwrap().target.unwrap().tls);
        for text in ["http://localhost/chat", "POST:/chat", "chat"] {
            assert_eq!(parse(text), Err(BadTarget::NotAWebSocket(text.into())));
        }
        for shape in [Shape::Storm, Shape::Events] {
            assert!(Route::parse_for(shape, "ws://localhost/chat", &Method::GET).is_err());
        }
        let method = |shape| Route::parse_for(shape, "/a", &Method::POST).unwrap().method;
        let expected = (Method::POST, Method::GET, Method::GET);
        assert_eq!((method(Shape::Slow), method(Shape::Events), method(Shape::Download)), expected);
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadTarget::NotAUrl(_) => BadTarget::NotAUrl("localhost:80".to_owned());
            BadTarget::Scheme(_) => BadTarget::Scheme("ftp".to_owned());
            BadTarget::NotAPort(_) => BadTarget::NotAPort("eighty".to_owned());
            BadTarget::NotARoute(_) => BadTarget::NotARoute("POST".to_owned());
            BadTarget::NotAWebSocket(_) => BadTarget::NotAWebSocket("POST:/chat".to_owned());
        }
    }
}
