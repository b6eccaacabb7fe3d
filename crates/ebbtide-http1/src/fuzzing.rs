//! Entry point of the fuzz target (`fuzz/`): not part of the public API, and absent from all other builds.

use crate::{Body, Framing, Head, Method, Parsed, parse, parse_to_eof};

/// Panics when a property that must hold for any bytes from a server is violated.
pub fn response(received: &[u8]) {
    let answers = [
        (parse(received, Method::Other), Method::Other),
        (parse_to_eof(received, Method::Other), Method::Other),
        (parse(received, Method::Head), Method::Head),
    ];
    for (parsed, method) in answers {
        let Parsed::Whole { response, length } = parsed else { continue };
        assert!(length <= received.len());
        assert!(response.body.len() <= length);
        if response.framing != Framing::Close {
            let by_byte = read_by_byte(&received[..length], method);
            assert_eq!(by_byte.as_ref(), Some(&response.body), "the body depends on how it is received");
            let whole = Parsed::Whole { response, length };
            assert_eq!(
                parse(&received[..length], method),
                whole,
                "the result depends on the bytes after the response"
            );
            let more = [&received[..length], b"HTTP/1.1 500\r\n\r\n"].concat();
            assert_eq!(parse(&more, method), whole, "the response includes bytes of the next one");
            // One missing byte suffices: a shorter prefix would repeat the same check.
            let short = parse(&received[..length - 1], method);
            assert!(!matches!(short, Parsed::Whole { .. }), "complete without its last byte");
        }
    }
}

/// Returns the body of the response that `received` is, of which one byte more is known at each look. `None`: it is incomplete.
fn read_by_byte(received: &[u8], method: Method) -> Option<Vec<u8>> {
    let head = Head::parse(received, method).ok()??;
    let (mut body, mut data, mut from) = (Body::new(head.framing), Vec::new(), head.range.end);
    for to in head.range.end..=received.len() {
        while let Ok(piece) = body.read(&received[from..to])
            && piece.length > 0
        {
            data.extend_from_slice(piece.data);
            from += piece.length;
        }
    }
    (body.is_complete() && from == received.len()).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_complete_response_at_one_length_only() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/response");
        let seeds: Vec<_> = std::fs::read_dir(seeds).unwrap().map(|seed| seed.unwrap().path()).collect();
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| std::fs::read(seed).unwrap()).collect();
        assert!(!seeds.is_empty(), "no seeds");
        seeds.iter().for_each(|seed| response(seed));
        // Random bytes alone never form a head: valid seeds are mutated.
        let changed =
            (0..seeds.len(), proptest::collection::vec((0..200_usize, proptest::num::u8::ANY), 0..8));
        proptest::proptest!(proptest::test_runner::Config::with_cases(4000), |((seed, changes) in changed)| {
            let mut bytes = seeds[seed].clone();
            for (at, byte) in changes {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            response(&bytes);
        });
    }
}
