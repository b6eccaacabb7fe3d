//! The method and path of a request.

use http::Method;

use super::target::{HTTP, is_path};
use super::{BadTarget, Call, Target, service_and_method};
use crate::record::{Shape, UNIX};

fn with_body(method: &Method) -> bool {
    ![Method::GET, Method::HEAD].contains(method)
}

/// The schemes of a WebSocket, without TLS and with it.
const WEBSOCKET: [&str; 2] = ["ws", "wss"];

/// What is replaced by the number of a request.
pub(crate) const ID: &str = "{id}";
/// What begins the route of a call of gRPC, in the place of the method.
const GRPC: &str = "GRPC";
/// The line that is sent if none is given.
const LINE: &str = "ebbtide {id}";

/// The method and path of a request, and its address if it is not the service's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The method; `TCP` for a line.
    pub method: Method,
    /// The line, in which `{id}` is replaced by the number of the request. Or the path with its query; `{ms}` is replaced by the duration of the request in milliseconds.
    pub path: String,
    /// The address, if it is not that of `--ready`.
    pub target: Option<Target>,
    /// The message, if it is a call of gRPC: its requests go over HTTP/2, and the path is `/SERVICE/METHOD`.
    pub call: Option<Call>,
}

impl Route {
    /// Creates a GET of `path` at the service's address.
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), target: None, call: None }
    }

    /// Creates a call of gRPC of the method at `path`.
    pub(crate) fn calling_with(path: &str, call: Call) -> Self {
        Self { method: Method::POST, call: Some(call), ..Self::get(path) }
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

    /// Parses the route of `shape`: as [`Route::parse_or`] does, or for a WebSocket a path or a `ws://` or `wss://` URL, or for lines
    /// `/LINE`, `tcp://HOST:PORT/LINE` or `tls://HOST:PORT/LINE`. Streams of events
    /// and downloads have the default method GET, and uploads POST if `method` has no body. Calls that stream are calls of gRPC also
    /// without `GRPC:`.
    pub fn parse_for(shape: Shape, text: &str, method: &Method) -> Result<Self, BadTarget> {
        let route = match shape {
            Shape::Websocket => {
                let route = Self::parse_with(text, &Method::GET, &WEBSOCKET)?;
                let is_get = route.method == Method::GET;
                if is_get { Ok(route) } else { Err(BadTarget::NotAWebSocket(text.into())) }
            }
            Shape::Tcp => Self::line(text),
            Shape::Events | Shape::Download => Self::parse_or(text, &Method::GET),
            Shape::ClientStream | Shape::BidiStream => {
                let route = Self::parse_or(text, &Method::POST)?;
                let is_call = route.method == Method::POST && service_and_method(&route.path).is_some();
                is_call.then(|| route.calling()).ok_or_else(|| BadTarget::NotACall(text.into()))
            }
            Shape::Upload if !with_body(method) => Self::parse_or(text, &Method::POST),
            _ => Self::parse_or(text, method),
        }?;
        let calls = !matches!(shape, Shape::Orders | Shape::Websocket | Shape::Download | Shape::Upload);
        if route.call.is_none() || calls { Ok(route) } else { Err(BadTarget::NoCalls(shape)) }
    }

    /// Makes it a call of gRPC.
    fn calling(self) -> Self {
        Self { call: Some(self.call.unwrap_or_default()), ..self }
    }

    /// Parses `/LINE`, `tcp://HOST:PORT/LINE`, or `tls://` for TLS.
    fn line(text: &str) -> Result<Self, BadTarget> {
        let wrong = || BadTarget::NotALine(text.into());
        let (target, line) = match (text.strip_prefix('/'), text.split_once("://")) {
            (Some(line), _) => (None, line),
            (None, Some((scheme @ ("tcp" | "tls"), place))) => {
                // The path of a socket ends at a colon, a host at a slash.
                let (address, line) = match place.strip_prefix(UNIX).and_then(|place| place.split_once(':')) {
                    Some((socket, line)) => {
                        (format!("{UNIX}{socket}"), line.strip_prefix('/').ok_or_else(wrong)?)
                    }
                    None if place.starts_with(UNIX) => (place.to_owned(), ""),
                    None => {
                        let (address, line) = place.split_once('/').unwrap_or((place, ""));
                        (address.to_owned(), line)
                    }
                };
                let target = Target::from_port(&address).map_err(|_| wrong())?;
                (Some(Target { tls: scheme == "tls", ..target }), line)
            }
            _ => return Err(wrong()),
        };
        let line = if line.is_empty() { LINE } else { line };
        let is_line = !line.contains(char::is_control);
        is_line
            .then(|| Self {
                method: "TCP".parse().unwrap_or_default(),
                path: line.to_owned(),
                target,
                call: None,
            })
            .ok_or_else(wrong)
    }

    /// Parses `METHOD:/path` or `METHOD:http://host:port/path`. The default method is GET. `GRPC:/SERVICE/METHOD` is a call of gRPC.
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
        if let Some((GRPC, place)) = named
            && schemes == &HTTP
        {
            let route = Self::parse_with(place, &Method::POST, schemes)?;
            let is_call = route.method == Method::POST && service_and_method(&route.path).is_some();
            return is_call.then(|| route.calling()).ok_or_else(|| BadTarget::NotACall(text.into()));
        }
        let (method, place) = match named {
            Some((named, place)) => (named.parse().map_err(|_| wrong())?, place),
            None => (method.clone(), text),
        };
        if is_path(place) {
            return Ok(Self { method, path: place.to_owned(), target: None, call: None });
        }
        let (target, path) = Target::from_url_of(place, schemes).map_err(|error| match error {
            BadTarget::NotASocket(_) => BadTarget::NotASocket(text.into()),
            BadTarget::NoSuchPort(_) => error,
            _ => wrong(),
        })?;
        Ok(Self { method, path, target: Some(target), call: None })
    }

    /// Returns the path for a request that takes `ms` milliseconds.
    pub fn path_for(&self, ms: u64) -> String {
        self.path.replace("{ms}", &ms.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_route_is_a_method_and_a_path_or_a_url() {
        assert_eq!(Route::parse("/ping").unwrap(), Route::get("/ping"));
        let route = Route::parse("POST:http://localhost:90/slow?ms={ms}").unwrap();
        assert_eq!(route.method, Method::POST);
        assert_eq!(route.target.as_ref().unwrap().name(), "localhost:90");
        assert_eq!(route.path_for(30), "/slow?ms=30");
        let route = Route::parse("https://localhost:90/slow?ms={ms}").unwrap();
        assert!(route.target.as_ref().unwrap().tls && route.path == "/slow?ms={ms}", "{route:?}");
        let route = Route::parse("PUT:http://unix:/run/app.sock:/slow?ms={ms}").unwrap();
        assert_eq!(
            (route.path.as_str(), route.target),
            ("/slow?ms={ms}", Some(Target::unix(Path::new("/run/app.sock"))))
        );
        for text in ["ping", "/a b", "GET:/a b", "/a\tb", "http://unix:/run/app.sock:/a b"] {
            assert!(Route::parse(text).is_err(), "{text}");
        }
        let url = "http://localhost:99999/slow".to_owned();
        assert_eq!(Route::parse(&format!("PUT:{url}")), Err(BadTarget::NoSuchPort(url)));
        assert_eq!(Route::parse_or("/ping", &Method::PUT).unwrap().method, Method::PUT);
        assert_eq!(Route::parse_or("GET:/ping", &Method::PUT).unwrap().method, Method::GET);
    }

    #[test]
    fn a_call_is_a_route_of_the_shapes_that_send_it() {
        let parse = |shape, text| Route::parse_for(shape, text, &Method::GET);
        for shape in
            [Shape::Storm, Shape::Keepalive, Shape::Slow, Shape::Open, Shape::Events, Shape::BidiStream]
        {
            let route = parse(shape, "GRPC:/shop.Orders/Get").unwrap();
            assert_eq!(
                (route.label().as_str(), &route.call),
                ("POST /shop.Orders/Get", &Some(Call::default()))
            );
        }
        assert_eq!(parse(Shape::ClientStream, "/shop.Orders/Import").unwrap().call, Some(Call::default()));
        let route = parse(Shape::Open, "GRPC:https://localhost:90/shop.Orders/Get").unwrap();
        assert_eq!((route.path.as_str(), route.target.unwrap().tls), ("/shop.Orders/Get", true));
        for text in ["GRPC:/orders", "GRPC:/", "GRPC:/a/b/c", "GRPC:/a/b?c", "GRPC://b", "GRPC:GET:/a/b"] {
            assert_eq!(parse(Shape::Keepalive, text), Err(BadTarget::NotACall(text.into())));
        }
        assert_eq!(parse(Shape::BidiStream, "/sync"), Err(BadTarget::NotACall("/sync".into())));
        for shape in [Shape::Orders, Shape::Download, Shape::Upload] {
            assert_eq!(parse(shape, "GRPC:/shop.Orders/Get"), Err(BadTarget::NoCalls(shape)));
        }
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
}
