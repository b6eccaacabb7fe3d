//! Determines from the frames of both sides which HTTP/2 requests wait for more of their bodies.

const HEAD: usize = 9;
/// The part of a payload that is read: the number in a WINDOW_UPDATE or a GOAWAY.
const WORD: usize = 4;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;

/// The initial window of each stream. The server sends it in its settings.
pub(crate) const STREAM_WINDOW: u32 = 1024 * 1024;
/// The initial window of a connection (RFC 9113 §6.9.2).
const CONNECTION_WINDOW: i64 = 65_535;

/// Steps through the frames of one direction, however their bytes are split.
#[derive(Debug)]
pub(super) struct FrameWalk {
    skip: usize,
    known: [u8; HEAD + WORD],
    length: usize,
    /// How much of the payload is still missing, once its frame has begun.
    left: Option<usize>,
}

/// A frame, without most of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHead {
    kind: u8,
    flags: u8,
    stream: u32,
    length: u32,
    word: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Begun(FrameHead),
    /// More of a frame's payload has arrived.
    Part(FrameHead),
    Ended(FrameHead),
}

impl FrameWalk {
    /// Begins after this many bytes that are not frames.
    pub(super) fn behind(skip: usize) -> Self {
        Self { skip, known: [0; HEAD + WORD], length: 0, left: None }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Step)) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if let Some(left) = self.left {
                let taken = left.min(bytes.len());
                bytes = &bytes[taken..];
                self.left = Some(left - taken);
                each(Step::Part(self.frame()));
            } else {
                let wanted = if self.length < HEAD { HEAD } else { HEAD + WORD.min(self.payload()) };
                let taken = (wanted - self.length).min(bytes.len());
                self.known[self.length..self.length + taken].copy_from_slice(&bytes[..taken]);
                self.length += taken;
                bytes = &bytes[taken..];
                if self.length < HEAD || self.length < HEAD + WORD.min(self.payload()) {
                    continue;
                }
                self.left = Some(self.payload() + HEAD - self.length);
                each(Step::Begun(self.frame()));
            }
            if self.left == Some(0) {
                each(Step::Ended(self.frame()));
                (self.length, self.left) = (0, None);
            }
        }
    }

    fn payload(&self) -> usize {
        let [a, b, c, ..] = self.known;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn frame(&self) -> FrameHead {
        let [_, _, _, kind, flags, s0, s1, s2, s3, w0, w1, w2, w3] = self.known;
        let number = |bytes| u32::from_be_bytes(bytes) & (u32::MAX >> 1);
        let length = u32::try_from(self.payload()).unwrap_or(u32::MAX);
        FrameHead { kind, flags, stream: number([s0, s1, s2, s3]), length, word: number([w0, w1, w2, w3]) }
    }
}

/// The requests without a response whose bodies have not ended.
#[derive(Debug)]
pub(super) struct Uploads {
    open: Vec<Upload>,
    /// How much the peer may send on the connection.
    window: i64,
    latest: u32,
    /// The last request that is accepted, according to the server's GOAWAY.
    last: u32,
}

#[derive(Debug)]
struct Upload {
    stream: u32,
    /// How much the peer may send for it: without a window the peer waits for the server.
    window: i64,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { open: Vec::new(), window: CONNECTION_WINDOW, latest: 0, last: u32::MAX }
    }
}

impl Uploads {
    /// Returns how many requests wait for their peer, which may send more.
    pub(super) fn waiting(&self) -> usize {
        if self.window <= 0 {
            return 0;
        }
        self.open.iter().filter(|upload| upload.window > 0).count()
    }

    /// Processes what the peer has sent. Returns whether that is progress of a request.
    pub(super) fn received(&mut self, step: Step) -> bool {
        let (Step::Begun(frame) | Step::Part(frame) | Step::Ended(frame)) = step;
        match (step, frame.kind) {
            (Step::Begun(_), HEADERS) if frame.stream > self.latest && frame.stream <= self.last => {
                self.latest = frame.stream;
                self.open.push(Upload { stream: frame.stream, window: STREAM_WINDOW.into() });
            }
            (Step::Begun(_), DATA) => {
                self.window -= i64::from(frame.length);
                self.upload(frame.stream)
                    .into_iter()
                    .for_each(|upload| upload.window -= i64::from(frame.length));
            }
            _ => {}
        }
        let ends = frame.flags & END_STREAM != 0 && matches!(frame.kind, DATA | HEADERS);
        if matches!(step, Step::Ended(_)) && (ends || frame.kind == RST_STREAM) {
            self.end(frame.stream);
        }
        !matches!(frame.kind, SETTINGS | PING)
    }

