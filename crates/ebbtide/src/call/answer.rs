use ebbtide_http1::{Head, Method};

/// The status of an answer, and the beginning of its body as far as it came with the head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// What the bytes that have come so far are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The head is not whole.
    More,
    /// An answer.
    Answer(Answer),
    /// Something else.
    NotHttp,
}

/// Reads the head of a final response; interim ones (1xx) are passed over. What does not even begin like a response is not waited for.
pub(super) fn read(bytes: &[u8]) -> Read {
    // The parser passes over empty lines before a head.
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

/// The first line of a body, for an error.
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
    fn an_answer_is_read_when_its_head_is_whole() {
        assert_eq!(read(b""), Read::More);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), Read::More);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n"), answer(200, ""));
        assert_eq!(read(b"HTTP/1.0 503\r\nA: b\r\n\r\nno\r\nmore"), answer(503, "no"));
        assert_eq!(read(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 X\r\n\r\n"), answer(204, ""));
        assert_eq!(read(b"HTTP/1.1 100 Continue\r\n\r\n"), Read::More);
    }

    #[test]
    fn what_is_no_answer_is_seen_at_once() {
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
