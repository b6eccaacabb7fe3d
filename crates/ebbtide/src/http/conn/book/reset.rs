//! Which connections may not end in order, because their peer could take part of something for the whole.

use super::phase::Phase;
use super::{Begun, Book};

impl Book {
    /// Tells whether closing the socket would end a response early without the peer being able to tell.
    pub(in crate::http::conn) fn must_reset(&self) -> bool {
        let unfinished = !self.is_multiplexed() && self.requests.iter().any(|request| request.answering);
        self.broken || ((unfinished || self.blocked) && self.phase != Phase::Upgraded)
    }

    /// Notes that the peer gets part of the response to a request.
    pub(in crate::http::conn) fn answering(&mut self, begun: Begun) {
        match self.current(begun) {
            Some(request) => request.answering = true,
            // The request was cut before: the rest of its response may never follow.
            None => self.break_off(),
        }
    }

    /// Notes that the peer of an HTTP/1 connection has part of a response and never gets the rest.
    pub(in crate::http::conn) fn break_off(&mut self) {
        self.broken |= !self.is_multiplexed();
    }

    /// Notes that the connection is upgraded to a protocol whose only end may be that of the connection.
    pub(in crate::http::conn) fn make_tunnel(&mut self) {
        self.tunnel = true;
    }

    /// Tells whether the connection was upgraded to a protocol whose only end may be that of the connection.
    pub(in crate::http::conn) fn is_tunnel(&self) -> bool {
        self.tunnel && self.is_upgraded()
    }
}
