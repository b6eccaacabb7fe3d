//! What the requests of a rehearsal carry beside the method and the path: headers, host and body.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{HeaderMap, Method};
use thiserror::Error;

use super::Trust;
use crate::record::REQUEST_ID;

/// What every request carries beside its route. The default is what the engine needs: the address as `Host`, and no body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestTemplate {
    /// Added to every request, those to the readiness path included. A name may occur more than once. Default: none.
    pub headers: Vec<RequestHeader>,
    /// The `Host` of every request, instead of the address that it is sent to, which is the default.
    pub host: Option<HostName>,
    /// The body of every request whose method is neither GET nor HEAD. An order has a body of its own. Default: a small JSON
    /// object for POST, PUT and PATCH.
    pub body: Option<Bytes>,
    /// The protocol of the load. Default: HTTP/1.
    pub protocol: Protocol,
    /// The certificates that are accepted from `https://` addresses. Default: those of the system's authorities.
    pub trust: Trust,
}

/// The body of a POST, PUT or PATCH when the template has none: the same for each shape of load, so that responses can be
/// compared. It is an order of the demo.
const DEFAULT_BODY: &[u8] = br#"{"item":"rehearsed","quantity":1}"#;

/// The `Content-Type` of gRPC, without a suffix. Its calls carry `te: trailers`, without which many servers reset them.
const GRPC: &[u8] = b"application/grpc";

/// The protocol of the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: with prior knowledge, or over TLS selected by ALPN.
    Http2 {
        /// How many clients share a connection, each with one request at a time.
        streams: u32,
    },
}

impl RequestTemplate {
    /// Returns whether a request with `method` carries [`body`](Self::body).
    pub fn has_body(&self, method: &Method) -> bool {
        self.body.is_some() && ![Method::GET, Method::HEAD].contains(method)
    }

    /// Returns the body of a request with `method`; empty if it has none.
    pub(crate) fn body_for(&self, method: &Method) -> Bytes {
        match &self.body {
            Some(body) if self.has_body(method) => body.clone(),
            None if [Method::POST, Method::PUT, Method::PATCH].contains(method) => {
                Bytes::from_static(DEFAULT_BODY)
            }
            _ => Bytes::new(),
        }
    }

    /// Returns the `Content-Type` of the body if no header names one: JSON is recognised.
    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        let named = self.headers.iter().any(|header| header.name == header::CONTENT_TYPE);
        let is_json = self.body.as_ref().is_none_or(|body| is_json(body));
        (!named && is_json).then(|| HeaderValue::from_static("application/json"))
    }

    /// Adds the headers to `to`. They replace what is there: the user agent, for example.
    pub(crate) fn add_headers(&self, to: &mut HeaderMap) {
        for RequestHeader { name, .. } in &self.headers {
            to.remove(name);
        }
        for RequestHeader { name, value } in &self.headers {
            to.append(name, value.clone());
        }
        let is_grpc = to.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC));
        if is_grpc && self.protocol != Protocol::Http1 {
            to.insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }
}

/// Returns whether `body` is a JSON object or array.
fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// A header of every request.
///
/// Its value is marked as sensitive: it may be a password, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHeader {
    name: HeaderName,
    value: HeaderValue,
}

/// Headers that belong to the connection or to the framing of the body, which the engine decides.
const RESERVED: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static(REQUEST_ID),
];

impl RequestHeader {
    /// Creates a header.
    ///
    /// # Errors
    ///
    /// Name or value is not valid in HTTP, or the header is one that the engine sets itself.
    pub fn new(name: &str, value: &str) -> Result<Self, BadHeader> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BadHeader::Name(name.into()))?;
        if name == header::HOST {
            return Err(BadHeader::Host);
        }
        if RESERVED.contains(&name) {
            return Err(BadHeader::Reserved(name.as_str().into()));
        }
        let mut value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|_| BadHeader::Value(name.as_str().into()))?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// Parses `Name: value`. Blanks around the value do not belong to it.
    ///
    /// # Errors
    ///
    /// As [`RequestHeader::new`], and if there is no colon.
    pub fn parse(text: &str) -> Result<Self, BadHeader> {
        let (name, value) = text.split_once(':').ok_or_else(|| BadHeader::NoColon(text.into()))?;
        Self::new(name, value.trim_matches([' ', '\t']))
    }
}

/// A name for the `Host` header, with a port or without one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostName(Authority);

impl HostName {
    /// Parses `NAME` or `NAME:PORT`.
    ///
    /// # Errors
    ///
    /// The text is not a host: it is empty, or has a scheme, a path or a user.
    pub fn parse(text: &str) -> Result<Self, BadHeader> {
        let host = text.parse::<Authority>().ok().filter(|host| {
            !host.host().is_empty() && (host.as_str() == host.host() || host.port().is_some())
        });
        let host = host.filter(|host| !host.as_str().contains('@'));
        host.map(Self).ok_or_else(|| BadHeader::NotAHost(text.into()))
    }

    /// Returns the name without the port.
    pub(crate) fn name(&self) -> &str {
        self.0.host()
    }

