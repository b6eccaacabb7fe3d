use ebbtide_http1::{Head, Method};

/// The status of a response, and the part of its body that was received with the head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// The result of parsing the bytes received so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The head is incomplete.
    More,
    /// A final response.
    Answer(Answer),
    /// Not an HTTP/1 response.
    NotHttp,
}

/// Parses the head of a final response and skips interim ones (1xx). Bytes that cannot begin a response are rejected immediately.
pub(super) fn read(bytes: &[u8]) -> Read {
    // The parser skips empty lines before a head; a call rejects them.
    if bytes.first().is_some_and(|first| *first != b'H') {
        return Read::NotHttp;
    }
    match Head::parse(bytes, Method::Other) {
        Ok(None) => Read::More,
        Ok(Some(head)) => {
            Read::Answer(Answer { status: head.status, body: beginning(&bytes[head.range.end..]) })
        }
        Err(_) => Read::NotHttp,
    }
}

/// Returns the first line of a body, for an error: at most 200 characters, without control characters.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Read {
        Read::Answer(Answer { status, body: body.to_owned() })
    }

    #[test]
    fn a_call_response_is_parsed_when_its_head_is_complete() {
        assert_eq!(read(b""), Read::More);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), Read::More);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n"), answer(200, ""));
        assert_eq!(read(b"HTTP/1.0 503\r\nA: b\r\n\r\nno\r\nmore"), answer(503, "no"));
        assert_eq!(read(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 X\r\n\r\n"), answer(204, ""));
        assert_eq!(read(b"HTTP/1.1 100 Continue\r\n\r\n"), Read::More);
    }

    #[test]
    fn a_call_rejects_bytes_that_are_not_http_immediately() {
        for bytes in [
            b"SSH-2.0-OpenSSH".as_slice(),
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"\r\n\r\n",
        ] {
            assert_eq!(read(bytes), Read::NotHttp, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
