//! How a response ends in place of going on because the server stops, and what is answered in place of a handler whose time is up.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::ticket::Ticket;
use crate::http::OnStop;
use crate::http::registry::Order;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `UNAVAILABLE`: the call may be made again, elsewhere.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
const STOPPING: HeaderValue = HeaderValue::from_static("the server is stopping");
/// Content types of gRPC go on with a suffix: `application/grpc+proto`.
const GRPC: &[u8] = b"application/grpc";

/// Decides how a response that is under way ends because the server stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endings {
    policy: OnStop,
    grpc: bool,
    events: Option<Events>,
}

/// How a response ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Cleanly, at a boundary.
    Clean,
    /// Cleanly, at a boundary of server-sent events.
    Events,
    /// With the gRPC status `UNAVAILABLE`, by its policy.
    Unavailable,
    /// With the gRPC status `UNAVAILABLE`, because the time is up.
    TimeIsUp,
    /// Broken off, by its policy.
    BrokenOff,
}

impl Endings {
    /// Reads what the response says of itself; `endless` if nothing says how long its body is. `None` if it ends like any
    /// other: when it is whole, or cut.
    pub(super) fn of<B>(response: &Response<B>, ticket: &Ticket, endless: bool) -> Option<Self> {
        let chosen = response.extensions().get::<OnStop>().copied();
        if !endless {
            let lets_go = chosen == Some(OnStop::Break);
            return lets_go.then_some(Self { policy: OnStop::Break, grpc: false, events: None });
        }
        let grpc = ticket.is_grpc() && speaks_grpc(response.headers());
        let sends_events = !grpc && response.status() == StatusCode::OK && is_event_stream(response);
        // `EventSource` sends nothing but GET (WHATWG HTML §9.2.2), and connects again when its stream ends. What answers
        // another method, such as the tokens of a model, has an end that its client waits for.
        let policy =
            chosen.unwrap_or(if sends_events && ticket.is_get() { OnStop::End } else { OnStop::Finish });
        let events = (sends_events && policy == OnStop::End).then(Events::new);
        (grpc || policy != OnStop::Finish).then_some(Self { policy, grpc, events })
    }

    /// Notes what was sent, for which alone `bytes` is called.
    pub(super) fn sent<'a>(&mut self, bytes: impl FnOnce() -> &'a [u8]) {
        if let Some(events) = &mut self.events {
            events.follow(bytes());
        }
    }

    /// Tells whether it matters what exactly is sent.
    pub(super) fn reads(&self) -> bool {
        self.events.is_some()
    }

    /// Returns how the response is to end now, in place of going on.
    pub(super) fn due(&self, order: Order) -> Option<Ending> {
        if !order.is_draining() {
            return None;
        }
        match self.policy {
            OnStop::Break => Some(Ending::BrokenOff),
            OnStop::End if self.grpc => Some(Ending::Unavailable),
            OnStop::End => match self.events {
                None => Some(Ending::Clean),
                Some(events) => events.is_between().then_some(Ending::Events),
            },
            OnStop::Finish => (self.grpc && order == Order::Refuse).then_some(Ending::TimeIsUp),
        }
    }
}

/// Follows a stream of server-sent events, to tell where an event ends.
///
/// An event ends with a blank line, and a line with `\n`, `\r\n` or `\r` (WHATWG HTML §9.2.5). Before the first byte
/// no event has begun.
#[derive(Clone, Copy, Debug)]
struct Events {
    /// The last bytes; where there were not so many yet, as if behind a blank line.
    tail: [u8; 3],
}

impl Events {
    fn new() -> Self {
        Self { tail: [b'\n'; 3] }
    }

    fn follow(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(self.tail.len())..] {
            self.tail = [self.tail[1], self.tail[2], *byte];
        }
    }

    /// Tells whether the bytes so far end with a whole event.
    fn is_between(&self) -> bool {
        let line_before = match self.tail {
            [before, b'\r', b'\n'] | [_, before, b'\n' | b'\r'] => before,
            _ => return false,
        };
        matches!(line_before, b'\n' | b'\r')
    }
}

/// Returns what tells the client how long to wait before it connects again.
pub(super) fn retry(wait: Duration) -> Bytes {
    format!("retry: {}\n\n", wait.as_millis()).into()
}

/// Returns 503, or what a gRPC client takes for `UNAVAILABLE`: a response that consists of its trailers.
pub(super) fn refusal(grpc: bool) -> Response<()> {
    let mut response = Response::new(());
    if grpc {
        response.headers_mut().extend(unavailable());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    } else {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Returns the trailers of a gRPC stream that ends with the status `UNAVAILABLE`.
pub(super) fn unavailable() -> HeaderMap {
    HeaderMap::from_iter([(GRPC_STATUS, UNAVAILABLE), (GRPC_MESSAGE, STOPPING)])
}

/// Tells whether a request is a gRPC call. All of them are posted, so that others are not looked at.
///
/// gRPC requires HTTP/2. Over HTTP/1 hyper sends no trailers that the response has not announced: a stream that is ended with a
/// status would pass for whole.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.version() == Version::HTTP_2 && speaks_grpc(request.headers())
}

/// Tells whether a message has the content type of gRPC; gRPC-Web, whose trailers are part of the body, has not.
fn speaks_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().strip_prefix(GRPC).is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
    })
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.get(..KIND.len()).is_some_and(|start| start.eq_ignore_ascii_case(KIND))
            && matches!(kind.get(KIND.len()), None | Some(b';' | b' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(parts: &[&str]) -> bool {
        let mut events = Events::new();
        parts.iter().for_each(|part| events.follow(part.as_bytes()));
        events.is_between()
    }

    #[test]
    fn an_event_ends_with_a_blank_line_of_any_kind() {
        for whole in [
            "",
            "data: x\n\n",
            "data: x\r\n\r\n",
            "data: x\r\r",
            "data: x\r\n\n",
            "data: x\n\r\n",
            "data: x\n\r",
            "data: x\r\r\n",
            ":\n\n",
            "\n",
            "\r\n",
            "a\n\n\n",
        ] {
            assert!(between(&[whole]), "{whole:?}");
            for at in 0..whole.len() {
                assert!(between(&[&whole[..at], &whole[at..]]), "{whole:?} split at {at}");
            }
        }
        for part in [
            "d",
            "\0\n",
            "data: x",
            "data: x\n",
            "data: x\r\n",
            "data: x\r",
            "data: x\n\ndata: y\n",
            "a\n\nb",
            "a\r\nb\r\n",
        ] {
            assert!(!between(&[part]), "{part:?}");
            let bytes: Vec<_> = part.split_inclusive(|_| true).collect();
            assert!(!between(&bytes), "{part:?} by the byte");
        }
    }

    #[test]
    fn the_wait_is_said_in_milliseconds() {
        assert_eq!(retry(Duration::from_millis(1500)), "retry: 1500\n\n");
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let with =
            |kind: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(speaks_grpc(&with(kind)), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json", ""] {
            assert!(!speaks_grpc(&with(kind)), "{kind}");
        }
        assert!(!speaks_grpc(&HeaderMap::new()));
    }
}
