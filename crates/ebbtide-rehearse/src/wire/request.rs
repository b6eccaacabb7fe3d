//! One request to send, and its body.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, TE, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request};

use super::Address;
use super::pace::ReadPace;
use super::payload::Payload;
use crate::record::{LOGGED_ID, REQUEST_ID};
use crate::scenario::Route;

/// A request that has not been given a number yet.
#[derive(Clone, Debug)]
pub(crate) struct RequestSpec {
    label: Box<str>,
    method: Method,
    path: String,
    body: BodyPlan,
    last: bool,
    events: bool,
    pace: Option<ReadPace>,
    pub keep_body: bool,
}

/// A message of gRPC without a field.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];
/// The shortest pause between two messages.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// How a call of gRPC sends its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessagePlan {
    /// For about how long.
    pub(crate) time: Duration,
    /// The pause before each message.
    pub(crate) pause: Duration,
    /// Whether each waits for the answer to the one before.
    pub(crate) in_turn: bool,
}

/// What a request has for a body.
#[derive(Clone, Debug)]
enum BodyPlan {
    /// That of the template, if the method has one.
    Template,
    /// The same, sent slowly.
    Slow(Duration),
    /// An order.
    Order(String),
    /// A message of gRPC, if it is not that of the template; sent slowly within the time.
    Call(Option<Bytes>, Option<Duration>),
    /// The same message several times.
    Messages(Option<Bytes>, MessagePlan),
}

impl RequestSpec {
    /// Creates a plain request along `route`.
    pub(crate) fn plain(route: &Route) -> Self {
        Self {
            label: route.label().into(),
            method: route.method.clone(),
            path: route.path_for(0),
            body: route
                .call
                .as_ref()
                .map_or(BodyPlan::Template, |call| BodyPlan::Call(call.message(0), None)),
            last: false,
            events: false,
            pace: None,
            keep_body: false,
        }
    }

    /// Takes the route out, as in [`Route::label`].
    pub(crate) fn take_label(&mut self) -> Box<str> {
        std::mem::take(&mut self.label)
    }

    /// Marks the request as the last one of its connection (`Connection: close`).
    pub(crate) fn last(self) -> Self {
        Self { last: true, ..self }
    }

    /// Creates a request for a stream of server-sent events, or of messages, along `route`.
    pub(crate) fn events(route: &Route) -> Self {
        Self { events: route.call.is_none(), ..Self::plain(route) }
    }

    /// Creates a request along `route` whose response is read within about `time`.
    pub(crate) fn read_slowly(route: &Route, time: Duration) -> Self {
        Self { pace: Some(ReadPace(time)), ..Self::plain(route) }
    }

    /// Creates a request along `route` that is in flight for about `time`: by `{ms}` in the path or in the message, or by a body that is sent slowly.
    pub(crate) fn slow(route: &Route, time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let body = match &route.call {
            Some(call) => BodyPlan::Call(call.message(ms), Some(time).filter(|_| !call.has_ms())),
            None if route.path.contains("{ms}") => BodyPlan::Template,
            None => BodyPlan::Slow(time),
        };
        Self { path: route.path_for(ms), body, ..Self::plain(route) }
    }