    /// Returns the value of the header.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Why a header or a host cannot be sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadHeader {
    /// There is no colon.
    #[error("invalid header `{0}`: expected NAME: VALUE")]
    NoColon(String),
    /// The name is not a token.
    #[error("invalid header name `{0}`: expected letters, digits and hyphens")]
    Name(String),
    /// The value has a control character. It is not shown: it may be secret.
    #[error("invalid value of header `{0}`: control characters are not allowed")]
    Value(String),
    /// `Host` has an option of its own.
    #[error("invalid header `host`: --host sets it")]
    Host,
    /// The engine sets the header.
    #[error("invalid header `{0}`: the rehearsal sets it for each request")]
    Reserved(String),
    /// Not a host.
    #[error("invalid host `{0}`: expected NAME or NAME:PORT")]
    NotAHost(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header = RequestHeader::parse("X-Tenant:  a: b \t").unwrap();
        assert_eq!((header.name.as_str(), header.value.as_bytes()), ("x-tenant", "a: b".as_bytes()));
        assert_eq!(RequestHeader::parse("X-Empty:").unwrap().value.len(), 0);
        assert_eq!(RequestHeader::parse("X-City: Zürich").unwrap().value.as_bytes(), "Zürich".as_bytes());
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused() {
        for (text, error) in [
            ("X-Tenant", BadHeader::NoColon("X-Tenant".into())),
            (": x", BadHeader::Name(String::new())),
            ("X Tenant: x", BadHeader::Name("X Tenant".into())),
            ("X-Tenant : x", BadHeader::Name("X-Tenant ".into())),
            ("X-Tenant: a\r\nX-Other: b", BadHeader::Value("x-tenant".into())),
            ("X-Tenant: a\0", BadHeader::Value("x-tenant".into())),
            ("Host: example.org", BadHeader::Host),
            ("Content-Length: 3", BadHeader::Reserved("content-length".into())),
            ("Transfer-Encoding: chunked", BadHeader::Reserved("transfer-encoding".into())),
            ("CONNECTION: close", BadHeader::Reserved("connection".into())),
            ("X-Ebbtide-Request: 7", BadHeader::Reserved("x-ebbtide-request".into())),
        ] {
            assert_eq!(RequestHeader::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_value_that_may_be_secret_is_not_shown() {
        let header = RequestHeader::parse("Authorization: Bearer secret").unwrap();
        assert!(!format!("{header:?}").contains("secret"), "{header:?}");
    }

    #[test]
    fn a_host_is_a_name_with_or_without_a_port() {
        for host in ["example.org", "example.org:8080", "[::1]:80", "127.0.0.1"] {
            assert_eq!(HostName::parse(host).unwrap().as_str(), host);
        }
        for text in [
            "",
            ":80",
            "a b",
            "http://example.org",
            "example.org/x",
            "me@example.org",
            "a:",
            "a:x",
            "a:99999",
        ] {
            assert_eq!(HostName::parse(text), Err(BadHeader::NotAHost(text.into())));
        }
    }

    #[test]
    fn headers_replace_those_of_the_engine_and_may_repeat() {
        let template = RequestTemplate {
            headers: ["User-Agent: mine", "X-A: 1", "X-A: 2"]
                .map(|text| RequestHeader::parse(text).unwrap())
                .into(),
            ..RequestTemplate::default()
        };
        let mut headers = HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static("engine"))]);
        template.add_headers(&mut headers);
        assert_eq!(headers.get_all("user-agent").iter().collect::<Vec<_>>(), ["mine"]);
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_call_of_grpc_asks_for_trailers() {
        let sent = |kind: &str, protocol| {
            let headers = vec![RequestHeader::parse(&format!("Content-Type: {kind}")).unwrap()];
            let mut headers_sent = HeaderMap::new();
            let template = RequestTemplate { headers, protocol, ..RequestTemplate::default() };
            template.add_headers(&mut headers_sent);
            headers_sent.get(header::TE).cloned()
        };
        let http2 = Protocol::Http2 { streams: 1 };
        for kind in ["application/grpc", "application/grpc+proto"] {
            assert_eq!(sent(kind, http2), Some(HeaderValue::from_static("trailers")), "{kind}");
        }
        assert_eq!(sent("application/json", http2), None);
        assert_eq!(sent("application/grpc", Protocol::Http1), None);
    }

    #[test]
    fn a_body_belongs_to_methods_that_have_one() {
        let template = RequestTemplate { body: Some("x".into()), ..RequestTemplate::default() };
        let has = |method: &Method| template.body_for(method) == "x";
        assert!([Method::POST, Method::PUT, Method::PATCH, Method::DELETE].iter().all(has));
        let none = |method: &Method| template.body_for(method).is_empty();
        assert!([Method::GET, Method::HEAD].iter().all(none));
        let default = RequestTemplate::default();
        assert_eq!(default.body_for(&Method::POST), DEFAULT_BODY);
        assert!(default.body_for(&Method::DELETE).is_empty());
    }

    #[test]
    fn json_is_recognised_unless_a_header_names_the_type() {
        let with = |body: &'static str, headers: &[&str]| RequestTemplate {
            body: Some(body.into()),
            headers: headers.iter().map(|text| RequestHeader::parse(text).unwrap()).collect(),
            ..RequestTemplate::default()
        };
        let json = HeaderValue::from_static("application/json");
        assert_eq!(with(" {\"a\": [1]}", &[]).content_type().as_ref(), Some(&json));
        assert_eq!(RequestTemplate::default().content_type().as_ref(), Some(&json));
        for text in ["a=1&b=2", "{\"a\": ", "{} {}", "true", ""] {
            assert_eq!(with(text, &[]).content_type(), None, "{text}");
        }
        assert_eq!(with("{}", &["Content-Type: application/merge-patch+json"]).content_type(), None);
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadHeader::NoColon(_) => BadHeader::NoColon("X-Tenant".to_owned());
            BadHeader::Name(_) => BadHeader::Name("X Tenant".to_owned());
            BadHeader::Value(_) => BadHeader::Value("x-tenant".to_owned());
            BadHeader::Host => BadHeader::Host;
            BadHeader::Reserved(_) => BadHeader::Reserved("connection".to_owned());
            BadHeader::NotAHost(_) => BadHeader::NotAHost("http://example.org".to_owned());
        }
    }
}
