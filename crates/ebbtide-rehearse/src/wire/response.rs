//! Where an HTTP/1 response ends, by what its own head says (RFC 9112 §6.3). Heads, chunk sizes and trailers are parsed by
//! httparse.

use httparse::{EMPTY_HEADER, Header, Status, parse_chunk_size, parse_headers};

/// A whole response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// Its status; never an interim one but 101.
    pub(super) status: u16,
    /// Whether the server announced that it will close the connection.
    pub(super) closes: bool,
    /// What its end is known by.
    pub(super) end: End,
    /// Its body, without the framing.
    pub(super) body: Vec<u8>,
    /// Its `Location` header.
    pub(super) location: Option<Vec<u8>>,
}

/// What the end of a response is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It has no body.
    NoBody,
    /// `Content-Length`.
    Length,
    /// The last chunk.
    Chunked,
    /// The end of the connection.
    Close,
}

/// What the bytes that were read come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Interim responses at most, and no byte of the final one.
    Nothing,
    /// A part of the final response's head.
    InHead,
    /// The final response's head, and a part of its body.
    InBody,
    /// A whole response, and the number of bytes that it takes with the interim ones before it.
    Whole(Response, usize),
    /// Not HTTP/1.
    Malformed,
}

const MOST_HEADERS: usize = 128;

/// Parses the response at the beginning of `read`; `ended`: nothing more will come; `head`: the request was a HEAD.
pub(super) fn parse(read: &[u8], ended: bool, head: bool) -> Parsed {
    let mut at = 0;
    loop {
        let rest = read.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Parsed::Nothing;
        }
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(rest) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Parsed::InHead,
            Err(_) => return Parsed::Malformed,
        };
        let status = response.code.unwrap_or_default();
        at = at.saturating_add(length);
        // An interim response; the final one is still to come (RFC 9110 §15.2). After 101 no HTTP/1 follows.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let old = response.version == Some(0);
        return whole(read, at, status, old, response.headers, ended, head);
    }
}

