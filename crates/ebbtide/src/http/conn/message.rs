use std::sync::LazyLock;

use http_body::Body;
use memchr::memmem::Finder;

use super::chunks::Chunks;

/// Created once: it costs more than a search in a usual head.
static FIND_HEAD_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(HEAD_END));
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The tail when nothing can continue.
const NOTHING: [u8; 3] = [0; 3];

/// Parses the bytes that were passed to the parser, to determine whether they contained more than one message.
///
/// The result may be "unknown". It is never "nothing follows" when something does, as long as the client follows RFC
/// 9112.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The last three bytes, because the end of a head may be split between reads.
    tail: [u8; 3],
    /// How many bytes followed the head, once its end was seen.
    behind_head: Option<u64>,
    /// The bytes after the head, parsed as chunks; meaningful only if the body is chunked.
    chunks: Chunks,
}

/// How a request declares the end of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body, or one of known length.
    Length(u64),
    /// Chunks.
    Chunked,
}

impl Message {
    /// Records bytes that arrived between two requests; returns whether they complete a head.
    pub(crate) fn head(&mut self, bytes: &[u8]) -> bool {
        // Empty lines before a request are not part of it (RFC 9112 §2.2).
        let goes_on = self.tail != NOTHING;
        let blank = if goes_on { 0 } else { bytes.iter().take_while(|byte| is_blank(**byte)).count() };
        let bytes = &bytes[blank..];
        self.behind_head = goes_on.then(|| self.split_end(bytes)).flatten().or_else(|| {
            let at = FIND_HEAD_END.find(bytes)?;
            Some((bytes.len() - at - HEAD_END.len()) as u64)
        });
        self.chunks = Chunks::default();
        if self.behind_head == Some(0) {
            self.tail = NOTHING; // the usual request, which ends here
            return true;
        }
        if let Some(behind) = self.behind_head {
            self.chunks.feed(&bytes[bytes.len() - behind as usize..]);
        }
        self.keep_tail(bytes);
        self.behind_head.is_some()
    }

    /// Records bytes that arrived while a request was in progress.
    pub(crate) fn more(&mut self, bytes: &[u8]) {
        if let Some(behind) = &mut self.behind_head {
            *behind += bytes.len() as u64;
            self.chunks.feed(bytes);
        }
        self.keep_tail(bytes);
    }

    /// Ends the message. Returns whether the beginning of a further one was passed to the parser together with it.
    pub(crate) fn ended(&mut self, framing: Framing) -> bool {
        let next_began = self.next_began(framing);
        // The next head may have begun with these bytes, and its end may be split between them and the next.
        let tail = if self.behind_head.is_none() || next_began { self.tail } else { NOTHING };
        *self = Self { tail, ..Self::default() };
        next_began
    }

    /// Returns whether no byte of a further message has been passed to the parser.
    pub(crate) fn nothing_follows(&self, framing: Framing) -> bool {
        match (self.behind_head, framing) {
            (None, _) => false,
            (Some(behind), Framing::Length(length)) => behind <= length,
            (Some(_), Framing::Chunked) => self.chunks.is_all(),
        }
    }

    /// Returns whether the whole message was passed to the parser, as far as is known.
    pub(crate) fn is_whole(&self, framing: Framing) -> bool {
        match (self.behind_head, framing) {
            (Some(behind), Framing::Length(length)) => behind >= length,
            (Some(_), Framing::Chunked) => self.chunks.behind().is_some() || !self.chunks.is_all(),
            (None, _) => true,
        }
    }

    /// Returns whether the whole message was passed to the parser, and no byte of a further one.
    pub(crate) fn is_alone(&self, framing: Framing) -> bool {
        match (self.behind_head, framing) {
            (Some(behind), Framing::Length(length)) => behind == length,
            (Some(_), Framing::Chunked) => self.chunks.behind() == Some(0),
            (None, _) => false,
        }
    }

