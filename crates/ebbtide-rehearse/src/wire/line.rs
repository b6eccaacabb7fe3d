//! A protocol of lines: each line of the client is answered by one line.

use std::io;

use super::connection::RequestResult;
use super::raw::RawConnection;
use super::socket::Socket;
use crate::clock::At;
use crate::record::{Answer, Framing, Outcome, digest};
use crate::scenario::ID;

/// The longest line that is read.
const LONGEST: usize = 1 << 20;

/// A line to send, and what its answer contains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    /// The number in it, if it has one: the answer contains it.
    marker: Option<String>,
}

impl Line {
    /// Creates the line of `template` with the number `id`. `\r` at its end stands for a carriage return.
    pub(crate) fn new(template: &str, id: u64) -> Self {
        // Of one length: no number contains another one.
        let number = format!("{id:08}");
        let marker = template.contains(ID).then(|| number.clone());
        let (text, end) = template.strip_suffix("\\r").map_or((template, "\n"), |text| (text, "\r\n"));
        Self { bytes: format!("{}{end}", text.replace(ID, &number)).into_bytes(), marker }
    }

    /// Returns what is compared with the answers to other lines, if `line` is an answer to this one: without its number.
    fn answer(&self, line: &[u8]) -> Option<Vec<u8>> {
        let Some(marker) = &self.marker else { return Some(line.to_vec()) };
        let at = line.windows(marker.len()).position(|part| part == marker.as_bytes())?;
        let (before, after) = line.split_at(at);
        Some([before, after.get(marker.len()..).unwrap_or_default()].concat())
    }
}

/// A connection on which lines are exchanged.
#[derive(Debug)]
pub(crate) struct LineConnection {
    raw: RawConnection,
    /// When its client began to connect.
    pub(crate) opened: At,
    /// The last whole line of the present exchange that had not the number of its request.
    other: Option<Vec<u8>>,
}

impl LineConnection {
    /// Creates a connection on `socket`, which its client began to open at `opened`.
    pub(crate) fn on(socket: Socket, opened: At) -> Self {
        Self { raw: RawConnection::new(socket), opened, other: None }
    }

    /// Reads and drops what came between two exchanges. Returns whether the connection is still open, by the present state of the
    /// socket in the kernel.
    pub(crate) async fn is_open(&mut self) -> bool {
        while !self.raw.socket.still_quiet() {
            if self.raw.closed() || !matches!(self.raw.more(4096).await, Ok(1..)) {
                return false;
            }
        }
        let whole = self.raw.read.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.raw.read.drain(..whole);
        true
    }

    /// Returns whether the server has closed the connection.
    pub(crate) fn closed(&self) -> bool {
        self.raw.closed()
    }

    /// Waits until the server has closed the connection, and nothing is left to read.
    pub(crate) async fn until_closed(&self) {
        self.raw.until_closed().await;
    }

    /// Writes `bytes`.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.raw.write(bytes).await
    }

    /// Sends `line`, once, and reads its answer.
    pub(crate) async fn exchange(&mut self, line: &Line) -> RequestResult {
        // The read that follows shows what a failed write means.
        let sent = self.write(&line.bytes).await.is_ok();
        self.answer(line, sent).await
    }

    /// Reads until the answer to `line` or the end. Lines without its number are skipped: they may be news for every client. If the
    /// connection ends after one, that line was the answer: a service that refuses a request says so in words of its own.
    pub(crate) async fn answer(&mut self, line: &Line, sent: bool) -> RequestResult {
        let ended = |outcome| RequestResult { sent, ..RequestResult::without_answer(outcome) };
        self.other = None;
        loop {
            while let Some(end) = self.raw.read.iter().position(|byte| *byte == b'\n') {
                let read: Vec<u8> = self.raw.read.drain(..=end).collect();
                if let Some(text) = line.answer(&read) {
                    return answered(&text, sent);
                }
                self.other = Some(read);
            }
            if self.raw.read.len() > LONGEST {
                return ended(Outcome::Malformed);
            }
            let Err(close) = self.raw.more_or_close().await else { continue };
            return match self.raw.read.is_empty() {
                true => self.or_other(sent, Outcome::Unanswered { close }),
                false => ended(Outcome::CutInBody { close }),
            };
        }
    }

    /// Returns the result of an exchange whose answer did not come in time.
    pub(crate) fn late(&mut self, sent: bool) -> RequestResult {
        self.or_other(sent, Outcome::TimedOut)
    }

    /// Returns the line that came instead of an answer, or else `outcome`.
    fn or_other(&mut self, sent: bool, outcome: Outcome) -> RequestResult {
        let Some(text) = self.other.take() else {
            return RequestResult { sent, ..RequestResult::without_answer(outcome) };
        };
        let seen = answered(&text, sent);
        RequestResult { answer: seen.answer.map(|answer| Answer { no_number: true, ..answer }), ..seen }
    }
}

fn answered(text: &[u8], sent: bool) -> RequestResult {
    let answer = Answer {
        length: text.len() as u64,
        digest: digest(text),
        framing: Framing::Line,
        location: None,
        content_type: None,
        keeps: true,
        open_event: false,
        event_stream: None,
        grpc: false,
        grpc_status: None,
        open_grpc: false,
        no_number: false,
    };
    let seen = RequestResult::without_answer(Outcome::Answered { status: 0 });
    RequestResult { answer: Some(answer), sent, ..seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_contains_the_number_of_its_line() {
        let line = Line::new(r"GET key-{id}\r", 7);
        assert_eq!(line.bytes, b"GET key-00000007\r\n");
        assert_eq!(line.answer(b"key-00000007=a\r\n").unwrap(), b"key-=a\r\n");
        assert_eq!(line.answer(b"key-00000008=a\r\n"), None);
        assert_ne!(Line::new("{id}", 1).marker, Line::new("{id}", 11).marker);
    }

    #[test]
    fn every_line_answers_one_without_a_number() {
        let line = Line::new("PING", 7);
        assert_eq!(
            (line.bytes.as_slice(), line.answer(b"+PONG\n").unwrap()),
            (&b"PING\n"[..], b"+PONG\n".to_vec())
        );
    }
}
