use std::io;

#[cfg(feature = "tls")]
use crate::http::conn::bytes::Records;
use crate::http::conn::chunks::Chunks;
use crate::http::conn::opening::{Protocol, ProxiedClient, detect, introduced};

/// Any bytes, in any pieces, have the end that a reader of the whole finds.
pub(crate) fn chunks(data: &[u8]) {
    let (cuts, body) = data.split_at(data.len().min(4));
    let end = end(body);
    let mut chunks = Chunks::default();
    let mut at = 0_usize;
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let to = at.saturating_add(cut).min(body.len());
        chunks.feed(&body[at..to]);
        at = to;
        let behind = end.and_then(|end| to.checked_sub(end));
        assert_eq!(chunks.behind(), behind.map(|behind| behind as u64), "after {at} of {body:?}");
        if behind.is_some_and(|behind| behind > 0) {
            assert!(!chunks.is_all());
        }
        if end.is_some() && behind.is_none_or(|behind| behind == 0) {
            assert!(chunks.is_all());
        }
    }
}

/// The protocol is known from the first byte that determines it, and never changes.
pub(crate) fn first(data: &[u8]) {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for length in 0..=data.len() {
        let bytes = &data[..length];
        let expected = match bytes {
            bytes if bytes.starts_with(PREFACE) => Some(Protocol::Http2),
            bytes if PREFACE.starts_with(bytes) => None,
            _ => Some(Protocol::Http1),
        };
        assert_eq!(detect(bytes), expected, "{bytes:?}");
    }
}

/// A header is complete at one length only, whatever follows it, and what was refused stays refused.
pub(crate) fn proxy(data: &[u8]) {
    let known = |length: usize| introduced(&data[..length]).map_err(|error: io::Error| error.kind());
    let mut before: Result<Option<ProxiedClient>, _> = Ok(None);
    for length in 0..=data.len() {
        let now = known(length);
        let bytes = data[..length].escape_ascii();
        match &before {
            Ok(None) => {}
            same => assert_eq!(&now, same, "a byte more makes another header of \"{bytes}\""),
        }
        if let (Ok(None), Ok(Some(introduced))) = (&before, &now) {
            assert_eq!(introduced.length, length, "it was whole before \"{bytes}\"");
        }
        before = now;
    }
}

/// Records in any pieces are complete where a reader of all of them finds their ends.
#[cfg(feature = "tls")]
pub(crate) fn records(data: &[u8]) {
    let (cuts, bytes) = data.split_at(data.len().min(4));
    let ends = ends(bytes);
    let mut records = Records::default();
    let mut at = 0_usize;
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let to = at.saturating_add(cut).min(bytes.len());
        records.read(&bytes[at..to]);
        at = to;
        assert_eq!(records.is_in_one(), !ends.contains(&at), "after {at} of {bytes:?}");
    }
}

/// Returns where a chunked body ends, line by line as specified in RFC 9112 §7.1.
fn end(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = line(body, at)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !matches!(line.get(digits), None | Some(b';' | b' ' | b'\t')) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        at += line.len() + 2;
        if size == 0 {
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?;
        if body.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    loop {
        let line = line(body, at)?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some(at);
        }
    }
}

/// Returns a line without its end. A carriage return that does not end a line is an error.
fn line(body: &[u8], at: usize) -> Option<&[u8]> {
    let rest = body.get(at..)?;
    let length = rest.iter().position(|byte| *byte == b'\r')?;
    (rest.get(length + 1) == Some(&b'\n')).then(|| &rest[..length])
}

/// Where one record ends and the next begins: a type, a version, a length, and that many bytes (RFC 8446 §5.1).
#[cfg(feature = "tls")]
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut at = 0;
    while let Some([_, _, _, high, low]) = bytes.get(at..at + 5) {
        at += 5 + usize::from(*high) * 256 + usize::from(*low);
        ends.push(at);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn chunked_bodies_end_at_the_same_byte_for_any_split() {
        on_seeds_and_at_random("chunks", chunks);
    }

    #[test]
    fn the_protocol_is_decided_at_the_first_distinguishing_byte() {
        on_seeds_and_at_random("first", first);
    }

    #[test]
    fn a_proxy_header_is_complete_at_one_length_only() {
        on_seeds_and_at_random("proxy", proxy);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_records_are_complete_at_their_last_byte_for_any_split() {
        on_seeds_and_at_random("records", records);
    }
}
