//! What is known of a connection and its streams: changed by frames, and read by requests.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use loona_hpack::Decoder;

use super::frame::{self, Frame, INITIAL_WINDOW, MAX_FRAME, NotHttp2};
use super::headers::{Head, decode};
use super::messages::Messages;
use crate::record::{Close, Digest};
use crate::wire::events::EventTail;

/// The state of a connection.
pub(super) struct ConnectionState {
    pub(super) streams: BTreeMap<u32, Stream>,
    /// The id of the next stream.
    pub(super) next: u32,
    /// The last stream that the peer may have processed, once it has sent a GOAWAY.
    pub(super) last: Option<u32>,
    /// How the connection ended.
    pub(super) close: Option<Close>,
    /// The peer does not speak HTTP/2.
    pub(super) malformed: bool,
    /// The first byte that was read.
    pub(super) first_byte: Option<u8>,
    /// How many bytes of bodies may be sent on the connection.
    pub(super) window: i64,
    /// The largest frame that may be sent.
    pub(super) max_frame: usize,
    /// The maximum number of open streams.
    pub(super) max_streams: usize,
    /// What is still to be written.
    pub(super) out: VecDeque<Outgoing>,
    initial_window: i64,
    greeted: bool,
    /// What is to be written after a header block that was written in part.
    after_block: Option<Vec<Outgoing>>,
    decoder: Decoder<'static>,
    /// A header block that is not complete.
    block: Option<HeaderBlock>,
    /// Bytes of bodies that were received since the window was last enlarged.
    consumed: u32,
}

/// The state of a stream.
#[derive(Default)]
pub(super) struct Stream {
    /// How many bytes of its body may be sent.
    pub(super) window: i64,
    /// Whether a byte of the request was written.
    pub(super) written: bool,
    /// Whether the request was written completely.
    pub(super) sent: bool,
    /// Whether a frame of the response was received.
    pub(super) began: bool,
    /// The head of the response.
    pub(super) head: Option<Head>,
    /// The gRPC status in the trailers.
    pub(super) grpc_status: Option<u16>,
    /// The length of the body so far.
    pub(super) length: u64,
    pub(super) digest: Digest,
    pub(super) events: EventTail,
    /// Its messages, if it is a call that streams them.
    pub(super) messages: Option<Messages>,
    /// The body so far, if it is kept.
    pub(super) kept: Option<Vec<u8>>,
    /// Whether the response is complete.
    pub(super) ended: bool,
    /// The code of a reset by the peer.
    pub(super) reset: Option<u32>,
}

/// Bytes to be written.
pub(super) struct Outgoing {
    pub(super) bytes: Bytes,
    /// The request that they belong to, and whether they are its last ones.
    pub(super) request: Option<(u32, bool)>,
}

struct HeaderBlock {
    stream: u32,
    bytes: Vec<u8>,
    ends_stream: bool,
}

/// The most bytes of several frames in one write.
const TOGETHER: usize = 64 << 10;
/// After this many bytes the window of the connection is enlarged.
const ENLARGE: u32 = 1 << 20;
/// The longest body that is kept. The descriptors of a service may be long.
const KEPT_BODY: usize = 16 << 20;
/// The longest header block that is read.
const MAX_BLOCK: usize = 1 << 20;

impl ConnectionState {
    pub(super) fn new() -> Self {
        Self {
            streams: BTreeMap::new(),
            next: 1,
            last: None,
            close: None,
            malformed: false,
            first_byte: None,
            window: INITIAL_WINDOW.into(),
            max_frame: MAX_FRAME,
            max_streams: usize::MAX,
            out: VecDeque::from([Outgoing { bytes: frame::greeting(), request: None }]),
            initial_window: INITIAL_WINDOW.into(),
            greeted: false,
            after_block: None,
            decoder: Decoder::new(),
            block: None,
            consumed: 0,
        }
    }

    /// Returns whether no further request may be sent.
    pub(super) fn is_closing(&self) -> bool {
        self.last.is_some() || self.close.is_some() || self.malformed
    }

    /// Returns whether a further stream may be opened now.
    pub(super) fn has_room(&self) -> bool {
        let open = self.streams.values().filter(|stream| !stream.ended && stream.reset.is_none()).count();
        open < self.max_streams
    }

