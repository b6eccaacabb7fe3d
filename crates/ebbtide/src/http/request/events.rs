use std::time::Duration;

use bytes::Bytes;

/// Follows a stream of server-sent events, to tell where an event ends.
///
/// An event ends with a blank line, and a line with `\n`, `\r\n` or `\r` (WHATWG HTML §9.2.5). Before the first byte
/// no event has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    /// The last bytes; where there were not so many yet, as if behind a blank line.
    tail: [u8; 3],
}

impl Events {
    pub(super) fn new() -> Self {
        Self { tail: [b'\n'; 3] }
    }

    pub(super) fn follow(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(self.tail.len())..] {
            self.tail = [self.tail[1], self.tail[2], *byte];
        }
    }

    /// Tells whether the bytes so far end with a whole event.
    pub(super) fn is_between(&self) -> bool {
        let line_before = match self.tail {
            [before, b'\r', b'\n'] | [_, before, b'\n' | b'\r'] => before,
            _ => return false,
        };
        matches!(line_before, b'\n' | b'\r')
    }
}

/// Returns what tells the client how long to wait before it connects again.
pub(super) fn retry(wait: Duration) -> Bytes {
    format!("retry: {}\n\n", wait.as_millis()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(parts: &[&str]) -> bool {
        let mut events = Events::new();
        parts.iter().for_each(|part| events.follow(part.as_bytes()));
        events.is_between()
    }

    #[test]
    fn an_event_ends_with_a_blank_line_of_any_kind() {
        for whole in [
            "",
            "data: x\n\n",
            "data: x\r\n\r\n",
            "data: x\r\r",
            "data: x\r\n\n",
            "data: x\n\r\n",
            "data: x\n\r",
            "data: x\r\r\n",
            ":\n\n",
            "\n",
            "\r\n",
            "a\n\n\n",
        ] {
            assert!(between(&[whole]), "{whole:?}");
            for at in 0..whole.len() {
                assert!(between(&[&whole[..at], &whole[at..]]), "{whole:?} split at {at}");
            }
        }
        for part in [
            "d",
            "\0\n",
            "data: x",
            "data: x\n",
            "data: x\r\n",
            "data: x\r",
            "data: x\n\ndata: y\n",
            "a\n\nb",
            "a\r\nb\r\n",
        ] {
            assert!(!between(&[part]), "{part:?}");
            let bytes: Vec<_> = part.split_inclusive(|_| true).collect();
            assert!(!between(&bytes), "{part:?} by the byte");
        }
    }

    #[test]
    fn the_wait_is_said_in_milliseconds() {
        assert_eq!(retry(Duration::from_millis(1500)), "retry: 1500\n\n");
    }
}
