//! Frames on the wire (RFC 9113, section 4.1 and 6).

use bytes::{Buf, Bytes, BytesMut};

/// What a client writes first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest payload, unless the peer permits more. This client permits no more.
pub(super) const MAX_FRAME: usize = 16_384;
/// The window of a connection or a stream before any SETTINGS.
pub(super) const INITIAL_WINDOW: u32 = 65_535;
/// The largest window.
pub(super) const MAX_WINDOW: u32 = 0x7fff_ffff;

/// The length of a frame's header.
const HEADER: usize = 9;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PUSH_PROMISE: u8 = 0x5;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

/// On DATA and HEADERS: the last frame of the stream.
pub(super) const END_STREAM: u8 = 0x1;
/// On SETTINGS and PING.
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The code of a stream that was not processed.
pub(super) const REFUSED_STREAM: u32 = 0x7;
/// The code of a stream that its client no longer needs.
pub(super) const CANCEL: u32 = 0x8;

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Bytes,
}

/// The bytes are not HTTP/2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotHttp2;

impl Frame {
    /// Takes the first frame from `read`. `None`: it is not complete.
    pub(super) fn take(read: &mut BytesMut) -> Result<Option<Self>, NotHttp2> {
        let Some(&[a, b, c, kind, flags, d, e, f, g]) = read.first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > MAX_FRAME {
            return Err(NotHttp2);
        }
        if read.len() < HEADER + length {
            return Ok(None);
        }
        read.advance(HEADER);
        let payload = read.split_to(length).freeze();
        Ok(Some(Self { kind, flags, stream: u32::from_be_bytes([d, e, f, g]) & MAX_WINDOW, payload }))
    }

    /// Returns whether `flag` is set.
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns the content of a DATA or HEADERS frame, without its padding and priority.
    pub(super) fn content(&self) -> Result<Bytes, NotHttp2> {
        let mut content = self.payload.clone();
        if self.has(PADDED) {
            let padding = usize::from(content.try_get_u8().map_err(|_| NotHttp2)?);
            let kept = content.len().checked_sub(padding).ok_or(NotHttp2)?;
            content.truncate(kept);
        }
        if self.kind == HEADERS && self.has(PRIORITY) {
            if content.len() < 5 {
                return Err(NotHttp2);
            }
            content.advance(5);
        }
        Ok(content)
    }

    /// Returns the number of four bytes at `at`.
    pub(super) fn number(&self, at: usize) -> Result<u32, NotHttp2> {
        let bytes = self.payload.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(NotHttp2)?;
        Ok(u32::from_be_bytes(*bytes))
    }
}

/// Returns a frame as it goes over the wire.
pub(super) fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER + payload.len());
    // At most MAX_FRAME long.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(length.get(1..).unwrap_or_default());
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.freeze()
}

/// Returns what a client writes when it connects: the preface, its settings, and the largest window for the connection.
pub(super) fn greeting() -> Bytes {
    const ENABLE_PUSH: [u8; 2] = [0, 2];
    const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
    let settings =
        [&ENABLE_PUSH[..], &0_u32.to_be_bytes(), &INITIAL_WINDOW_SIZE, &MAX_WINDOW.to_be_bytes()].concat();
    let more = MAX_WINDOW - INITIAL_WINDOW;
    [PREFACE, &encode(SETTINGS, 0, 0, &settings), &encode(WINDOW_UPDATE, 0, 0, &more.to_be_bytes())]
        .concat()
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_is_read_back_however_it_arrives(
            kind: u8, flags: u8, stream in 0..=MAX_WINDOW, payload: Vec<u8>, cut: prop::sample::Index
        ) {
            let bytes = encode(kind, flags, stream, &payload);
            let (first, rest) = bytes.split_at(cut.index(bytes.len()));
            let mut read = BytesMut::from(first);
            prop_assert_eq!(Frame::take(&mut read), Ok(None));
            read.extend_from_slice(rest);
            let frame = Frame { kind, flags, stream, payload: payload.into() };
            prop_assert_eq!(Frame::take(&mut read), Ok(Some(frame)));
            prop_assert!(read.is_empty());
        }

        #[test]
        fn any_frame_has_content_or_is_refused(kind in 0_u8..2, flags: u8, payload: Vec<u8>) {
            let frame = Frame { kind, flags, stream: 1, payload: payload.into() };
            if let Ok(content) = frame.content() {
                prop_assert!(content.len() <= frame.payload.len());
            }
        }
    }

    #[test]
    fn an_http1_response_is_not_http2() {
        assert_eq!(Frame::take(&mut BytesMut::from(&b"HTTP/1.1 400 Bad Request\r\n"[..])), Err(NotHttp2));
    }
}