    /// Opens a stream, and returns its id.
    pub(super) fn open(&mut self, keep_body: bool) -> u32 {
        let id = self.next;
        self.next = id.saturating_add(2);
        let kept = keep_body.then(Vec::new);
        self.streams.insert(id, Stream { window: self.initial_window, kept, ..Stream::default() });
        id
    }

    /// Queues the frame of a request.
    pub(super) fn request(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let bytes = frame::encode(kind, flags, stream, payload);
        let is_last = flags & frame::END_STREAM != 0 && kind != frame::CONTINUATION;
        self.out.push_back(Outgoing { bytes, request: Some((stream, is_last)) });
    }

    /// Queues a frame that belongs to no request. Within a header block it waits for the end of the block.
    pub(super) fn control(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let outgoing = Outgoing { bytes: frame::encode(kind, flags, stream, payload), request: None };
        match &mut self.after_block {
            Some(later) => later.push(outgoing),
            None => self.out.push_back(outgoing),
        }
    }

    /// Returns whether the settings were exchanged and nothing is waiting to be written.
    pub(super) fn is_greeted(&self) -> bool {
        self.greeted && self.out.is_empty()
    }

    /// Notes that the header block of a request was queued in part.
    pub(super) fn begin_block(&mut self) {
        self.after_block = Some(Vec::new());
    }

    /// Notes that the rest of the header block of `stream` was queued, which is the last part of the request if `is_last`.
    pub(super) fn end_block(&mut self, stream: u32, is_last: bool) {
        if let Some(last) = self.out.back_mut() {
            last.request = Some((stream, is_last));
        }
        self.out.extend(self.after_block.take().into_iter().flatten());
    }

    /// Tells the peer that the client needs no more of `stream`, and drops what is still to be sent of it.
    pub(super) fn cancel(&mut self, stream: u32) {
        let is_of = |outgoing: &Outgoing| outgoing.request.is_some_and(|(id, _)| id == stream);
        let first = self.out.front().is_some_and(is_of);
        let mut at = 0_usize;
        self.out.retain(|outgoing| {
            at += 1;
            // The first one may be half written.
            !is_of(outgoing) || first && at == 1
        });
        self.control(frame::RST_STREAM, 0, stream, &frame::CANCEL.to_be_bytes());
    }

