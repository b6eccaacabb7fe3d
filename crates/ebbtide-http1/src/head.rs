use std::mem::MaybeUninit;
use std::ops::Range;

use httparse::{Header, ParserConfig, Status};

use crate::{Malformed, Method};

/// The maximum length of a head, in bytes. A response with a longer one is malformed.
const MAX_HEAD: usize = 1 << 20;
/// Maximum number of header lines, and of trailer lines. A response with more is malformed.
pub(crate) const MAX_HEADERS: usize = 1000;

/// The parts of a response's head that determine where the response ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status: a final one, or 101. Other interim ones (1xx) are skipped.
    pub status: u16,
    /// How the end of the body is determined.
    pub framing: Framing,
    /// Whether the server closes the connection after this response.
    pub closes: bool,
    /// The position of the head: after the interim responses, and including the empty line at its end.
    pub range: Range<usize>,
}

/// How the end of a body is determined (RFC 9112 §6.3).
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
    /// Parses the head of a final response at the beginning of `received`. Returns `None` if it is incomplete.
    ///
    /// Interim responses are skipped.
    ///
    /// # Errors
    ///
    /// When this is not an HTTP/1 response. The error is returned as soon as `received` contains the first byte that proves it.
    pub fn parse(received: &[u8], method: Method) -> Result<Option<Self>, Malformed> {
        Self::find(received, method).map(Result::ok)
    }

    /// Returns the first value of a header in `received`, from which the head was parsed. The comparison of `name` ignores case.
    pub fn header<'r>(&self, received: &'r [u8], name: &str) -> Option<&'r [u8]> {
        header(received.get(self.range.clone())?, name)
    }

    /// Returns the final head, or the position at which it begins if it is incomplete.
    pub(crate) fn find(received: &[u8], method: Method) -> Result<Result<Self, usize>, Malformed> {
        let mut start = 0_usize;
        loop {
            let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut []);
            let rest = received.get(start..).unwrap_or_default();
            let parsed =
                ParserConfig::default().parse_response_with_uninit_headers(&mut response, rest, &mut headers);
            let end = match parsed {
                Ok(Status::Complete(length)) => start.saturating_add(length),
                Ok(Status::Partial) if received.len().saturating_sub(start) <= MAX_HEAD => {
                    return Ok(Err(start));
                }
                Ok(Status::Partial) | Err(_) => return Err(Malformed),
            };
            let status = response.code.filter(|status| *status >= 100).ok_or(Malformed)?;
            // A final response follows an interim one (RFC 9110 §15.2). After 101 the protocol is no longer HTTP/1.
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

/// Returns the first value of a header in `head`.
pub(crate) fn header<'h>(head: &'h [u8], name: &str) -> Option<&'h [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (is, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = value.strip_prefix(b":")?.trim_ascii();
        is.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
    })
}

struct Fields<'h>(&'h [Header<'h>]);

impl Fields<'_> {
    fn framing(&self) -> Result<Framing, Malformed> {
        // It overrides `Content-Length`. A body whose last encoding is not `chunked` ends with the stream.
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
