use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use crate::head;
use crate::stream::{End, StreamEnd, take_response};
use crate::{Framing, Head, Method};

/// A complete response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status: a final one, or 101. Other interim ones (1xx) are skipped.
    pub status: u16,
    /// How the end of the body was determined.
    pub framing: Framing,
    /// Whether the server closes the connection after this response.
    pub closes: bool,
    /// The body, without chunk framing.
    pub body: Vec<u8>,
    head: Vec<u8>,
}

impl Response {
    pub(crate) fn new(head: Head, received: &[u8], body: Vec<u8>) -> Self {
        let Head { status, framing, closes, range } = head;
        Self { status, framing, closes, body, head: received.get(range).unwrap_or_default().to_vec() }
    }

    /// Reads one response, to a request with another method than `HEAD`, from a blocking stream. Bytes received after it
    /// are discarded.
    ///
    /// # Errors
    ///
    /// When the response is incomplete or malformed. A timeout of the stream is an error too.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut stream = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong".as_bytes();
    /// let response = ebbtide_http1::Response::read(&mut stream)?;
    /// assert_eq!((response.status, response.text().as_ref()), (200, "pong"));
    /// # Ok::<(), ebbtide_http1::StreamEnd>(())
    /// ```
    pub fn read(stream: &mut impl Read) -> Result<Self, StreamEnd> {
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let end = match stream.read(&mut chunk) {
                Ok(0) => Some(End::Eof),
                Ok(count) => {
                    received.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    None
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Some(End::Error(error.kind())),
            };
            if let Some(read) = take_response(&mut received, Method::Other, end) {
                return read;
            }
        }
    }

    /// Returns whether the status is 200.
    pub fn is_ok(&self) -> bool {
        self.status == 200
    }

    /// Returns the head as it was received, including the empty line at its end.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Returns the first value of a header if it is UTF-8. The comparison of `name` ignores case.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// Returns the first value of a header. The comparison of `name` ignores case.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        head::header(&self.head, name)
    }

    /// Returns the body as text. Invalid UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { framing, closes, body, head, .. } = self;
        let mut fields = f.debug_struct("Response");
        fields.field("head", &String::from_utf8_lossy(head)).field("body", &String::from_utf8_lossy(body));
        fields.field("framing", framing).field("closes", closes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_by_its_name_in_any_case() {
        let text = "HTTP/1.1 302 X: no\r\nlocation:/a:b \r\nX:\r\nContent-Length: 0\r\nLocation: /c\r\n\r\n";
        let response = Response::read(&mut text.as_bytes()).unwrap();
        assert_eq!(response.header("Location"), Some("/a:b"));
        assert_eq!(response.header("x"), Some(""));
        assert_eq!(response.header("y"), None);
        assert_eq!(response.head(), text.as_bytes());
    }

    #[test]
    fn a_blocking_stream_is_read_to_the_end_of_the_response() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong".as_slice();
        for (split, behind) in [(0, "x"), (1, ""), (whole.len() - 1, "x")] {
            let (first, second) = whole.split_at(split);
            let response = Response::read(&mut first.chain(second).chain(behind.as_bytes())).unwrap();
            assert!(response.is_ok() && response.body == b"pong", "{response:?}");
        }
        let short = &whole[..whole.len() - 1];
        let error = Response::read(&mut &short[..]).unwrap_err();
        assert_eq!(error, StreamEnd { received: short.to_vec(), end: End::Eof });
        let error = Response::read(&mut b"SSH-2.0".as_slice()).unwrap_err();
        assert_eq!(error.end, End::Malformed);
    }
}