    /// Creates an order, whose acknowledgement is read.
    pub(crate) fn order(route: &Route, item: &str) -> Self {
        let body = BodyPlan::Order(format!(r#"{{"item":"{item}","quantity":1}}"#));
        Self { body, keep_body: true, ..Self::plain(route) }
    }

    /// Creates a call of gRPC along `route` that streams messages.
    pub(crate) fn messages(route: &Route, plan: MessagePlan) -> Self {
        let message = route.call.as_ref().and_then(|call| call.message(0));
        Self { body: BodyPlan::Messages(message, plan), ..Self::plain(route) }
    }

    /// Builds the request to `to`, with its number if it belongs to a load.
    pub(crate) fn request(self, to: &Address, id: Option<u64>) -> Result<Request<Payload>, http::Error> {
        let is_call = matches!(self.body, BodyPlan::Call(..) | BodyPlan::Messages(..));
        let (body, content_type) = match &self.body {
            BodyPlan::Order(order) => {
                (order.clone().into(), Some(HeaderValue::from_static("application/json")))
            }
            // The default body is no message.
            BodyPlan::Call(message, _) | BodyPlan::Messages(message, _) => {
                let message = message.clone().or_else(|| to.template.body.clone());
                let message = message.unwrap_or_else(|| Bytes::from_static(&EMPTY_MESSAGE));
                (message, Some(HeaderValue::from_static("application/grpc")))
            }
            BodyPlan::Template | BodyPlan::Slow(_) => {
                (to.template.body_for(&self.method), to.content_type.clone())
            }
        };
        let mut request = Request::builder().method(&self.method).uri(self.path);
        if to.tls.is_some() {
            request = request.extension(Scheme::HTTPS);
        }
        if let Some(pace) = self.pace {
            request = request.extension(pace);
        }
        if let Some(headers) = request.headers_mut() {
            *headers = headers_of(to, &self.method, body.len(), content_type, id)?;
            if is_call {
                headers.remove(CONTENT_LENGTH);
                headers.insert(TE, HeaderValue::from_static("trailers"));
            }
            if self.last {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if self.events && !headers.contains_key(ACCEPT) {
                headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
            }
        }
        request.body(match self.body {
            BodyPlan::Messages(_, MessagePlan { time, pause, in_turn }) => {
                Payload::messages(body, time, pause.max(SHORTEST_PAUSE), in_turn)
            }
            BodyPlan::Slow(time) | BodyPlan::Call(_, Some(time)) if !body.is_empty() => {
                Payload::trickle(body, time)
            }
            _ => Payload::Whole(body),
        })
    }
}

/// Returns the headers of a request whose body has `length` bytes. It has all that it needs.
fn headers_of(
    to: &Address,
    method: &Method,
    length: usize,
    content_type: Option<HeaderValue>,
    id: Option<u64>,
) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, to.authority.parse()?);
    headers.insert(USER_AGENT, HeaderValue::from_static("ebbtide-rehearse"));
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id.into());
        headers.insert(LOGGED_ID, to.ids.of(id).parse()?);
    }
    if length > 0 || [Method::POST, Method::PUT, Method::PATCH].contains(method) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    if let Some(content_type) = content_type.filter(|_| length > 0) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    to.template.add_headers(&mut headers);
    Ok(headers)
}

/// Appends the head of `request` to `bytes`, as it goes over an HTTP/1.1 connection.
pub(super) fn write_head<B>(request: &Request<B>, bytes: &mut Vec<u8>) {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    for part in [request.method().as_str(), " ", path, " HTTP/1.1\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
    for (name, value) in request.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
}

/// A request as bytes, and where its head ends.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub bytes: Vec<u8>,
    pub head: usize,
}

/// Returns the handshake of a WebSocket along `route` (RFC 6455, section 4.1). Its key is the same each time: what the server derives
/// from it is not compared, because no cache is between.
pub(crate) fn websocket_handshake(route: &Route, to: &Address, id: u64) -> Result<Vec<u8>, http::Error> {
    let mut bytes = raw_request(route, to, id, Duration::ZERO)?.bytes;
    bytes.truncate(bytes.len().saturating_sub(2));
    bytes.extend_from_slice(
        b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
          sec-websocket-key: ZWJidGlkZS1yZWhlYXJzZQ==\r\n\r\n",
    );
    Ok(bytes)
}

/// Returns a request along `route` whose body is sent when the server asks for it.
pub(crate) fn expecting_request(route: &Route, to: &Address, id: u64) -> Result<RawRequest, http::Error> {
    const EXPECT: &[u8] = b"expect: 100-continue\r\n";
    let RawRequest { mut bytes, head } = raw_request(route, to, id, Duration::ZERO)?;
    let end = head.saturating_sub(2);
    bytes.splice(end..end, EXPECT.iter().copied());
    Ok(RawRequest { bytes, head: head.saturating_add(EXPECT.len()) })
}

