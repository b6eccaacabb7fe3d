use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;

use crate::health::is_probe;
use crate::http::conn::{Begun, Conn, Ended};
use crate::runtime::clock;

/// Stands for a request in its connection's book, until its response has been handed over whole or was given up.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    begun: Begun,
    http1: bool,
    bodiless: bool,
    connect: bool,
    /// What it is if it is dropped now; `None` when it stays in flight until the connection's socket is dropped.
    outcome: Option<Ended>,
    waited: bool,
}

impl Ticket {
    pub(super) fn new<B: Body>(conn: &Arc<Conn>, request: &Request<B>) -> Self {
        let context = &conn.context;
        if context.is_announced() && !is_probe(request.uri().path()) {
            context.arrivals.note();
        }
        Self {
            begun: conn.book().begin(request),
            conn: Arc::clone(conn),
            http1: request.version() <= Version::HTTP_11,
            bodiless: request.method() == Method::HEAD,
            connect: request.method() == Method::CONNECT,
            outcome: Some(Ended::Unanswered),
            waited: false,
        }
    }

    /// Prepares the head of the response. `None` when the connection becomes something else with it.
    pub(super) fn answer<B>(mut self, response: &mut Response<B>) -> Option<Self> {
        let status = response.status();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS || (self.connect && status.is_success());
        if self.http1 && switches {
            self.conn.book().upgrade();
            self.outcome = None;
            return None;
        }
        let context = &self.conn.context;
        if self.http1 && context.is_announced() {
            let order = context.ledger.order();
            if context.settings.announces(order) && self.conn.book().may_be_last(self.begun, order) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
        }
        self.outcome = Some(Ended::Broken);
        self.waited = false;
        self.bodiless |= matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Some(self)
    }

    /// Tells whether no body is sent whatever the response has.
    pub(super) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    /// Notes that the request waits; cheap when it has waited before.
    pub(super) fn wait(&mut self) {
        if !self.waited {
            self.waited = true;
            let answering = self.outcome == Some(Ended::Broken);
            self.conn.book().wait(self.begun, answering, clock::now());
        }
    }

    /// Ends the request: its response was handed over to the end.
    pub(super) fn whole(mut self) {
        self.outcome = Some(Ended::Whole);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.conn.end(self.begun, outcome);
        }
    }
}
