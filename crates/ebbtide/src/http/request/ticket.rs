use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;

use crate::http::conn::{Begun, Conn};
use crate::http::probe::is_probe;
use crate::runtime::clock;

/// Stands for a request in its connection's book, until its response has been handed over whole or was given up.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    begun: Begun,
    http1: bool,
    bodiless: bool,
    connect: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Dropped now, the response is not whole.
    Open,
    Whole,
    /// The request stays in flight until the connection's socket is dropped.
    Upgraded,
}

impl Ticket {
    pub(super) fn new<B: Body>(conn: &Arc<Conn>, request: &Request<B>) -> Self {
        let context = &conn.context;
        if context.is_announced() && !is_probe(request.uri().path()) {
            context.arrivals.note();
        }
        Self {
            begun: conn.book().begin(request, clock::now()),
            conn: Arc::clone(conn),
            http1: request.version() <= Version::HTTP_11,
            bodiless: request.method() == Method::HEAD,
            connect: request.method() == Method::CONNECT,
            outcome: Outcome::Open,
        }
    }

    /// Prepares the head of the response. `None` when the connection becomes something else with it.
    pub(super) fn answer<B>(mut self, response: &mut Response<B>) -> Option<Self> {
        let status = response.status();
        let context = &self.conn.context;
        let mut book = self.conn.book();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS || (self.connect && status.is_success());
        if self.http1 && switches {
            book.upgrade();
            drop(book);
            self.outcome = Outcome::Upgraded;
            return None;
        }
        book.answer(self.begun);
        let order = context.ledger.order();
        let announce = self.http1 && context.is_announced() && context.settings.announces(order);
        if announce && book.may_be_last(self.begun, order) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        drop(book);
        self.bodiless |= matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Some(self)
    }

    /// Tells whether no body is sent whatever the response has.
    pub(super) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    /// Ends the request: its response was handed over to the end.
    pub(super) fn whole(mut self) {
        self.outcome = Outcome::Whole;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.outcome != Outcome::Upgraded {
            self.conn.end(self.begun, self.outcome == Outcome::Whole);
        }
    }
}
