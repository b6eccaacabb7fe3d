//! The client's end of a WebSocket (RFC 6455): text messages out, messages and the close frame in. No extension is offered.

use std::io;

use super::connection::{PEER_CLOSE, RequestResult};
use super::raw::RawConnection;
use crate::record::{Close, Outcome};

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    raw: RawConnection,
    /// The parts so far of a message that came in several frames.
    parts: Vec<u8>,
}

/// What came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    /// A text or binary message.
    Message(Vec<u8>),
    /// A close frame, with its code if it had one.
    Closed(Option<u16>),
    /// The end of the connection, without a close frame.
    Ended(Close),
    /// Bytes that are no frame of a server.
    Malformed,
}

/// The longest frame that is read.
const LONGEST: usize = 16 << 20;
/// The status of an accepted handshake.
const SWITCHING: u16 = 101;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A frame of a server.
#[derive(PartialEq, Eq, Debug)]
struct Frame {
    is_last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

/// The result of reading a frame.
#[derive(PartialEq, Eq, Debug)]
enum Read {
    /// The frame, and its length in bytes.
    Whole(Frame, usize),
    Part,
    Malformed,
}

impl WebSocket {
    /// Sends `handshake` on a new connection. `Err` is the response if it is another one than 101, or how the connection ended.
    pub(crate) async fn open(mut raw: RawConnection, handshake: &[u8]) -> Result<Self, RequestResult> {
        // The read that follows shows what a failed write means.
        let sent = raw.write(handshake).await.is_ok();
        let seen = raw.answer(&http::Method::GET).await;
        match seen.outcome {
            Outcome::Answered { status: SWITCHING } => Ok(Self { raw, parts: Vec::new() }),
            _ => Err(RequestResult { sent, ..seen }),
        }
    }

    /// Returns whether nothing has arrived, by the present state of the socket in the kernel.
    pub(crate) fn is_quiet(&self) -> bool {
        self.raw.read.is_empty() && self.raw.socket.still_quiet()
    }

    /// Sends a message. A failure shows when the next frame is read.
    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.raw.write(&encode(TEXT, text.as_bytes())).await
    }

    /// Returns what comes next. A ping is answered.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            let frame = match decode(&self.raw.read) {
                Read::Whole(frame, length) => {
                    self.raw.read.drain(..length);
                    frame
                }
                Read::Malformed => return Incoming::Malformed,
                Read::Part => match self.raw.more_or_close().await {
                    Ok(()) => continue,
                    Err(close) => return Incoming::Ended(close),
                },
            };
            match frame.opcode {
                TEXT | BINARY | CONTINUATION => {
                    self.parts.extend_from_slice(&frame.payload);
                    if self.parts.len() > LONGEST {
                        return Incoming::Malformed;
                    }
                    if frame.is_last {
                        return Incoming::Message(std::mem::take(&mut self.parts));
                    }
                }
                CLOSE => {
                    let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Incoming::Closed(code);
                }
                PING => {
                    // Without waiting: it is short, and a server that reads nothing gets none.
                    let _unsent = self.raw.socket.try_write(&encode(PONG, &frame.payload));
                    let _later = self.raw.socket.try_flush();
                }
                PONG => {}
                _ => return Incoming::Malformed,
            }
        }
    }

    /// Answers a close frame with `code`, and lets the server close the connection, within a short limit.
    pub(crate) async fn close(mut self, code: Option<u16>) {
        let code = code.map(u16::to_be_bytes);
        let code = code.as_ref().map_or(&[][..], |code| code.as_slice());
        if self.raw.write(&encode(CLOSE, code)).await.is_ok() {
            let _late = tokio::time::timeout(PEER_CLOSE, self.raw.socket.closed_by_peer(&mut false)).await;
        }
    }
}

/// Returns a frame of a client. Its mask protects caches between client and server; there are none, so that zero is as good.
fn encode(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const LAST: u8 = 0x80;
    const MASKED: u8 = 0x80;
    let mut frame = vec![LAST | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(MASKED | length),
        (_, Ok(length)) => {
            frame.push(MASKED | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            frame.push(MASKED | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Reads the frame of a server at the beginning of `bytes`.
fn decode(bytes: &[u8]) -> Read {
    let Some(&[first, second]) = bytes.first_chunk() else { return Read::Part };
    // A server masks nothing, and no extension was agreed on.
    if second & 0x80 != 0 || first & 0x70 != 0 {
        return Read::Malformed;
    }
    let after = bytes.get(2..).unwrap_or_default();
    let (length, head) = match second {
        126 => match after.first_chunk() {
            Some(length) => (u16::from_be_bytes(*length).into(), 4),
            None => return Read::Part,
        },
        127 => match after.first_chunk() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Read::Part,
        },
        length => (length.into(), 2_usize),
    };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LONGEST) else {
        return Read::Malformed;
    };
    let whole = head.saturating_add(length);
    match bytes.get(head..whole) {
        Some(payload) => {
            let frame = Frame { is_last: first & 0x80 != 0, opcode: first & 0x0f, payload: payload.to_vec() };
            Read::Whole(frame, whole)
        }
        None => Read::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a server sends it.
    fn served(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = encode(first & 0x0f, payload);
        frame[0] = first;
        frame[1] &= 0x7f;
        let head = frame.len() - payload.len();
        frame.drain(head - 4..head);
        frame
    }

    #[test]
    fn a_frame_of_each_length_is_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = served(0x81, &payload);
            let frame = Frame { is_last: true, opcode: TEXT, payload };
            assert_eq!(decode(&bytes), Read::Whole(frame, bytes.len()), "{length}");
            for part in [0, 1, 2, bytes.len() - 1].into_iter().filter(|part| *part < bytes.len()) {
                assert_eq!(decode(&bytes[..part]), Read::Part, "{part} of {length}");
            }
        }
    }

    #[test]
    fn what_no_server_sends_is_no_frame() {
        assert_eq!(decode(&encode(TEXT, b"masked")), Read::Malformed);
        assert_eq!(decode(&served(0xc1, b"compressed")), Read::Malformed);
        assert_eq!(decode(&[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]), Read::Malformed);
    }

    #[test]
    fn a_message_of_a_client_is_masked() {
        assert_eq!(encode(TEXT, b"hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(encode(PONG, &[7; 126])[..4], [0x8a, 0xfe, 0, 126]);
    }
}
