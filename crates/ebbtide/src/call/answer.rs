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

/// Reads the head of a final response; interim ones (1xx) are passed over.
pub(super) fn read(mut bytes: &[u8]) -> Read {
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            // What does not even begin like a response is not waited for.
            let begins = bytes.iter().zip(b"HTTP/1.").all(|(is, should)| is == should);
            return if begins { Read::More } else { Read::NotHttp };
        };
        let (head, rest) = bytes.split_at(end + 4);
        match status(head) {
            Some(100..=199) => bytes = rest,
            Some(status) => return Read::Answer(Answer { status, body: beginning(rest) }),
            None => return Read::NotHttp,
        }
    }
}

/// Reads `HTTP/1.1 204 No Content`.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let [minor, b' ', one, two, three, after, ..] = *rest else { return None };
    if !minor.is_ascii_digit() || !matches!(after, b' ' | b'\r') {
        return None;
    }
    let digits = [one, two, three].map(|digit| digit.is_ascii_digit().then(|| u16::from(digit - b'0')));
    let [Some(one), Some(two), Some(three)] = digits else { return None };
    Some(one * 100 + two * 10 + three).filter(|status| *status >= 100)
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
