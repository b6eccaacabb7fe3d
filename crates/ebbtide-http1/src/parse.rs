use std::error::Error;
use std::fmt;

use crate::{Body, Framing, Head, Response};

/// The method of the request that a response answers: it determines whether the response has a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `HEAD`: the response has no body.
    Head,
    /// Any other method except `CONNECT`, which is not supported.
    #[default]
    Other,
}

/// The result of parsing the bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// No byte of the final response; at most interim ones.
    Nothing,
    /// A part of the final response's head.
    InHead,
    /// The final response's head, and a part of its body.
    InBody,
    /// A complete response.
    Whole {
        /// The response.
        response: Response,
        /// Its length in bytes, including the interim responses before it.
        length: usize,
    },
    /// Not an HTTP/1 response.
    Malformed,
}

/// The error for bytes that are not an HTTP/1 response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Parses the response at the beginning of `received`. More bytes may follow.
pub fn parse(received: &[u8], method: Method) -> Parsed {
    inspect(received, method, false).unwrap_or(Parsed::Malformed)
}

/// Parses the response at the beginning of `received`. The stream has ended without an error, so no more bytes follow.
pub fn parse_to_eof(received: &[u8], method: Method) -> Parsed {
    inspect(received, method, true).unwrap_or(Parsed::Malformed)
}

fn inspect(received: &[u8], method: Method, ended: bool) -> Result<Parsed, Malformed> {
    let head = match Head::find(received, method)? {
        Ok(head) => head,
        Err(start) if start == received.len() => return Ok(Parsed::Nothing),
        Err(_) => return Ok(Parsed::InHead),
    };
    let (mut body, mut pieces, mut end) = (Body::new(head.framing), Vec::new(), head.range.end);
    while !body.is_complete() {
        let piece = body.read(received.get(end..).unwrap_or_default())?;
        if piece.length == 0 {
            break;
        }
        pieces.push(piece.data);
        end = end.saturating_add(piece.length);
    }
    if !(body.is_complete() || ended && head.framing == Framing::Close) {
        return Ok(Parsed::InBody);
    }
    // Nothing is copied before the end is received: this function is called again after each read.
    Ok(Parsed::Whole { response: Response::new(head, received, pieces.concat()), length: end })
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an HTTP/1 response")
    }
}

impl Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    fn whole(parsed: Parsed) -> (Response, usize) {
        match parsed {
            Parsed::Whole { response, length } => (response, length),
            other => panic!("{other:?}"),
        }
    }

    fn parse_other(received: &[u8]) -> Parsed {
        parse(received, Method::Other)
    }

    fn parse_last(received: &[u8]) -> Parsed {
        parse_to_eof(received, Method::Other)
    }

    #[test]
    fn a_response_is_complete_only_with_its_last_byte() {
        for (whole_text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", "ok"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 1\r\n\r\n", "ok"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            let (response, length) = whole(parse_other(whole_text.as_bytes()));
            assert_eq!((length, response.body.as_slice()), (whole_text.len(), body.as_bytes()));
            for cut in 1..whole_text.len() {
                let cut = &whole_text.as_bytes()[..whole_text.len() - cut];
                assert!(!matches!(parse_last(cut), Parsed::Whole { .. }), "{cut:?}");
            }
        }
    }

    #[test]
    fn interim_responses_are_skipped_before_the_final_one() {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        for interim in [hints.to_owned(), format!("HTTP/1.1 100 Continue\r\n\r\n{hints}")] {
            assert_eq!(parse_last(interim.as_bytes()), Parsed::Nothing);
            let answer = format!("{interim}HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            let (response, length) = whole(parse_other(answer.as_bytes()));
            assert_eq!((response.status, length), (404, answer.len()));
        }
        let (upgrade, _) = whole(parse_other(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00"));
        assert_eq!((upgrade.status, upgrade.closes), (101, true));
    }

    #[test]
    fn a_response_to_head_has_no_body_regardless_of_content_length() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(whole(parse(answer, Method::Head)).1, answer.len());
        assert_eq!(parse_last(answer), Parsed::InBody);
    }

    #[test]
    fn a_response_that_is_not_http_is_malformed() {
        assert_eq!(parse_last(b"\x15\x03\x01\x00\x02\x02\x16"), Parsed::Malformed);
        for framing in [
            "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\n\r\n",
            "Content-Length: +2\r\n\r\nok",
            "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}");
            assert_eq!(parse_other(answer.as_bytes()), Parsed::Malformed, "{answer:?}");
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        for head in ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"] {
            let read = format!("{head}ok");
            assert_eq!(parse_other(read.as_bytes()), Parsed::InBody);
            let (response, _) = whole(parse_last(read.as_bytes()));
            assert!(response.closes && response.framing == Framing::Close && response.body == b"ok");
        }
    }

    #[test]
    fn keep_alive_follows_the_http_version_and_the_connection_header() {
        for (head, closes) in [
            ("HTTP/1.1 204 X\r\n\r\n", false),
            ("HTTP/1.1 204 X\r\nConnection: upgrade, Close\r\n\r\n", true),
            ("HTTP/1.0 204 X\r\n\r\n", true),
            ("HTTP/1.0 204 X\r\nConnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(whole(parse_other(head.as_bytes())).0.closes, closes, "{head:?}");
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            Malformed => Malformed;
        }
    }
}
