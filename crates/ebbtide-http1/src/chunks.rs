use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

use crate::Malformed;
use crate::head::MAX_HEADERS;

/// Returns the data of the chunks at the beginning of `received` and their length with the framing and the trailers.
/// `None`: the last chunk or the trailers are incomplete.
pub(crate) fn chunks(received: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    // Nothing is copied before the last chunk is received: this function is called again after each read.
    let mut data = Vec::new();
    let mut at = 0_usize;
    loop {
        let rest = received.get(at..).unwrap_or_default();
        // httparse accepts a size without digits as zero.
        if rest.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
            return Err(Malformed);
        }
        let (line, size) = match parse_chunk_size(rest) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed),
        };
        at = at.saturating_add(line);
        if size == 0 {
            let mut trailers = [EMPTY_HEADER; MAX_HEADERS];
            return match parse_headers(received.get(at..).unwrap_or_default(), &mut trailers) {
                Ok(Status::Complete((length, _))) => Ok(Some((data.concat(), at.saturating_add(length)))),
                Ok(Status::Partial) => Ok(None),
                Err(_) => Err(Malformed),
            };
        }
        let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let (Some(chunk), Some(line)) = (received.get(at..end), received.get(end..end.saturating_add(2)))
        else {
            return Ok(None);
        };
        if line != b"\r\n" {
            return Err(Malformed);
        }
        data.push(chunk);
        at = end.saturating_add(2);
    }
}
