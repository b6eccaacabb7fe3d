//! Whether a stream of server-sent events ended with a whole event.

/// The end of a stream so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EventTail {
    line: Line,
    /// Whether the event has a line already.
    is_open: bool,
    /// Whether the last byte was a carriage return, which a line feed may follow.
    after_return: bool,
}

/// The line that is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Line {
    #[default]
    Empty,
    Comment,
    Field,
}

impl EventTail {
    /// Adds `bytes` of the stream.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match (byte, self.line) {
                (b'\n', _) if after_return => {}
                (b'\r' | b'\n', line) => {
                    self.is_open = match line {
                        Line::Empty => false,
                        Line::Field => true,
                        Line::Comment => self.is_open,
                    };
                    self.line = Line::Empty;
                }
                (b':', Line::Empty) => self.line = Line::Comment,
                (_, Line::Empty) => self.line = Line::Field,
                _ => {}
            }
        }
    }

    /// Returns whether no event is incomplete. A client drops an event that no empty line ends.
    pub(super) fn is_whole(self) -> bool {
        !self.is_open && self.line != Line::Field
    }
}

/// Returns whether `content_type` is that of server-sent events.
pub(super) fn is_event_stream(content_type: &[u8]) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    content_type.get(..KIND.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(KIND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole(stream: &str) -> bool {
        let (mut at_once, mut by_byte) = (EventTail::default(), EventTail::default());
        at_once.add(stream.as_bytes());
        stream.bytes().for_each(|byte| by_byte.add(&[byte]));
        assert_eq!(at_once.is_whole(), by_byte.is_whole(), "{stream:?}");
        at_once.is_whole()
    }

    #[test]
    fn an_event_is_whole_after_an_empty_line() {
        for whole in [
            "",
            "data: a\n\n",
            "data: a\r\n\r\n",
            "id: 1\rdata: a\r\r",
            ": ping\n",
            ":",
            "data: a\n\n: ping\n",
        ] {
            assert!(is_whole(whole), "{whole:?}");
        }
        for open in ["d", "data: a", "data: a\n", "data: a\r\n", "data: a\n: ping\n", "data: a\n\ndata: b\n"]
        {
            assert!(!is_whole(open), "{open:?}");
        }
    }

    #[test]
    fn the_type_may_have_parameters() {
        assert!(
            is_event_stream(b"text/event-stream") && is_event_stream(b"Text/Event-Stream; charset=utf-8")
        );
        assert!(!is_event_stream(b"text/plain") && !is_event_stream(b""));
    }
}
