use std::ops::Range;

use httparse::{EMPTY_HEADER, Header, Status};

use crate::{Malformed, Method};

/// More header lines than this, or more trailer lines, are malformed.
pub(crate) const MAX_HEADERS: usize = 128;

/// The head of a response, as far as it says where the response ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status; never an interim one (1xx) but 101.
    pub status: u16,
    /// How the end of the body is known.
    pub framing: Framing,
    /// Whether the server closes the connection after this response.
    pub closes: bool,
    /// Where the head is: behind the interim responses, with the empty line at its end.
    pub range: Range<usize>,
}

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    NoBody,
    /// By `Content-Length`, in bytes.
    Length(usize),
    /// By the last chunk.
    Chunked,
    /// By the end of the stream.
    Close,
}

impl Head {
    /// Parses the head of a final response at the beginning of `received`; interim ones are passed over. `None`: it is not whole.
    ///
    /// # Errors
    ///
    /// When this is no HTTP/1 response, which is returned for the first byte that shows it.
    pub fn parse(received: &[u8], method: Method) -> Result<Option<Self>, Malformed> {
        Self::find(received, method).map(Result::ok)
    }

    /// Returns where the final head begins if it is not whole.
    pub(crate) fn find(received: &[u8], method: Method) -> Result<Result<Self, usize>, Malformed> {
        let mut start = 0_usize;
        loop {
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let end = match response.parse(received.get(start..).unwrap_or_default()) {
                Ok(Status::Complete(length)) => start.saturating_add(length),
                Ok(Status::Partial) => return Ok(Err(start)),
                Err(_) => return Err(Malformed),
            };
            let status = response.code.filter(|status| *status >= 100).ok_or(Malformed)?;
            // The final response is still to come (RFC 9110 §15.2). No HTTP/1 follows 101.
            if status < 200 && status != 101 {
                start = end;
                continue;
            }
            let fields = Fields(response.headers);
            let framing = if method == Method::Head || matches!(status, 101 | 204 | 304) {
                Framing::NoBody
            } else {
                fields.framing()?
            };
            let is_old = response.version == Some(0);
            let closes = framing == Framing::Close
                || status == 101
                || fields.has("connection", "close")
                || (is_old && !fields.has("connection", "keep-alive"));
            return Ok(Ok(Self { status, framing, closes, range: start..end }));
        }
    }
}

struct Fields<'h>(&'h [Header<'h>]);

impl Fields<'_> {
    fn framing(&self) -> Result<Framing, Malformed> {
        // It overrides a length. A body whose last encoding is another one ends with the stream.
        if let Some(last) = self.tokens("transfer-encoding").last() {
            let chunked = last.eq_ignore_ascii_case(b"chunked");
            return Ok(if chunked { Framing::Chunked } else { Framing::Close });
        }
        let mut lengths = self.tokens("content-length").map(length);
        match lengths.next() {
            None => Ok(Framing::Close),
            Some(None) => Err(Malformed),
            Some(first) if lengths.any(|other| other != first) => Err(Malformed),
            Some(Some(length)) => Ok(Framing::Length(length)),
        }
    }

    fn has(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    fn tokens(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let named = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.flat_map(|header| header.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }
}

fn length(text: &[u8]) -> Option<usize> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
