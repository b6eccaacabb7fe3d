use crate::http::conn::wire::Records;

/// Records in any pieces are whole where a reader of them all finds their ends.
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

/// Where one record ends and the next begins: a type, a version, a length, and so many bytes (RFC 8446 §5.1).
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
    fn records_are_whole_at_their_last_byte_in_any_pieces() {
        on_seeds_and_at_random("records", records);
    }
}
