//! What must hold for any answer of the kernel, as a function that panics where it doesn't.

use super::sock_diag::{Handshake, collect};

const HEADER: usize = 16;
const ID_OFFSET: usize = HEADER + 4;

/// Any datagram is read without a panic, and one that was written as the kernel does is read back.
pub(crate) fn sock_diag(data: &[u8]) {
    let mut found = Vec::new();
    let _ = collect(data, &mut found);
    assert!(found.len() <= data.len() / HEADER);

    // The first byte says how the datagram ends; each handshake takes the next as padding behind it.
    let (ends, ids) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let ids: Vec<Handshake> =
        ids.chunks_exact(size_of::<Handshake>()).filter_map(|id| id.try_into().ok()).collect();
    let mut datagram = Vec::new();
    for id in &ids {
        let padding = usize::from(id[0] % 9);
        append(&mut datagram, 20, &[&[0; ID_OFFSET - HEADER], id.as_slice(), &vec![0; padding]].concat());
    }
    match ends % 3 {
        0 => {}
        1 => append(&mut datagram, 3, &[0; 4]),
        _ => append(&mut datagram, 2, &(-1_i32).to_ne_bytes()),
    }
    found.clear();
    let last = collect(&datagram, &mut found).ok();
    assert_eq!((last, found), ([Some(false), Some(true), None][usize::from(ends % 3)], ids));
}

fn append(datagram: &mut Vec<u8>, kind: u16, body: &[u8]) {
    let length = (HEADER + body.len()) as u32;
    datagram.extend_from_slice(&length.to_ne_bytes());
    datagram.extend_from_slice(&kind.to_ne_bytes());
    datagram.resize(datagram.len() + HEADER - 6, 0);
    datagram.extend_from_slice(body);
    datagram.resize(datagram.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn any_answer_is_read_without_a_panic() {
        on_seeds_and_at_random("sock_diag", sock_diag);
    }
}
