use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

use crate::head::MAX_HEADERS;
use crate::{Framing, Malformed};

/// The maximum length of the line before a chunk, and of the trailers, in bytes. A response with a longer one is malformed.
const MAX_LINES: usize = 1 << 20;

/// What is missing of the body of a response: decodes the body as its bytes are received.
///
/// # Examples
///
/// ```
/// use ebbtide_http1::{Body, Framing};
///
/// let mut body = Body::new(Framing::Chunked);
/// let (mut received, mut text) = (b"2\r\nok\r\n0\r\n\r\n".as_slice(), Vec::new());
/// while !body.is_complete() {
///     let piece = body.read(received)?;
///     assert!(piece.length > 0, "more bytes are required");
///     text.extend_from_slice(piece.data);
///     received = &received[piece.length..];
/// }
/// assert_eq!((text.as_slice(), received), (b"ok".as_slice(), b"".as_slice()));
/// # Ok::<(), ebbtide_http1::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Missing);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Missing {
    /// So many bytes.
    Data(u64),
    /// All bytes up to the end of the stream.
    UpToEof,
    /// A chunk, from its size on.
    Chunk,
    /// So many bytes of a chunk, and what follows it.
    ChunkData(u64),
    /// The end of the line after the data of a chunk.
    ChunkEnd,
    /// What follows the last chunk.
    Trailers,
}

/// A part of a body, at the beginning of the bytes received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'r> {
    /// The data, without chunk framing. Empty if the piece is only framing.
    pub data: &'r [u8],
    /// The number of bytes that the piece had in the stream. 0: more bytes are required, or the body is complete.
    pub length: usize,
}

impl Body {
    /// Creates a body of which nothing is read yet.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::NoBody => Missing::Data(0),
            Framing::Length(length) => Missing::Data(length as u64),
            Framing::Chunked => Missing::Chunk,
            Framing::Close => Missing::UpToEof,
        })
    }

    /// Returns whether nothing is missing. A body with [`Framing::Close`] is complete only when the stream ends without an error,
    /// which this does not tell.
    pub fn is_complete(&self) -> bool {
        self.0 == Missing::Data(0)
    }

    /// Takes the next piece from the beginning of `received`, which has to follow the bytes of the piece before.
    ///
    /// # Errors
    ///
    /// When this is not a body with that framing.
    pub fn read<'r>(&mut self, received: &'r [u8]) -> Result<Piece<'r>, Malformed> {
        let piece = |data: &'r [u8]| Piece { data, length: data.len() };
        let framing = |length| Piece { data: &[], length };
        let up_to = |most: u64| {
            let most = usize::try_from(most).unwrap_or(usize::MAX).min(received.len());
            received.get(..most).unwrap_or_default()
        };
        let (missing, next) = match self.0 {
            Missing::UpToEof => (Missing::UpToEof, piece(received)),
            Missing::Data(missing) => {
                let data = up_to(missing);
                (Missing::Data(missing.saturating_sub(data.len() as u64)), piece(data))
            }
            Missing::ChunkData(missing) => {
                let data = up_to(missing);
                let missing = missing.saturating_sub(data.len() as u64);
                (if missing == 0 { Missing::ChunkEnd } else { Missing::ChunkData(missing) }, piece(data))
            }
            Missing::ChunkEnd => match received {
                [b'\r', b'\n', ..] => (Missing::Chunk, framing(2)),
                [] | [b'\r'] => (Missing::ChunkEnd, framing(0)),
                _ => return Err(Malformed),
            },
            // httparse accepts a size without digits as zero.
            Missing::Chunk if received.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                return Err(Malformed);
            }
            Missing::Chunk => match parse_chunk_size(received) {
                Ok(Status::Complete((line, 0))) => (Missing::Trailers, framing(line)),
                Ok(Status::Complete((line, size))) => (Missing::ChunkData(size), framing(line)),
                Ok(Status::Partial) if received.len() <= MAX_LINES => (Missing::Chunk, framing(0)),
                Ok(Status::Partial) | Err(_) => return Err(Malformed),
            },
            Missing::Trailers => match parse_headers(received, &mut [EMPTY_HEADER; MAX_HEADERS]) {
                Ok(Status::Complete((length, _))) => (Missing::Data(0), framing(length)),
                Ok(Status::Partial) if received.len() <= MAX_LINES => (Missing::Trailers, framing(0)),
                Ok(Status::Partial) | Err(_) => return Err(Malformed),
            },
        };
        self.0 = missing;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body that is received `step` bytes at a time. Returns its data and the number of bytes that it had in the stream.
    fn read(framing: Framing, received: &[u8], step: usize) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
        let (mut body, mut data, mut from, mut to) = (Body::new(framing), Vec::new(), 0, 0);
        while !body.is_complete() {
            let piece = body.read(&received[from..to])?;
            data.extend_from_slice(piece.data);
            from += piece.length;
            match piece.length {
                0 if to == received.len() => return Ok(None),
                0 => to = received.len().min(to + step),
                _ => {}
            }
        }
        Ok(Some((data, from)))
    }

    #[test]
    fn a_body_is_the_same_however_its_bytes_are_received() {
        for (framing, received, data, length) in [
            (Framing::NoBody, "next", "", 0),
            (Framing::Length(0), "next", "", 0),
            (Framing::Length(4), "pongnext", "pong", 4),
            (
                Framing::Chunked,
                "4;a=b\r\npong\r\nA\r\n0123456789\r\n0\r\nSum: 1\r\n\r\nnext",
                "pong0123456789",
                41,
            ),
            (Framing::Chunked, "0\r\n\r\n", "", 5),
        ] {
            for step in 1..=received.len() {
                let whole = read(framing, received.as_bytes(), step);
                assert_eq!(whole, Ok(Some((data.as_bytes().to_vec(), length))), "{received:?} {step}");
            }
            for cut in 0..length {
                assert_eq!(read(framing, &received.as_bytes()[..cut], 3), Ok(None), "{received:?} {cut}");
            }
        }
    }

    #[test]
    fn a_body_without_a_length_is_never_complete() {
        let mut body = Body::new(Framing::Close);
        assert_eq!(body.read(b"ok"), Ok(Piece { data: b"ok", length: 2 }));
        assert!(!body.is_complete());
    }

    #[test]
    fn framing_that_never_ends_is_malformed() {
        for (begin, endless) in [("1;", "x"), ("0\r\n", "a: b\r\n")] {
            let long = [begin, &endless.repeat(MAX_LINES)].concat();
            let received = &long.as_bytes()[..MAX_LINES + 1];
            assert_eq!(read(Framing::Chunked, received, received.len()), Err(Malformed), "{begin:?}");
        }
        let long = ["1;", &"x".repeat(MAX_LINES - 2)].concat();
        assert_eq!(read(Framing::Chunked, long.as_bytes(), long.len()), Ok(None));
    }

    #[test]
    fn data_after_a_chunk_is_malformed() {
        assert_eq!(read(Framing::Chunked, b"1\r\nab", 1), Err(Malformed));
    }
}
