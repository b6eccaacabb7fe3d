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

/// Stands for a request in its connection's state, until its response has been handed over whole or was given up.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    id: RequestId,
    http1: bool,
    /// HTTP/1.0, or older.
    old: bool,
    bodiless: bool,
    /// The connection ends with its response, as hyper knows too.
    last: bool,
    connect: bool,
    get: bool,
    grpc: bool,
    /// What it is if it is dropped now; `None` when it stays in flight until the connection's socket is dropped.
    outcome: Option<Outcome>,
    waited: bool,
    /// What the request becomes, where its response hands the stream over.
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

    /// Prepares the head of the response. `None` when the connection becomes something else with it.
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
                    // Otherwise hyper adds `keep-alive` for a client that asked for it.
                    *response.version_mut() = Version::HTTP_10;
                }
            }
        }
        self.outcome = Some(Outcome::Broken);
        self.waited = false;
        self.bodiless |= matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Some(self)
    }

    /// Tells whether no body is sent whatever the response has.
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

    /// Returns what the server wants of its connections now.
    #[inline]
    pub(super) fn order(&self) -> Order {
        self.conn.context.registry.order()
    }

    /// Notes that the request waits, and returns what the server wants; the task is woken when that changes. Cheap when
    /// it has waited before.
    pub(super) fn wait(&mut self, cx: &Context<'_>) -> Order {
        if !self.waited {
            self.waited = true;
            let answering = self.outcome == Some(Outcome::Broken);
            self.conn.wait(self.id, answering, cx.waker());
        }
        // Only after the waker was left: either the registry finds it, or its order is found here.
        self.order()
    }

    /// Notes, while the server drains, whether the peer has just been given a part of the response, or is waited for by
    /// the service.
    pub(super) fn offer(&self, given: bool) {
        self.conn.state().offer(self.id, given.then(clock::now));
    }

    /// Notes that the service has panicked, and logs it.
    #[cold]
    fn panicked(&self, message: &str) {
        self.fail();
        let (method, path) = self.conn.state().name_of(self.id).unwrap_or_default();
        crate::runtime::log_error!(%method, path, peer = %self.conn.peer(), panic = message, "request handler panicked");
    }

    /// Notes that the response has no length. Without chunks or frames only the end of the connection tells where it ends.
    pub(super) fn has_no_length(&self, version: Version) {
        if self.http1 && (self.old || version < Version::HTTP_11) {
            self.conn.ends_response(self.id);
        }
    }

    /// Notes that the client has part of the response and never gets the rest.
    pub(super) fn break_off(&self) {
        self.conn.break_off();
    }

    /// Returns how long the client shall be told to wait before it connects again, if it shall be told.
    pub(super) fn sse_retry(&self) -> Option<Duration> {
        let wait = self.conn.context.settings.sse_retry.as_ref()?;
        let more = wait.end().saturating_sub(*wait.start());
        Some(wait.start().saturating_add(self.conn.share(more, self.id)))
    }

    /// Ends the request: its response was handed over to the end.
    #[inline]
    pub(super) fn whole(mut self) {
        self.outcome = Some(Outcome::Whole);
    }

    /// Ends the request: its response was ended in order before its source, by its policy.
    pub(super) fn ended_early(mut self) {
        self.outcome = Some(Outcome::Early);
    }

    /// Ends the request: its response is broken off, by its policy.
    pub(super) fn broken_off(mut self) {
        self.outcome = Some(Outcome::BrokenOff);
    }

    /// Notes that the request has failed, whatever its client gets.
    pub(super) fn fail(&self) {
        self.conn.state().fail(self.id);
    }

    /// Ends the request because the time is up: it is counted and named as cut, although the client is answered.
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

/// Runs code of the service. A panic is logged with the request and goes on; it ends the connection or the stream.
#[inline]
pub(super) fn unless_it_panics<T>(ticket: Option<&Ticket>, run: impl FnOnce() -> T) -> T {
    // Nothing that it may have left half done is used again: the panic goes on.
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

/// Tells whether a connection becomes a WebSocket, which ends with a close frame (RFC 6455 §7.1): its peer can tell an early
/// end.
fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Tells whether a client of HTTP/1 asks for the end of the connection.
fn asks_for_end<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(header::CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests;