fn whole(
    read: &[u8],
    at: usize,
    status: u16,
    old: bool,
    headers: &[Header<'_>],
    ended: bool,
    head: bool,
) -> Parsed {
    let tokens = |name: &str, token: &str| {
        let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named
            .flat_map(|header| header.value.split(|byte| *byte == b','))
            .any(|value| value.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    };
    let first = |name: &str| {
        headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let rest = read.get(at..).unwrap_or_default();
    let (end, found) = if head || matches!(status, 101 | 204 | 304) {
        (End::NoBody, Some((Vec::new(), 0)))
    } else if first("transfer-encoding").is_some() {
        // Wins over a length. An encoding whose last one is not chunked ends with the connection.
        if tokens("transfer-encoding", "chunked") {
            match chunks(rest) {
                Ok(found) => (End::Chunked, found),
                Err(NotChunks) => return Parsed::Malformed,
            }
        } else {
            (End::Close, ended.then(|| (rest.to_vec(), rest.len())))
        }
    } else if let Some(length) = first("content-length") {
        let length = std::str::from_utf8(length).ok().and_then(|text| text.trim().parse::<usize>().ok());
        let Some(length) = length else { return Parsed::Malformed };
        (End::Length, rest.get(..length).map(|body| (body.to_vec(), length)))
    } else {
        (End::Close, ended.then(|| (rest.to_vec(), rest.len())))
    };
    let Some((body, length)) = found else { return Parsed::InBody };
    let closes = end == End::Close
        || status == 101
        || tokens("connection", "close")
        || (old && !tokens("connection", "keep-alive"));
    let location = first("location").map(<[u8]>::to_vec);
    Parsed::Whole(Response { status, closes, end, body, location }, at.saturating_add(length))
}

struct NotChunks;

/// The body in `read` and the length of its framing with it, when the last chunk and the trailers are there.
fn chunks(read: &[u8]) -> Result<Option<(Vec<u8>, usize)>, NotChunks> {
    let mut body = Vec::new();
    let mut at = 0_usize;
    loop {
        let rest = read.get(at..).unwrap_or_default();
        let (line, size) = match parse_chunk_size(rest) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(NotChunks),
        };
        at = at.saturating_add(line);
        if size == 0 {
            let mut trailers = [EMPTY_HEADER; MOST_HEADERS];
            return match parse_headers(read.get(at..).unwrap_or_default(), &mut trailers) {
                Ok(Status::Complete((length, _))) => Ok(Some((body, at.saturating_add(length)))),
                Ok(Status::Partial) => Ok(None),
                Err(_) => Err(NotChunks),
            };
        }
        let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let (Some(data), Some(line)) = (read.get(at..end), read.get(end..end.saturating_add(2))) else {
            return Ok(None);
        };
        if line != b"\r\n" {
            return Err(NotChunks);
        }
        body.extend_from_slice(data);
        at = end.saturating_add(2);
    }
}

/// What must hold for any bytes from a server; panics where it doesn't. The fuzz target calls it, and a test.
#[cfg(any(test, fuzzing))]
pub(super) fn check(read: &[u8]) {
    for (ended, head) in [(false, false), (true, false), (false, true)] {
        let Parsed::Whole(response, length) = parse(read, ended, head) else { continue };
        assert!(length <= read.len());
        assert!(response.body.len() <= length);
        if response.end != End::Close {
            let whole = Parsed::Whole(response, length);
            assert_eq!(
                parse(&read[..length], false, head),
                whole,
                "it needs nothing of what comes behind it"
            );
            let more = [&read[..length], b"HTTP/1.1 500\r\n\r\n"].concat();
            assert_eq!(parse(&more, false, head), whole, "nor takes anything of it");
            // One byte short is enough: each byte less is the same question again.
            let short = parse(&read[..length - 1], false, head);
            assert!(!matches!(short, Parsed::Whole(..)), "whole without its last byte");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(read: &[u8], ended: bool, head: bool) -> (Response, usize) {
        match parse(read, ended, head) {
            Parsed::Whole(response, length) => (response, length),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        for (whole_text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 1\r\n\r\n", "ok"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            let (response, length) = whole(whole_text.as_bytes(), false, false);
            assert_eq!((length, response.body.as_slice()), (whole_text.len(), body.as_bytes()));
            for cut in 1..whole_text.len() {
                let cut = &whole_text.as_bytes()[..whole_text.len() - cut];
                assert!(!matches!(parse(cut, true, false), Parsed::Whole(..)), "{cut:?}");
            }
        }
    }

    #[test]
    fn an_interim_response_is_not_the_answer() {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        for interim in [hints.to_owned(), format!("HTTP/1.1 100 Continue\r\n\r\n{hints}")] {
            assert_eq!(parse(interim.as_bytes(), true, false), Parsed::Nothing);
            let answer = format!("{interim}HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            let (response, length) = whole(answer.as_bytes(), false, false);
            assert_eq!((response.status, length), (404, answer.len()));
        }
        let (upgrade, _) = whole(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", false, false);
        assert_eq!((upgrade.status, upgrade.closes), (101, true));
    }

    #[test]
    fn the_answer_to_head_has_no_body_whatever_its_length_says() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(whole(answer, false, true).1, answer.len());
        assert_eq!(parse(answer, true, false), Parsed::InBody);
    }

    #[test]
    fn what_is_not_http_is_neither_whole_nor_cut() {
        assert_eq!(parse(b"\x15\x03\x01\x00\x02\x02\x16", true, false), Parsed::Malformed);
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
        assert_eq!(parse(chunks, false, false), Parsed::Malformed);
    }

    #[test]
    fn any_bytes_are_whole_at_one_length_only() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/response");
        let seeds: Vec<_> = std::fs::read_dir(seeds).unwrap().map(|seed| seed.unwrap().path()).collect();
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| std::fs::read(seed).unwrap()).collect();
        assert!(!seeds.is_empty(), "no seeds");
        seeds.iter().for_each(|seed| check(seed));
        // Chance alone finds no head: it changes what is one.
        let changed =
            (0..seeds.len(), proptest::collection::vec((0..200_usize, proptest::num::u8::ANY), 0..8));
        proptest::proptest!(proptest::test_runner::Config::with_cases(4000), |((seed, changes) in changed)| {
            let mut bytes = seeds[seed].clone();
            for (at, byte) in changes {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            check(&bytes);
        });
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let read = b"HTTP/1.0 200 OK\r\n\r\nok";
        assert_eq!(parse(read, false, false), Parsed::InBody);
        let (response, _) = whole(read, true, false);
        assert!(response.closes && response.end == End::Close);
    }
}
