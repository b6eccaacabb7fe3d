//! Finds the close frames of a WebSocket in its bytes.

const CLOSE: u8 = 8;
/// The longest head of a frame: two bytes, eight of length, four of mask (RFC 6455 §5.2).
const LONGEST: usize = 14;

/// Parses the bytes of one direction up to its close frame. Messages are not read: the opcode of a masked frame is not
/// masked.
#[derive(Debug, Default)]
pub(super) struct CloseFrame {
    /// How much of the end of the response's head has been seen, which precedes the frames.
    head: Option<usize>,
    known: [u8; LONGEST],
    length: usize,
    left: u64,
    found: bool,
}

impl CloseFrame {
    /// Begins after the head of a response.
    pub(super) fn behind_head() -> Self {
        Self { head: Some(0), ..Self::default() }
    }

    /// Parses more bytes; returns whether a close frame begins in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.found {
                return false;
            }
            if let Some(at) = self.head {
                self.head = behind(at, byte);
                bytes = rest;
            } else if self.left > 0 {
                let skipped = self.left.min(bytes.len() as u64);
                self.left -= skipped;
                bytes = bytes.get(skipped as usize..).unwrap_or_default();
            } else {
                self.known[self.length] = byte;
                self.length += 1;
                bytes = rest;
                if self.length == self.head_length() {
                    self.left = self.payload();
                    self.length = 0;
                    if self.known[0] & 0x0f == CLOSE {
                        self.found = true;
                        return true;
                    }
                }
            }
        }
        false
    }

    fn head_length(&self) -> usize {
        if self.length < 2 {
            return 2;
        }
        let length = match self.known[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        length + if self.known[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn payload(&self) -> u64 {
        let [_, length, a, b, c, d, e, f, g, h, ..] = self.known;
        match length & 0x7f {
            126 => u16::from_be_bytes([a, b]).into(),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            length => length.into(),
        }
    }
}

/// Returns how much of an empty line's two line ends has been seen with this byte; `None` when it is complete.
fn behind(at: usize, byte: u8) -> Option<usize> {
    const END: [u8; 4] = *b"\r\n\r\n";
    match END.get(at) {
        Some(&expected) if expected == byte => (at + 1 < END.len()).then_some(at + 1),
        _ => Some(usize::from(byte == END[0])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn a_close_frame_is_found_for_any_split_of_the_bytes() {
        let long = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0x88; 65_536]].concat();
        let middle = [&[0x82, 126, 1, 0][..], &[0x88; 256]].concat();
        let masked = [&[0x81, 0x82, 0x88, 0x88, 0x88, 0x88][..], &[0x88, 0x88]].concat();
        let before = [RESPONSE, b"\x81\x02hi", &long, &middle, &masked, b"\x89\x00"].concat();
        for piece in [1, 2, 3, 7, 64, before.len()] {
            let mut frames = CloseFrame::behind_head();
            for piece in before.chunks(piece) {
                assert!(!frames.feed(piece));
            }
            let found: Vec<bool> =
                b"\x88\x02\x03\xe9".chunks(piece).map(|piece| frames.feed(piece)).collect();
            assert_eq!(found.iter().filter(|found| **found).count(), 1, "in pieces of {piece}");
        }
    }

    #[test]
    fn client_bytes_after_an_upgrade_start_with_a_frame() {
        let mut frames = CloseFrame::default();
        assert!(!frames.feed(b"\x81\x82maskhi"));
        assert!(frames.feed(b"\x88\x82mask\x03\xe9"));
    }
}
