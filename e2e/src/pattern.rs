//! Bytes that tell where they belong: one that is missing, doubled or of another stream is seen.

/// Returns the byte at a position.
pub fn byte(at: u64) -> u8 {
    word(at / 8)[(at % 8) as usize]
}

/// Returns `length` bytes from a position on.
pub fn bytes(at: u64, length: usize) -> Vec<u8> {
    let before = (at % 8) as usize;
    let mut bytes = Vec::with_capacity(before + length + 8);
    for index in (at / 8..).take((before + length).div_ceil(8)) {
        bytes.extend_from_slice(&word(index));
    }
    bytes.truncate(before + length);
    bytes.drain(..before);
    bytes
}

/// Tells whether `bytes` are those from a position on.
pub fn is_at(at: u64, bytes: &[u8]) -> bool {
    self::bytes(at, bytes.len()) == bytes
}

/// The finaliser of SplitMix64: neighbours have nothing in common.
fn word(index: u64) -> [u8; 8] {
    let mut word = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (word ^ (word >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_one_by_one_and_together() {
        for at in 0..20 {
            let one_by_one: Vec<u8> = (at..at + 30).map(byte).collect();
            assert_eq!(bytes(at, 30), one_by_one, "from {at} on");
        }
    }

    #[test]
    fn what_is_missing_or_doubled_is_seen() {
        let whole = bytes(0, 1000);
        assert!((0..100).all(|at| is_at(at, &whole[at as usize..500 + at as usize])));
        assert!(!is_at(0, &whole[1..]) && !is_at(500, &whole[492..]));
        assert!(!is_at(0, &[&whole[..300], &whole[301..]].concat()));
    }
}
