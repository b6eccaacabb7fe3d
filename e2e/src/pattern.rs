//! Bytes that tell where they belong: one that is missing, doubled or of another stream is seen.

/// Returns the byte at a position.
pub fn byte(at: u64) -> u8 {
    // The finaliser of SplitMix64: neighbours have nothing in common.
    let mut word = (at / 8).wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (word ^ (word >> 31)).to_le_bytes()[(at % 8) as usize]
}

/// Returns `length` bytes from a position on.
pub fn bytes(at: u64, length: usize) -> Vec<u8> {
    (at..).take(length).map(byte).collect()
}

/// Tells whether `bytes` are those from a position on.
pub fn is_at(at: u64, bytes: &[u8]) -> bool {
    (at..).zip(bytes).all(|(at, found)| byte(at) == *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_doubled_is_seen() {
        let whole = bytes(0, 1000);
        assert!(is_at(0, &whole) && is_at(500, &whole[500..]));
        assert!(!is_at(0, &whole[1..]) && !is_at(500, &whole[492..]));
        assert!(!is_at(0, &[&whole[..300], &whole[301..]].concat()));
    }
}
