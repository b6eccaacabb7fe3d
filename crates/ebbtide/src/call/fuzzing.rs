use super::answer::{Read, read};

/// Checks that further bytes do not change the result that was parsed from a response's beginning.
pub(crate) fn answer(data: &[u8]) {
    let mut before = Read::More;
    for length in 0..=data.len() {
        let now = read(&data[..length]);
        let stays = match (&before, &now) {
            (Read::More, _) | (Read::NotHttp, Read::NotHttp) => true,
            // The error text may contain more of the body.
            (Read::Answer(before), Read::Answer(now)) => before.status == now.status,
            _ => false,
        };
        assert!(stays, "{before:?} became {now:?} at \"{}\"", data[..length].escape_ascii());
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn further_bytes_do_not_change_a_parsed_call_response(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..40usize) {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            answer(&bytes);
            answer(&[&head[..cut.min(head.len())], &bytes[..]].concat());
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn further_bytes_do_not_change_the_responses_of_the_seeds() {
        crate::seeds::on_seeds_and_at_random("answer", answer);
    }
}
