/// Parses a chunked body to its end (RFC 9112 §7.1), and counts the bytes after it.
///
/// It reads sizes and line ends and skips data. After an invalid byte it stops, and never reports an end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunks {
    state: ChunkState,
    /// The size so far, the rest of the data, or the number of bytes after the end.
    count: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkState {
    /// Before the first digit of a size.
    #[default]
    Begin,
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a line after the last chunk: a trailer, or the empty line that ends the body.
    Line,
    Trailer,
    TrailerEnd,
    Last,
    Over,
    Unknown,
}

impl Chunks {
    /// Parses more of the body.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            (self.state, bytes) = match (self.state, byte) {
                (ChunkState::Unknown, _) => return,
                (ChunkState::Over, _) => {
                    self.count += bytes.len() as u64;
                    return;
                }
                (ChunkState::Data, _) => {
                    let taken = self.count.min(bytes.len() as u64);
                    self.count -= taken;
                    let state = if self.count == 0 { ChunkState::DataCr } else { ChunkState::Data };
                    (state, bytes.get(taken as usize..).unwrap_or_default())
                }
                (ChunkState::Extension, byte) if byte != b'\r' => (ChunkState::Extension, behind_line(rest)),
                (ChunkState::Trailer, byte) if byte != b'\r' => (ChunkState::Trailer, behind_line(rest)),
                (state, byte) => (self.step(state, byte), rest),
            };
        }
    }

    /// Returns how many bytes followed the end; `None` before it, and if the body is invalid.
    pub(crate) fn behind(&self) -> Option<u64> {
        (self.state == ChunkState::Over).then_some(self.count)
    }

    /// Returns whether all bytes so far belong to the body, as far as is known.
    pub(crate) fn is_all(&self) -> bool {
        match self.state {
            ChunkState::Over => self.count == 0,
            ChunkState::Unknown => false,
            _ => true,
        }
    }

    fn step(&mut self, state: ChunkState, byte: u8) -> ChunkState {
        match (state, byte) {
            (ChunkState::Begin | ChunkState::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
                let size = self.count.checked_mul(16).and_then(|size| size.checked_add(digit));
                self.count = size.unwrap_or_default();
                if size.is_some() { ChunkState::Size } else { ChunkState::Unknown }
            }
            (ChunkState::Size, b'\r') | (ChunkState::Extension, b'\r') => ChunkState::SizeEnd,
            (ChunkState::Size, b';' | b' ' | b'\t') => ChunkState::Extension,
            (ChunkState::SizeEnd, b'\n') if self.count == 0 => ChunkState::Line,
            (ChunkState::SizeEnd, b'\n') => ChunkState::Data,
            (ChunkState::DataCr, b'\r') => ChunkState::DataLf,
            (ChunkState::DataLf, b'\n') => ChunkState::Begin,
            (ChunkState::Line, b'\r') => ChunkState::Last,
            (ChunkState::Line, _) => ChunkState::Trailer,
            (ChunkState::Trailer, b'\r') => ChunkState::TrailerEnd,
            (ChunkState::TrailerEnd, b'\n') => ChunkState::Line,
            (ChunkState::Last, b'\n') => ChunkState::Over,
            _ => ChunkState::Unknown,
        }
    }
}

/// Returns the rest, from the next line end on.
fn behind_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\r', bytes).and_then(|at| bytes.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(pieces: &[&[u8]]) -> Chunks {
        let mut chunks = Chunks::default();
        pieces.iter().for_each(|piece| chunks.feed(piece));
        chunks
    }

    #[test]
    fn the_end_of_a_chunked_body_is_found_at_any_split() {
        for body in [
            "0\r\n\r\n",
            "2\r\nab\r\n0\r\n\r\n",
            "A;x=\"y\"\r\n\r\n0\r\n\r\n0\r\n\r\n000\r\n\r\n",
            "1 \r\n\r\r\n0;last\r\nTrailer: 1\r\nOther: 2\r\n\r\n",
        ] {
            let body = body.as_bytes();
            for at in 0..=body.len() {
                let chunks = fed(&[&body[..at], &body[at..], b"GET"]);
                assert_eq!(chunks.behind(), Some(3), "{:?} at {at}", String::from_utf8_lossy(body));
                assert!(!chunks.is_all());
                assert_eq!(fed(&[&body[..at]]).behind().is_some(), at == body.len());
                assert!(fed(&[&body[..at]]).is_all());
            }
        }
    }

    #[test]
    fn an_invalid_chunked_body_has_no_end() {
        for body in ["x", "\r\n", "1\r\nab\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "1\n", "0\r\n\rx"] {
            let chunks = fed(&[body.as_bytes()]);
            assert_eq!((chunks.behind(), chunks.is_all()), (None, false), "{body:?}");
        }
    }
}