    /// Returns the next bytes to write: several frames together, because each write costs a system call and a segment.
    pub(super) fn next_write(&self) -> Cow<'_, [u8]> {
        let Some(first) = self.out.front() else { return Cow::default() };
        let mut together = Cow::from(&*first.bytes);
        for next in self.out.iter().skip(1) {
            if together.len().saturating_add(next.bytes.len()) > TOGETHER {
                break;
            }
            together.to_mut().extend_from_slice(&next.bytes);
        }
        together
    }

    /// Notes that the next `count` bytes were written.
    pub(super) fn written(&mut self, mut count: usize) {
        while count > 0
            && let Some(first) = self.out.front_mut()
        {
            let part = first.bytes.split_to(count.min(first.bytes.len()));
            count = count.saturating_sub(part.len());
            let done = first.bytes.is_empty();
            if let Some((id, is_last)) = first.request
                && let Some(stream) = self.streams.get_mut(&id)
            {
                stream.written = true;
                stream.sent = stream.sent || (done && is_last);
            }
            if done {
                self.out.pop_front();
            }
        }
    }

    /// Returns whether the peer declared that it has not processed `stream`.
    pub(super) fn is_unprocessed(&self, id: u32) -> bool {
        let reset = self.streams.get(&id).and_then(|stream| stream.reset);
        self.last.is_some_and(|last| id > last) || reset == Some(frame::REFUSED_STREAM)
    }

    /// Changes the state as `frame` says.
    pub(super) fn receive(&mut self, frame: &Frame) -> Result<(), NotHttp2> {
        // The first frame of a server is SETTINGS, and nothing comes between the parts of a header block.
        let continues = self.block.as_ref().is_some_and(|block| block.stream == frame.stream);
        if !self.greeted && frame.kind != frame::SETTINGS
            || self.block.is_some() != (frame.kind == frame::CONTINUATION)
            || frame.kind == frame::CONTINUATION && !continues
        {
            return Err(NotHttp2);
        }
        self.greeted = true;
        match frame.kind {
            frame::DATA => self.data(frame),
            frame::HEADERS => {
                let bytes = frame.content()?.to_vec();
                if let Some(stream) = self.streams.get_mut(&frame.stream) {
                    stream.began = true;
                }
                let ends_stream = frame.has(frame::END_STREAM);
                self.headers(
                    HeaderBlock { stream: frame.stream, bytes, ends_stream },
                    frame.has(frame::END_HEADERS),
                )
            }
            frame::CONTINUATION => {
                let Some(mut block) = self.block.take() else { return Err(NotHttp2) };
                block.bytes.extend_from_slice(&frame.payload);
                self.headers(block, frame.has(frame::END_HEADERS))
            }
            frame::RST_STREAM => {
                let code = frame.number(0)?;
                if let Some(stream) = self.streams.get_mut(&frame.stream).filter(|stream| !stream.ended) {
                    stream.reset = Some(code);
                }
                Ok(())
            }
            frame::SETTINGS if frame.has(frame::ACK) => Ok(()),
            frame::SETTINGS => self.settings(frame),
            frame::PUSH_PROMISE => Err(NotHttp2),
            frame::PING => {
                if !frame.has(frame::ACK) {
                    self.control(frame::PING, frame::ACK, 0, &frame.payload);
                }
                Ok(())
            }
            frame::GOAWAY => {
                let last = frame.number(0)? & frame::MAX_WINDOW;
                self.last = Some(self.last.map_or(last, |earlier| earlier.min(last)));
                Ok(())
            }
            frame::WINDOW_UPDATE => {
                let more = i64::from(frame.number(0)? & frame::MAX_WINDOW);
                match self.streams.get_mut(&frame.stream) {
                    Some(stream) => stream.window += more,
                    None if frame.stream == 0 => self.window += more,
                    None => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn data(&mut self, frame: &Frame) -> Result<(), NotHttp2> {
        let data = frame.content()?;
        self.consumed = self.consumed.saturating_add(u32::try_from(frame.payload.len()).unwrap_or(u32::MAX));
        if self.consumed >= ENLARGE {
            let more = std::mem::take(&mut self.consumed);
            self.control(frame::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        }
        let Some(stream) = self.streams.get_mut(&frame.stream) else { return Ok(()) };
        stream.length = stream.length.saturating_add(data.len() as u64);
        stream.digest.add(&data);
        stream.events.add(&data);
        if let Some(messages) = &mut stream.messages {
            messages.receive(&data);
        }
        if let Some(kept) =
            stream.kept.as_mut().filter(|kept| kept.len().saturating_add(data.len()) <= KEPT_BODY)
        {
            kept.extend_from_slice(&data);
        }
        stream.ended |= frame.has(frame::END_STREAM);
        Ok(())
    }

    fn headers(&mut self, block: HeaderBlock, is_complete: bool) -> Result<(), NotHttp2> {
        if block.bytes.len() > MAX_BLOCK {
            return Err(NotHttp2);
        }
        if !is_complete {
            self.block = Some(block);
            return Ok(());
        }
        // Also for a stream that its client has left: the decoder's state depends on each block.
        let head = decode(&mut self.decoder, &block.bytes)?;
        let Some(stream) = self.streams.get_mut(&block.stream) else { return Ok(()) };
        match head.status {
            // An interim response.
            Some(100..=199) => return Ok(()),
            Some(_) if stream.head.is_none() => stream.head = Some(head),
            // Trailers.
            None if stream.head.is_some() && block.ends_stream => stream.grpc_status = head.grpc_status,
            _ => return Err(NotHttp2),
        }
        stream.ended |= block.ends_stream;
        Ok(())
    }

    fn settings(&mut self, frame: &Frame) -> Result<(), NotHttp2> {
        if !frame.payload.len().is_multiple_of(6) {
            return Err(NotHttp2);
        }
        for setting in frame.payload.chunks_exact(6) {
            let [a, b, c, d, e, f] = *setting else { return Err(NotHttp2) };
            let value = u32::from_be_bytes([c, d, e, f]);
            match u16::from_be_bytes([a, b]) {
                3 => self.max_streams = value as usize,
                4 => {
                    let grown = i64::from(value) - self.initial_window;
                    self.initial_window = value.into();
                    self.streams.values_mut().for_each(|stream| stream.window += grown);
                }
                5 => self.max_frame = value as usize,
                _ => {}
            }
        }
        self.control(frame::SETTINGS, frame::ACK, 0, &[]);
        Ok(())
    }
}
