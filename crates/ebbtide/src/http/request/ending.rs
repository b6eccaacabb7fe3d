//! How a response ends early because the server shuts down, and what is answered in place of a cancelled handler.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::ticket::Ticket;
use crate::http::OnStop;
use crate::http::registry::Order;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `UNAVAILABLE`: the client may retry the call on another server.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
const STOPPING: HeaderValue = HeaderValue::from_static("the server is stopping");
/// gRPC content types may have a suffix: `application/grpc+proto`.
const GRPC: &[u8] = b"application/grpc";

/// Decides how a response in progress ends because the server shuts down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endings {
    policy: OnStop,
    grpc: bool,
    events: Option<Events>,
}

/// How a response ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Cleanly, at a boundary.
    Clean,
    /// Cleanly, at a boundary of server-sent events.
    Events,
    /// With the gRPC status `UNAVAILABLE`, by its policy.
    Unavailable,
    /// With the gRPC status `UNAVAILABLE`, at the deadline.
    AtDeadline,
    /// Aborted, by its policy.
    AbortedByPolicy,
}

impl Endings {
    /// Reads the policy from the response; `endless` if the length of its body is unknown. `None` if the response ends
    /// as any other: whole, or cancelled.
    pub(super) fn of<B>(response: &Response<B>, ticket: &Ticket, endless: bool) -> Option<Self> {
        let chosen = response.extensions().get::<OnStop>().copied();
        if !endless {
            let is_break = chosen == Some(OnStop::Break);
            return is_break.then_some(Self { policy: OnStop::Break, grpc: false, events: None });
        }
        let grpc = ticket.is_grpc() && speaks_grpc(response.headers());
        let sends_events = !grpc && response.status() == StatusCode::OK && is_event_stream(response);
        // `EventSource` sends only GET (WHATWG HTML §9.2.2), and reconnects when its stream ends. An event stream in
        // response to another method, such as the tokens of a model, has an end that its client waits for.
        let policy =
            chosen.unwrap_or(if sends_events && ticket.is_get() { OnStop::End } else { OnStop::Finish });
        let events = (sends_events && policy == OnStop::End).then(Events::new);
        (grpc || policy != OnStop::Finish).then_some(Self { policy, grpc, events })
    }

    /// Records what was sent; calls `bytes` only if the content matters.
    pub(super) fn sent<'a>(&mut self, bytes: impl FnOnce() -> &'a [u8]) {
        if let Some(events) = &mut self.events {
            events.follow(bytes());
        }
    }

    /// Returns whether the exact bytes that are sent matter.
    pub(super) fn reads(&self) -> bool {
        self.events.is_some()
    }

    /// Returns how the response must end now, instead of continuing.
    pub(super) fn due(&self, order: Order) -> Option<Ending> {
        if !order.is_draining() {
            return None;
        }
        match self.policy {
            OnStop::Break => Some(Ending::AbortedByPolicy),
            OnStop::End if self.grpc => Some(Ending::Unavailable),
            OnStop::End => match self.events {
                None => Some(Ending::Clean),
                Some(events) => events.is_between().then_some(Ending::Events),
            },
            OnStop::Finish => (self.grpc && order == Order::Refuse).then_some(Ending::AtDeadline),
        }
    }
}

/// Parses a stream of server-sent events, to find where an event ends.
///
/// An event ends with a blank line, and a line with `\n`, `\r\n` or `\r` (WHATWG HTML §9.2.5). Before the first byte no
/// event has begun.
#[derive(Clone, Copy, Debug)]
struct Events {
    /// The last bytes; before there are three, as if after a blank line.
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

    /// Returns whether the bytes so far end with a whole event.
    fn is_between(&self) -> bool {
        let line_before = match self.tail {
            [before, b'\r', b'\n'] | [_, before, b'\n' | b'\r'] => before,
            _ => return false,
        };
        matches!(line_before, b'\n' | b'\r')
    }
}

/// Returns the `retry` field, which sets how long the client waits before it reconnects.
pub(super) fn retry(wait: Duration) -> Bytes {
    format!("retry: {}\n\n", wait.as_millis()).into()
}

/// Returns 503, or for gRPC a trailers-only response with the status `UNAVAILABLE`.
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

/// Returns whether a request is a gRPC call. All gRPC calls use POST, so other requests are not checked further.
///
/// gRPC requires HTTP/2. Over HTTP/1 hyper sends no trailers that the response has not announced: a stream that ended
/// with a status would look whole.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.version() == Version::HTTP_2 && speaks_grpc(request.headers())
}

/// Returns whether a message has the content type of gRPC, but not gRPC-Web, whose trailers are part of the body.
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
    fn an_event_stream_is_between_events_only_after_a_blank_line() {
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
    fn the_reconnection_time_is_in_milliseconds() {
        assert_eq!(retry(Duration::from_millis(1500)), "retry: 1500\n\n");
    }

    #[test]
    fn grpc_is_recognised_by_its_content_type() {
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