/// Returns a request along `route` as it goes over the wire.
pub(crate) fn raw_request(
    route: &Route,
    to: &Address,
    id: u64,
    time: Duration,
) -> Result<RawRequest, http::Error> {
    let (method, path) = (&route.method, route.path_for(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let body = to.template.body_for(method);
    let mut request = Request::builder().method(method).uri(path).body(())?;
    *request.headers_mut() = headers_of(to, method, body.len(), to.content_type.clone(), Some(id))?;
    let mut bytes = Vec::new();
    write_head(&request, &mut bytes);
    let head = bytes.len();
    bytes.extend_from_slice(&body);
    Ok(RawRequest { bytes, head })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::Arc;
    use std::thread::{Builder, JoinHandle};

    use super::*;
    use crate::clock::At;
    use crate::record::Outcome;
    use crate::scenario::{HostName, RequestHeader, RequestTemplate, Target};
    use crate::wire::{Connection, Exchange, RequestResult, Silence};

    /// Starts a server that reads `most` bytes of one connection, and returns them.
    fn reader(most: usize) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = vec![0; most];
            stream.read_exact(&mut read).unwrap();
            read
        });
        (address, thread.unwrap())
    }

    fn to(socket: SocketAddr, template: RequestTemplate) -> Address {
        let target = Target::tcp("127.0.0.1", 80);
        Address::new(socket.into(), &target, &Arc::new(template), &Arc::default())
    }

    fn template(body: &str) -> RequestTemplate {
        RequestTemplate {
            headers: vec![RequestHeader::parse("X-Tenant: a").unwrap()],
            host: Some(HostName::parse("shop.example.org").unwrap()),
            body: Some(body.to_owned().into()),
            ..RequestTemplate::default()
        }
    }

    async fn exchange(to: &Address, request: Request<Payload>) -> RequestResult {
        let mut connection = Connection::open(to, At::default(), &Silence::default()).await.unwrap();
        match connection.exchange(request, false).await {
            Exchange::Ended(seen) => seen,
            Exchange::NotSent => panic!("nothing was sent"),
        }
    }

    #[tokio::test]
    async fn a_request_has_the_given_headers_host_and_body_on_each_path_to_the_wire() {
        let route = Route { method: Method::POST, ..Route::get("/items") };
        let template = template(r#"{"name":"pen"}"#);
        let anywhere = to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), template.clone());
        let raw = raw_request(&route, &anywhere, 7, Duration::ZERO).unwrap();
        let plain = |to: &Address| RequestSpec::plain(&route).request(to, Some(7)).unwrap();
        let slow =
            |to: &Address| RequestSpec::slow(&route, Duration::from_millis(20)).request(to, Some(7)).unwrap();
        for build in [&plain as &dyn Fn(&Address) -> Request<Payload>, &slow] {
            let (address, read) = reader(raw.bytes.len());
            let to = to(address, template.clone());
            let seen = exchange(&to, build(&to)).await;
            assert!(seen.sent, "{seen:?}");
            assert_eq!(read.join().unwrap(), raw.bytes);
        }
        assert_eq!(
            String::from_utf8(raw.bytes).unwrap(),
            "POST /items HTTP/1.1\r\nhost: shop.example.org\r\nuser-agent: ebbtide-rehearse\r\n\
             x-ebbtide-request: 7\r\nx-request-id: ebb71de0-0000-4000-8000-000000000007\r\ncontent-length: 14\r\ncontent-type: application/json\r\nx-tenant: a\r\n\r\n\
             {\"name\":\"pen\"}"
        );
    }

    #[tokio::test]
    async fn a_call_is_http2_with_a_message_of_its_own_that_a_slow_one_sends_in_parts() {
        let route = Route::parse("GRPC:/shop.Orders/Get").unwrap();
        let to = |body: Option<&'static str>| {
            let template = RequestTemplate { body: body.map(Into::into), ..RequestTemplate::default() };
            to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), template).over_http2()
        };
        let plain = RequestSpec::plain(&route).request(&to(None), Some(7)).unwrap();
        assert!(matches!(plain.body(), Payload::Whole(body) if *body == EMPTY_MESSAGE[..]), "{plain:?}");
        let header = |name| plain.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!((plain.method(), header("content-type")), (&Method::POST, Some("application/grpc")));
        assert_eq!((header("te"), header("content-length")), (Some("trailers"), None));
        let slow =
            RequestSpec::slow(&route, Duration::from_secs(1)).request(&to(Some("encoded")), None).unwrap();
        assert!(matches!(slow.body(), Payload::Trickle { rest, .. } if rest == "encoded"), "{slow:?}");
    }

    #[tokio::test]
    async fn a_long_body_that_was_not_read_whole_is_not_sent() {
        let (address, read) = reader(100_000);
        // More than the sockets of both sides hold.
        let to = to(address, template(&"x".repeat(64 << 20)));
        let route = Route { method: Method::PUT, ..Route::get("/") };
        let request = RequestSpec::plain(&route).request(&to, None).unwrap();
        let seen = exchange(&to, request).await;
        assert!(matches!(seen.outcome, Outcome::Unanswered { .. }) && !seen.sent, "{seen:?}");
        assert!(read.join().unwrap().starts_with(b"PUT / HTTP/1.1"));
    }
}
