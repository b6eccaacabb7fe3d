use crate::http::conn::first::{Protocol, detect};

/// The protocol is known from the first byte that tells it, and never changes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn the_protocol_is_known_from_the_first_byte_that_tells_it() {
        on_seeds_and_at_random("first", first);
    }
}
