//! A stream that is held half-way: a part of its request is written, and the rest later.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};

use super::connection::{Http2Connection, OpenStream};
use super::frame;
use super::headers::encode;
use crate::wire::connection::Exchange;
use crate::wire::payload::Payload;

/// The part of a request that is written first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Half of the header block.
    HalfHead,
    /// The head and half of the body.
    HalfBody,
    /// Everything, as far as the first window and one frame hold it.
    Whole,
}

/// A held stream, on a connection of its own.
pub(crate) struct HeldStream {
    connection: Http2Connection,
    id: u32,
    is_head: bool,
    /// The rest of the header block.
    block: Option<Vec<u8>>,
    body: Bytes,
}

impl Http2Connection {
    /// Writes a `part` of `request`. `None`: the connection accepts no request.
    pub(crate) async fn hold(&self, request: Request<Payload>, part: Part) -> Option<HeldStream> {
        let block = encode(&request);
        let is_head = request.method() == Method::HEAD;
        let mut body = match request.into_body() {
            Payload::Whole(body)
            | Payload::Trickle { rest: body, .. }
            | Payload::Messages { message: body, .. } => body,
        };
        let ends = if body.is_empty() { frame::END_STREAM } else { 0 };
        // A control frame within a header block would be an error of this client.
        self.shared.until(|state| (state.is_greeted() || state.is_closing()).then_some(())).await;
        let id = {
            let mut state = self.shared.state();
            if state.is_closing() {
                return None;
            }
            let id = state.open(false);
            let half = if part == Part::HalfHead { block.len() / 2 } else { block.len() };
            let (first, rest) = block.split_at(half);
            if part == Part::HalfHead {
                state.request(frame::HEADERS, ends, id, first);
                if let Some(first) = state.out.back_mut() {
                    first.request = Some((id, false));
                }
                state.begin_block();
                let connection = self.clone();
                drop(state);
                self.shared.wake();
                return Some(HeldStream { connection, id, is_head, block: Some(rest.to_vec()), body });
            }
            state.request(frame::HEADERS, ends | frame::END_HEADERS, id, first);
            id
        };
        let half = if part == Part::HalfBody { body.len() / 2 } else { body.len() };
        let mut first = body.split_to(half);
        let is_last = body.is_empty();
        if !first.is_empty() {
            let _closed = self.shared.state().take(id, &mut first, is_last);
        }
        self.shared.wake();
        // What the window had no room for.
        if !first.is_empty() {
            body = [first, body].concat().into();
        }
        Some(HeldStream { connection: self.clone(), id, is_head, block: None, body })
    }
}

impl HeldStream {
    /// Waits until nothing more will come on it.
    pub(crate) async fn until_over(&self) {
        self.connection.shared.until(|state| state.is_over(self.id).then_some(())).await;
    }

    fn is_over(&self) -> bool {
        self.connection.shared.state().is_over(self.id)
    }

    /// Writes the rest, unless the server has refused the stream meanwhile, and reads the response.
    pub(crate) async fn finish(self, fresh: bool) -> Exchange {
        let shared = Arc::clone(&self.connection.shared);
        let stream = OpenStream { shared: &shared, id: self.id };
        if let Some(block) = &self.block {
            let mut state = shared.state();
            if !state.is_over(self.id) {
                state.request(frame::CONTINUATION, frame::END_HEADERS, self.id, block);
                let is_last = self.body.is_empty();
                state.end_block(self.id, is_last);
            }
            drop(state);
            shared.wake();
        }
        let body = Payload::Whole(self.body.clone());
        if !self.is_over() && !body.is_over() {
            tokio::select! {
                biased;
                () = stream.until_over() => {}
                () = stream.send_body(body) => {}
            }
        }
        stream.until_over().await;
        stream.result(fresh, self.is_head)
    }
}