    fn next_began(&self, framing: Framing) -> bool {
        // Two bytes can be the empty line that some clients send after a body.
        const EMPTY_LINE: u64 = 2;
        match (self.behind_head, framing) {
            (Some(behind), Framing::Length(length)) => behind > length.saturating_add(EMPTY_LINE),
            // If the end of the body is unknown, a request may have begun.
            (Some(_), Framing::Chunked) => {
                self.chunks.behind().map_or(!self.chunks.is_all(), |behind| behind > EMPTY_LINE)
            }
            (None, _) => false,
        }
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(3)..] {
            self.tail = [self.tail[1], self.tail[2], *byte];
        }
        // An empty line has ended something already; it cannot begin another end.
        if self.tail == *b"\n\r\n" {
            self.tail = NOTHING;
        }
    }

    /// Returns how many bytes follow a head whose end began in the previous bytes.
    fn split_end(&self, bytes: &[u8]) -> Option<u64> {
        let mut seam = [0_u8; 6];
        seam[..3].copy_from_slice(&self.tail);
        let taken = bytes.len().min(3);
        seam[3..3 + taken].copy_from_slice(&bytes[..taken]);
        let at = seam[..3 + taken].windows(4).position(|window| window == HEAD_END)?;
        Some((bytes.len() - (at + 1)) as u64)
    }
}

impl Framing {
    /// Reads the framing from the request's body, which the parser created from the headers.
    pub(crate) fn of(body: &impl Body) -> Self {
        if body.is_end_stream() {
            return Self::Length(0);
        }
        body.size_hint().exact().map_or(Self::Chunked, Self::Length)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follows(first: &[u8], later: &[&[u8]], framing: Framing) -> bool {
        let mut message = Message::default();
        assert!(message.head(first));
        later.iter().for_each(|bytes| message.more(bytes));
        !message.nothing_follows(framing)
    }

    #[test]
    fn no_request_follows_a_single_request_without_a_body() {
        assert!(!follows(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[], Framing::Length(0)));
    }

    #[test]
    fn a_pipelined_request_is_detected_as_following() {
        let both = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert!(follows(both, &[], Framing::Length(0)));
        assert!(follows(&both[..30], &[&both[30..]], Framing::Length(0)));
    }

    #[test]
    fn bytes_of_a_body_with_a_length_are_not_a_following_request() {
        let head = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
        assert!(!follows(head, &[b"12", b"34"], Framing::Length(4)));
        assert!(!follows(head, &[b"12"], Framing::Length(4)));
        assert!(follows(head, &[b"12", b"34G"], Framing::Length(4)));
    }

    #[test]
    fn bytes_after_the_last_chunk_are_another_request() {
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!follows(head, &[b"2\r\nab\r\n0\r\n\r\n"], Framing::Chunked));
        assert!(!follows(head, &[b"2\r\nab\r\n", b"0\r\n\r\n"], Framing::Chunked));
        assert!(!follows(head, &[b"2\r\na"], Framing::Chunked));
        let twice = [&head[..], b"0\r\n\r\n", head, b"2\r\nab\r\n0\r\n\r\n"].concat();
        assert!(follows(&twice, &[], Framing::Chunked), "the end of the second is not that of the first");
        assert!(follows(
            head,
            &[b"2\r\nab\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: 10.0.0.0\r\n\r\n"],
            Framing::Chunked
        ));
    }

    #[test]
    fn a_head_that_began_in_the_previous_read_is_delimited_correctly() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let three = head.repeat(3);
        for at in head.len() + 3..2 * head.len() {
            let mut message = Message::default();
            assert!(message.head(&three[..at]));
            assert!(message.ended(Framing::Length(0)), "the next one began");
            assert!(message.head(&three[at..]), "the second and the third are whole");
            assert!(!message.nothing_follows(Framing::Length(0)), "the third follows, split at {at}");
        }
    }

    #[test]
    fn a_request_after_two_empty_lines_hides_no_later_one() {
        let first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let head = b"POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n";
        for at in 1..head.len() {
            let mut message = Message::default();
            assert!(message.head(&[&first[..], b"\r\n\r"].concat()));
            message.ended(Framing::Length(0));
            // The empty lines look like the end of a head, so that the end of the body is unknown.
            message.head(&[b"\n", &chunked[..], &head[..at]].concat());
            message.ended(Framing::Chunked);
            // Its body is like the end of one, too.
            message.head(&[&head[at..], b"\r\n0\r\n\r\nG"].concat());
            assert!(!message.nothing_follows(Framing::Length(7)), "split at {at}");
        }
    }

    #[test]
    fn a_request_head_is_complete_at_its_last_byte_for_any_split() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for at in 1..head.len() {
            let mut message = Message::default();
            assert!(!message.head(&head[..at]), "whole at {at}");
            assert!(message.head(&head[at..]), "not whole at {at}");
            assert!(message.nothing_follows(Framing::Length(0)), "split at {at}");
        }
        let mut message = Message::default();
        let whole: Vec<bool> = head.iter().map(|byte| message.head(&[*byte])).collect();
        assert_eq!(whole.iter().filter(|whole| **whole).count(), 1);
    }
}
