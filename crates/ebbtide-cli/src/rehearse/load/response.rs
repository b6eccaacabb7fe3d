//! Where an HTTP/1 response ends, by what its own head says.

/// A whole response.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Whether the server announced that it will close the connection.
    pub(super) closes: bool,
}

/// Returns the answer at the beginning of `read` and its length, when it is whole; `ended`: nothing more will come.
pub(super) fn parse(read: &[u8], ended: bool) -> Option<(Answer, usize)> {
    let head = head_length(read)?;
    let text = String::from_utf8_lossy(read.get(..head)?).to_ascii_lowercase();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let old = first.next()? == "http/1.0";
    let status: u16 = first.next()?.parse().ok()?;
    let header = |name: &str| {
        text.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let connection = header("connection").unwrap_or_default();
    let closes = connection.contains("close") || (old && !connection.contains("keep-alive"));
    let body = read.get(head..)?;
    let length = if status == 204 || status == 304 || status < 200 {
        0
    } else if header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        // Wins over a length (RFC 9112 §6.3).
        chunked_length(body)?
    } else if let Some(length) = header("content-length") {
        length.parse().ok().filter(|length| body.len() >= *length)?
    } else if ended {
        body.len()
    } else {
        return None;
    };
    Some((Answer { status, closes }, head + length))
}

/// Returns the length of the head, when it is whole.
pub(super) fn head_length(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The length of a chunked body, when it is whole.
fn chunked_length(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = body.get(at..)?;
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at = at.checked_add(line)?.checked_add(size)?.checked_add(4)?;
        if at > body.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
    }
}

/// What must hold for any bytes from a server; panics where it doesn't. The fuzz target calls it, and a test.
#[cfg(any(test, fuzzing))]
pub(super) fn check(read: &[u8]) {
    for ended in [false, true] {
        let Some((answer, length)) = parse(read, ended) else { continue };
        assert!(length <= read.len());
        assert!(head_length(read).is_some_and(|head| head <= length));
        if !ended {
            let same = |bytes: &[u8]| {
                let (again, same) = parse(bytes, false)?;
                Some((again.status, again.closes, same))
            };
            let whole = Some((answer.status, answer.closes, length));
            assert_eq!(same(&read[..length]), whole, "it needs nothing of what comes behind it");
            assert_eq!(same(&[read, b"HTTP/1.1 500\r\n\r\n"].concat()), whole, "nor takes anything of it");
            // One byte short is enough: each byte less is the same question again.
            assert_eq!(same(&read[..length - 1]), None, "whole without its last byte");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            let parsed = |cut: usize| parse(&whole.as_bytes()[..whole.len() - cut], false);
            assert_eq!(parsed(0).unwrap().1, whole.len());
            for cut in 1..whole.len() {
                assert!(parsed(cut).is_none(), "{cut} bytes short of {whole:?}");
            }
        }
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
        assert!(parse(read, false).is_none());
        assert!(parse(read, true).unwrap().0.closes);
    }
}
