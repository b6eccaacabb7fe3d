//! Header blocks without Huffman coding.

use httlib_huffman::{DecoderSpeed, decode, encode};

use super::frame::NotHttp2;
use super::headers::push_integer;

/// Returns `block` with each string as a plain literal, for a decoder that takes plain literals at once but builds its table of the Huffman
/// code (RFC 7541, appendix B) for each string: that was two thirds of what a response cost.
///
/// # Errors
///
/// When the block ends within a field, or a string is no Huffman code.
pub(super) fn without_huffman(mut block: &[u8]) -> Result<Vec<u8>, NotHttp2> {
    let mut plain = Vec::with_capacity(block.len().saturating_mul(2));
    while let Some(first) = block.first() {
        // RFC 7541, section 6: the kind of a field, the bits of its integer, and whether strings follow.
        let (prefix, has_strings) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            0x20.. => (5, false),
            _ => (4, true),
        };
        let index = take_integer(&mut block, prefix, &mut plain)?;
        if !has_strings {
            continue;
        }
        if index == 0 {
            take_string(&mut block, &mut plain)?;
        }
        take_string(&mut block, &mut plain)?;
    }
    Ok(plain)
}

/// Moves an integer with a prefix of `prefix` bits (section 5.1) to `plain`, and returns it.
fn take_integer(block: &mut &[u8], prefix: u32, plain: &mut Vec<u8>) -> Result<usize, NotHttp2> {
    let (value, length) = integer(block, prefix).ok_or(NotHttp2)?;
    let (integer, rest) = block.split_at_checked(length).ok_or(NotHttp2)?;
    plain.extend_from_slice(integer);
    *block = rest;
    Ok(value)
}

/// Moves a string (section 5.2) to `plain`, as a literal.
fn take_string(block: &mut &[u8], plain: &mut Vec<u8>) -> Result<(), NotHttp2> {
    let is_huffman = block.first().is_some_and(|first| *first >= 0x80);
    let (length, begin) = integer(block, 7).ok_or(NotHttp2)?;
    let end = begin.checked_add(length).ok_or(NotHttp2)?;
    let (string, rest) = block.split_at_checked(end).ok_or(NotHttp2)?;
    *block = rest;
    if is_huffman {
        let mut decoded = Vec::with_capacity(length.saturating_mul(2));
        let coded = string.get(begin..).unwrap_or_default();
        decode(coded, &mut decoded, DecoderSpeed::FiveBits).map_err(|_| NotHttp2)?;
        // The library takes padding of zeros for padding of ones. A text has only one code.
        let mut again = Vec::with_capacity(length);
        if encode(&decoded, &mut again).is_err() || again != coded {
            return Err(NotHttp2);
        }
        push_integer(plain, decoded.len());
        plain.append(&mut decoded);
    } else {
        plain.extend_from_slice(string);
    }
    Ok(())
}

/// Reads an integer with a prefix of `prefix` bits: its value, and its length in bytes. `None`: it is not whole, or has more than 28 bits.
fn integer(bytes: &[u8], prefix: u32) -> Option<(usize, usize)> {
    const MOST: usize = 4;
    let mask = (1_usize << prefix) - 1;
    let (first, more) = bytes.split_first()?;
    let mut value = usize::from(*first) & mask;
    if value < mask {
        return Some((value, 1));
    }
    for (at, byte) in more.iter().take(MOST).enumerate() {
        value += usize::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((value, at + 2));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use loona_hpack::Decoder;
    use proptest::prelude::*;

    use super::*;

    type Fields = Vec<(Vec<u8>, Vec<u8>)>;

    fn decoded(blocks: &[Vec<u8>]) -> Vec<Option<Fields>> {
        let mut decoder = Decoder::new();
        blocks.iter().map(|block| decoder.decode(block).ok()).collect()
    }

    /// A field with an index or a name, and Huffman coding or not.
    fn field() -> impl Strategy<Value = Vec<u8>> {
        let string =
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(huffman, text)| {
                let mut bytes = text;
                if huffman {
                    let mut coded = Vec::new();
                    encode(&bytes, &mut coded).unwrap();
                    bytes = coded;
                }
                let mut string = Vec::new();
                push_integer(&mut string, bytes.len());
                string[0] |= if huffman { 0x80 } else { 0 };
                string.append(&mut bytes);
                string
            });
        let kind = prop_oneof![Just(0x40_u8), Just(0x10), Just(0x00)];
        prop_oneof![
            (1_u8..70).prop_map(|index| vec![0x80 | index]),
            (0_u8..40).prop_map(|size| if size < 31 { vec![0x20 | size] } else { vec![0x3f, size - 31] }),
            (kind.clone(), string.clone(), string.clone()).prop_map(|(kind, name, value)| [
                vec![kind],
                name,
                value
            ]
            .concat()),
            (kind, 1_u8..15, string).prop_map(|(kind, index, value)| [vec![kind | index], value].concat()),
        ]
    }

    proptest! {
        #[test]
        fn the_fields_of_a_block_are_the_same_without_huffman_coding(
            blocks in proptest::collection::vec(proptest::collection::vec(field(), 0..8), 1..4),
        ) {
            let blocks: Vec<_> = blocks.iter().map(|fields| fields.concat()).collect();
            let plain: Vec<_> = blocks.iter().map(|block| without_huffman(block).unwrap()).collect();
            prop_assert_eq!(decoded(&plain), decoded(&blocks));
        }

        #[test]
        fn any_bytes_are_rewritten_to_the_same_fields_or_rejected(
            block in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let direct = decoded(std::slice::from_ref(&block)).remove(0);
            match without_huffman(&block) {
                Ok(plain) => prop_assert_eq!(decoded(&[plain]).remove(0), direct),
                Err(NotHttp2) => prop_assert_eq!(direct, None),
            }
        }
    }

    #[test]
    fn padding_other_than_of_ones_is_refused() {
        // `0` is five bits of zero.
        let padded = |padding: u8| [0x48, 0x81, padding];
        assert_eq!(without_huffman(&padded(0b0000_0111)), Ok(vec![0x48, 1, b'0']));
        for padding in [0b0000_0000, 0b0000_0011, 0b0000_0110] {
            let block = padded(padding);
            assert_eq!(without_huffman(&block), Err(NotHttp2), "{padding:b}");
            assert!(Decoder::new().decode(&block).is_err());
        }
    }

    #[test]
    fn examples_of_the_specification_are_read() {
        // RFC 7541, C.6.1: a response with Huffman coding.
        let block = [
            0x48, 0x82, 0x64, 0x02, 0x58, 0x85, 0xae, 0xc3, 0x77, 0x1a, 0x4b, 0x61, 0x96, 0xd0, 0x7a, 0xbe,
            0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05, 0x95, 0x04, 0x0b, 0x81, 0x66, 0xe0, 0x82, 0xa6,
            0x2d, 0x1b, 0xff, 0x6e, 0x91, 0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8,
            0xe9, 0xae, 0x82, 0xae, 0x43, 0xd3,
        ];
        let plain = without_huffman(&block).unwrap();
        let fields = Decoder::new().decode(&plain).unwrap();
        let fields: Vec<_> = fields.iter().map(|(_, value)| str::from_utf8(value).unwrap()).collect();
        assert_eq!(fields, ["302", "private", "Mon, 21 Oct 2013 20:13:21 GMT", "https://www.example.com"]);
    }
}
