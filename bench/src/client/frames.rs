//! The subset of HTTP/2 (RFC 9113) that a client needs for one small request in a loop. It records for each request whether it
//! was written, which no client library reports.

/// The preface, empty settings, and a connection window of maximum size.
pub const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x00\x04\x00\x00\x00\x00\x00\
    \x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\x00\x00\x00";

/// The acknowledgement of the server's settings.
pub const SETTINGS_ACK: &[u8] = &[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0];

/// The head of a ping's acknowledgement; the ping's eight bytes follow it.
pub const PING_ACK: &[u8] = &[0, 0, 8, PING, ACK, 0, 0, 0, 0];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: u32 = 7;
const HEAD: usize = 9;

/// `:method: GET`, `:scheme: http`, `:path: /ping` and `:authority: 127.0.0.1`, without the dynamic table (RFC 7541).
const FIELDS: &[u8] = b"\x82\x86\x04\x05/ping\x01\x09127.0.0.1";

/// `:status: 200` in the static table.
const STATUS_200: u8 = 0x88;

/// Splits the bytes of a connection into frames.
#[derive(Debug, Default)]
pub struct Frames {
    unread: Vec<u8>,
}

/// A frame, reduced to what the client needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// The response on a stream has begun.
    Begun {
        /// The stream.
        stream: u32,
        /// Whether this frame also ends the stream.
        end: bool,
        /// Whether its status is 200.
        well: bool,
    },
    /// More of the response.
    Body {
        /// The stream.
        stream: u32,
        /// Whether this frame ends the stream.
        end: bool,
    },
    /// The stream was reset.
    Reset {
        /// The stream.
        stream: u32,
        /// Whether the server says that it did not process the request (RFC 9113 §8.7).
        refused: bool,
    },
    /// The server processes no streams above this one.
    GoAway {
        /// The last stream that may be processed.
        last: u32,
    },
    /// Settings, to be acknowledged.
    Settings,
    /// A ping, to be answered.
    Ping([u8; 8]),
    /// A frame that needs no answer.
    Other,
}

/// Appends a request on a stream.
pub fn frame(stream: u32, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[0, 0, FIELDS.len() as u8, HEADERS, END_HEADERS | END_STREAM]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(FIELDS);
}

impl Frames {
    /// Appends received bytes, and passes every complete frame to `each`.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Arrived)) {
        self.unread.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((arrived, length)) = first(self.unread.get(at..).unwrap_or_default()) {
            each(arrived);
            at += length;
        }
        self.unread.drain(..at);
    }
}

/// Returns the first frame and its length, if it is complete.
fn first(bytes: &[u8]) -> Option<(Arrived, usize)> {
    let &[a, b, c, kind, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD>()?;
    let length = HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
    let payload = bytes.get(HEAD..length)?;
    let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
    let end = flags & END_STREAM != 0;
    let number = |at: usize| payload.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let arrived = match kind {
        HEADERS => Arrived::Begun { stream, end, well: payload.first() == Some(&STATUS_200) },
        DATA => Arrived::Body { stream, end },
        RST_STREAM => Arrived::Reset { stream, refused: number(0) == Some(REFUSED_STREAM) },
        GOAWAY => Arrived::GoAway { last: number(0)? & 0x7fff_ffff },
        SETTINGS if flags & ACK == 0 => Arrived::Settings,
        PING if flags & ACK == 0 => Arrived::Ping(*payload.first_chunk()?),
        _ => Arrived::Other,
    };
    Some((arrived, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_the_bytes_are_split() {
        let mut bytes = SETTINGS_ACK.to_vec();
        bytes.extend([0, 0, 1, HEADERS, END_HEADERS, 0, 0, 0, 1, STATUS_200]);
        bytes.extend([0, 0, 4, DATA, END_STREAM, 0, 0, 0, 1]);
        bytes.extend(b"pong");
        bytes.extend([0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]);
        let all = [
            Arrived::Other,
            Arrived::Begun { stream: 1, end: false, well: true },
            Arrived::Body { stream: 1, end: true },
            Arrived::GoAway { last: 5 },
        ];
        for at in 0..=bytes.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            let (before, behind) = bytes.split_at(at);
            frames.feed(before, |arrived| seen.push(arrived));
            frames.feed(behind, |arrived| seen.push(arrived));
            assert_eq!(seen, all, "split at {at}");
        }
    }
}
