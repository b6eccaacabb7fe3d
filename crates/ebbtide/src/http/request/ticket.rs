use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;

use super::ending::is_grpc;
use crate::health::is_probe;
use crate::http::conn::{Conn, Outcome, RequestId};
use crate::http::registry::Order;
use crate::http::spawn::Claim;
use crate::util::{clock, panics};

/// Represents a request in its connection's state, until its response has been passed on whole or was abandoned.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    id: RequestId,
    http1: bool,
    /// HTTP/1.0, or older.
    old: bool,
    bodiless: bool,
    /// The connection ends with this response, and hyper ends it.
    last: bool,
    connect: bool,
    get: bool,
    grpc: bool,
    /// The outcome if it is dropped now; `None` when the request stays in flight until the connection's socket is
    /// dropped.
    outcome: Option<Outcome>,
    waited: bool,
    /// The claim of a request whose response turns the stream into a tunnel.
    claim: Option<Arc<Claim>>,
}

impl Ticket {
    pub(super) fn new<B: Body>(conn: &Arc<Conn>, request: &Request<B>) -> Self {
        let context = &conn.context;
        if context.is_announced() && !is_probe(request.uri().path()) {
            context.arrivals.note();
        }
        Self {
            id: conn.state().begin(request),
            conn: Arc::clone(conn),
            http1: request.version() <= Version::HTTP_11,
            old: request.version() <= Version::HTTP_10,
            bodiless: request.method() == Method::HEAD,
            last: request.version() <= Version::HTTP_11 && asks_for_end(request),
            connect: request.method() == Method::CONNECT,
            get: request.method() == Method::GET,
            grpc: is_grpc(request),
            outcome: Some(Outcome::Unanswered),
            waited: false,
            claim: None,
        }
    }

    /// Prepares the head of the response. `None` when the response upgrades the connection.
    #[inline]
    pub(super) fn answer<B>(mut self, response: &mut Response<B>) -> Option<Self> {
        let status = response.status();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS || (self.connect && status.is_success());
        if self.http1 && switches {
            self.conn.upgrade(is_websocket(response.headers()));
            self.outcome = None;
            return None;
        }
        if self.connect && status.is_success() {
            self.claim = Some(Claim::offer(&self.conn, self.id));
        }
        if !self.http1 {
            self.conn.answer(self.id, self.claim.is_some());
        }
        let context = &self.conn.context;
        if self.http1 && context.is_announced() && self.conn.announces() {
            let order = context.registry.order();
            if self.conn.may_be_last(self.id, order) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                self.last = true;
                if self.old {
                    // Otherwise hyper adds `keep-alive` for a client that requested it.
                    *response.version_mut() = Version::HTTP_10;
                }
            }
        }
        self.outcome = Some(Outcome::Broken);
        self.waited = false;
        self.bodiless |= matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Some(self)
    }

    /// Returns whether no body is sent, whatever the response contains.
    #[inline]
    pub(super) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    #[inline]
    pub(super) fn is_http1(&self) -> bool {
        self.http1
    }

    pub(super) fn is_get(&self) -> bool {
        self.get
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// Returns the server's current order for its connections.
    #[inline]
    pub(super) fn order(&self) -> Order {
        self.conn.context.registry.order()
    }

    /// Records that the request waits, and returns the server's order; the task is woken when the order changes. Cheap
    /// when it has waited before.
    pub(super) fn wait(&mut self, cx: &Context<'_>) -> Order {
        if !self.waited {
            self.waited = true;
            let answering = self.outcome == Some(Outcome::Broken);
            self.conn.wait(self.id, answering, cx.waker());
        }
        // Only after the waker was stored: either the registry finds it, or its order is found here.
        self.order()
    }

    /// Records, while the server drains, whether the peer has just been given a part of the response, or the service is
    /// waited for.
    pub(super) fn offer(&self, given: bool) {
        self.conn.state().offer(self.id, given.then(clock::now));
    }

    /// Records that the service has panicked, and logs it.
    #[cold]
    fn panicked(&self, message: &str) {
        self.fail();
        let (method, path) = self.conn.state().name_of(self.id).unwrap_or_default();
        crate::runtime::log_error!(%method, path, peer = %self.conn.peer(), panic = message, "request handler panicked");
    }

    /// Records that the response has no length. Without chunks or frames only the end of the connection shows where it
    /// ends.
    pub(super) fn has_no_length(&self, version: Version) {
        if self.http1 && (self.old || version < Version::HTTP_11) {
            self.conn.ends_response(self.id);
        }
    }

    /// Records that the client has part of the response and never gets the rest.
    pub(super) fn break_off(&self) {
        self.conn.break_off();
    }

    /// Returns how long the client must wait before it reconnects, if the server sends that.
    pub(super) fn sse_retry(&self) -> Option<Duration> {
        let wait = self.conn.context.settings.sse_retry.as_ref()?;
        let more = wait.end().saturating_sub(*wait.start());
        Some(wait.start().saturating_add(self.conn.share(more, self.id)))
    }

    /// Ends the request: its response was passed on to the end.
    #[inline]
    pub(super) fn whole(mut self) {
        self.outcome = Some(Outcome::Whole);
    }

    /// Ends the request: its policy ended the response cleanly before its source had ended.
    pub(super) fn ended_early(mut self) {
        self.outcome = Some(Outcome::Early);
    }

    /// Ends the request: its policy aborted the response.
    pub(super) fn aborted_by_policy(mut self) {
        self.outcome = Some(Outcome::AbortedByPolicy);
    }

    /// Records that the request has failed, whatever its client gets.
    pub(super) fn fail(&self) {
        self.conn.state().fail(self.id);
    }

    /// Ends the request at the deadline: it is counted and reported as cancelled, although the client is answered.
    pub(super) fn give_up(&mut self) {
        self.conn.give_up(self.id);
    }
}

impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        if self.claim.as_ref().is_some_and(|claim| claim.is_taken()) {
            return;
        }
        if self.last && matches!(self.outcome, Some(Outcome::Whole | Outcome::Early)) {
            self.conn.end_with_response();
        }
        if let Some(outcome) = self.outcome {
            if std::thread::panicking() {
                self.fail();
            }
            self.conn.end(self.id, outcome);
        }
    }
}

/// Runs code of the service. A panic is logged with the request and resumed; it ends the connection or the stream.
#[inline]
pub(super) fn run_and_log_panic<T>(ticket: Option<&Ticket>, run: impl FnOnce() -> T) -> T {
    // Sound: nothing that the code left half done is used again, because the panic is resumed.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done,
        Err(panic) => {
            if let Some(ticket) = ticket {
                ticket.panicked(&panics::message(&*panic));
            }
            resume_unwind(panic)
        }
    }
}

/// Returns whether a connection becomes a WebSocket, which ends with a close frame (RFC 6455 §7.1), so that its peer
/// can detect an early end.
fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Returns whether an HTTP/1 client asks to close the connection.
fn asks_for_end<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(header::CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests;
