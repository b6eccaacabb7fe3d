use std::io;

use crate::http::conn::proxy_header::{Introduced, introduced};

/// A header is whole at one length only, whatever comes behind it, and what was refused stays refused.
pub(crate) fn proxy(data: &[u8]) {
    let known = |length: usize| introduced(&data[..length]).map_err(|error: io::Error| error.kind());
    let mut before: Result<Option<Introduced>, _> = Ok(None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn a_header_is_whole_at_one_length_only() {
        on_seeds_and_at_random("proxy", proxy);
    }
}