    /// Processes what was sent to the peer.
    pub(super) fn sent(&mut self, step: Step) {
        let Step::Begun(frame) = step else { return };
        match frame.kind {
            HEADERS | RST_STREAM => self.end(frame.stream),
            WINDOW_UPDATE if frame.stream == 0 => self.window += i64::from(frame.word),
            WINDOW_UPDATE => {
                self.upload(frame.stream)
                    .into_iter()
                    .for_each(|upload| upload.window += i64::from(frame.word));
            }
            GOAWAY => {
                self.last = frame.word;
                self.open.retain(|upload| upload.stream <= frame.word);
            }
            _ => {}
        }
    }

    fn upload(&mut self, stream: u32) -> Option<&mut Upload> {
        self.open.iter_mut().find(|upload| upload.stream == stream)
    }

    fn end(&mut self, stream: u32) {
        self.open.retain(|upload| upload.stream != stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        [&head[..], payload].concat()
    }

    struct Both {
        received: FrameWalk,
        sent: FrameWalk,
        uploads: Uploads,
    }

    impl Both {
        fn new() -> Self {
            Self { received: FrameWalk::behind(0), sent: FrameWalk::behind(0), uploads: Uploads::default() }
        }

        /// Processes the bytes in pieces; returns whether there was progress.
        fn receive(&mut self, bytes: &[u8], piece: usize) -> bool {
            let mut progress = false;
            for piece in bytes.chunks(piece) {
                self.received.feed(piece, |step| progress |= self.uploads.received(step));
            }
            progress
        }

        fn send(&mut self, bytes: &[u8]) {
            self.sent.feed(bytes, |step| self.uploads.sent(step));
        }
    }

    #[test]
    fn an_upload_is_pending_from_head_to_body_end_for_any_split_of_the_bytes() {
        for piece in 1..40 {
            let mut both = Both::new();
            assert!(both.receive(&frame(HEADERS, 4, 1, b"head"), piece));
            assert_eq!(both.uploads.waiting(), 1);
            let last = frame(DATA, END_STREAM, 1, &[7; 100]);
            both.receive(&last[..last.len() - 1], piece);
            assert_eq!(both.uploads.waiting(), 1, "its last byte is still to come");
            both.receive(&last[last.len() - 1..], piece);
            assert_eq!(both.uploads.waiting(), 0);
            both.receive(&frame(HEADERS, 4 | END_STREAM, 3, b"head"), piece);
            assert_eq!(both.uploads.waiting(), 0, "it has no body");
        }
    }

    #[test]
    fn an_upload_that_waits_for_its_window_is_not_stalled_by_its_peer() {
        let mut both = Both::new();
        both.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 24).to_be_bytes()));
        both.receive(&frame(HEADERS, 4, 1, b"head"), 1000);
        for _ in 0..64 {
            both.receive(&frame(DATA, 0, 1, &[0; 16 * 1024]), 1000);
        }
        assert_eq!(both.uploads.waiting(), 0, "the peer may send no more");
        both.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()));
        assert_eq!(both.uploads.waiting(), 1);
        both.receive(&frame(HEADERS, 4, 3, b"head"), 1000);
        both.uploads.window = 0;
        assert_eq!(both.uploads.waiting(), 0, "nothing more on the connection");
    }

    #[test]
    fn a_response_a_reset_and_a_refusal_end_an_upload() {
        for (ours, end) in [
            (true, frame(HEADERS, 4, 1, b"head")),
            (true, frame(RST_STREAM, 0, 1, &[0; 4])),
            (true, frame(GOAWAY, 0, 0, &[0; 8])),
            (false, frame(RST_STREAM, 0, 1, &[0; 4])),
        ] {
            let mut both = Both::new();
            both.receive(&frame(HEADERS, 4, 1, b"head"), 1000);
            if ours {
                both.send(&end);
            } else {
                both.receive(&end, 1000);
            }
            assert_eq!(both.uploads.waiting(), 0, "{end:?}");
        }
    }

    #[test]
    fn a_ping_is_not_progress_and_a_window_update_is() {
        let mut both = Both::new();
        assert!(!both.receive(&frame(PING, 0, 0, b"are you?"), 5));
        assert!(!both.receive(&frame(SETTINGS, 1, 0, b""), 5));
        assert!(both.receive(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), 5));
    }
}
