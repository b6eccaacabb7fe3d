//! Messages on two streams: a header with the length, and JSON.

use std::io::{self, BufRead, Read as _, Write};

use lsp_server::Message;
use serde_json::{Value, json};

/// The longest line of a header. The known ones have forty bytes.
const MAX_HEADER: u64 = 4096;

/// The longest message. It has the text of a document, and `check` reads files up to this size.
const MAX_MESSAGE: u64 = 64 << 20;

/// The code of JSON-RPC for a message that is not JSON.
const PARSE_ERROR: i32 = -32_700;

/// Why no further message can be read: where it begins is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadFrame {
    #[error("malformed header `{0}`")]
    Header(String),
    #[error("message without Content-Length")]
    NoLength,
    #[error("message of {} bytes: larger than {} MiB", .0, MAX_MESSAGE >> 20)]
    TooLong(u64),
    #[error("input ends within a message")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The streams of an editor.
#[derive(Debug)]
pub(super) struct Wire<R, W> {
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Wire<R, W> {
    pub(super) fn new(input: R, output: W) -> Self {
        Self { input, output }
    }

    /// Reads the next message. `None` at the end of the input. A message that is not valid is answered and left out.
    ///
    /// # Errors
    ///
    /// A header is not valid, a message is too long or not whole, or a stream failed. No memory is allocated for what has not arrived.
    pub(super) fn receive(&mut self) -> Result<Option<Message>, BadFrame> {
        while let Some(length) = self.length()? {
            let mut body = Vec::new();
            let read = self.input.by_ref().take(length).read_to_end(&mut body)?;
            if u64::try_from(read) != Ok(length) {
                return Err(BadFrame::Cut);
            }
            match serde_json::from_slice(&body) {
                Ok(message) => return Ok(Some(message)),
                Err(error) => self.refuse(&error)?,
            }
        }
        Ok(None)
    }

    /// Writes a message.
    ///
    /// # Errors
    ///
    /// The stream failed.
    pub(super) fn send(&mut self, message: impl Into<Message>) -> io::Result<()> {
        message.into().write(&mut self.output)
    }

    /// Answers a message that has no valid request in it, and thus no id.
    fn refuse(&mut self, error: &serde_json::Error) -> io::Result<()> {
        let error = json!({"code": PARSE_ERROR, "message": format!("malformed message: {error}")});
        let text = json!({"jsonrpc": "2.0", "id": Value::Null, "error": error}).to_string();
        write!(self.output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        self.output.flush()
    }

    /// Reads the header of a message, and returns its length.
    fn length(&mut self) -> Result<Option<u64>, BadFrame> {
        let mut length = None;
        let mut is_first = true;
        loop {
            let mut line = Vec::new();
            self.input.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return if is_first { Ok(None) } else { Err(BadFrame::Cut) };
            }
            is_first = false;
            let malformed =
                || BadFrame::Header(String::from_utf8_lossy(&line).trim_end().chars().take(80).collect());
            let header = line.strip_suffix(b"\r\n").ok_or_else(malformed)?;
            if header.is_empty() {
                break;
            }
            let header = str::from_utf8(header).map_err(|_| malformed())?;
            let (name, value) = header.split_once(':').ok_or_else(malformed)?;
            if name.eq_ignore_ascii_case("Content-Length") {
                length = Some(value.trim().parse().map_err(|_| malformed())?);
            }
        }
        match length.ok_or(BadFrame::NoLength)? {
            length if length > MAX_MESSAGE => Err(BadFrame::TooLong(length)),
            length => Ok(Some(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    fn receive(input: &str) -> Result<Vec<Message>, String> {
        let mut wire = Wire::new(input.as_bytes(), Vec::new());
        let mut all = Vec::new();
        while let Some(message) = wire.receive().map_err(|error| error.to_string())? {
            all.push(message);
        }
        Ok(all)
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadFrame::Header(_) => BadFrame::Header("Content-Length 3".to_owned());
            BadFrame::NoLength => BadFrame::NoLength;
            BadFrame::TooLong(_) => BadFrame::TooLong(1 << 40);
            BadFrame::Cut => BadFrame::Cut;
            BadFrame::Io(_) => BadFrame::Io(io::Error::other("broken pipe"));
        }
    }

    #[test]
    fn messages_are_read_by_their_lengths() {
        let one = "content-length: 36\r\nContent-Type: a\r\n\r\n{\"jsonrpc\": \"2.0\", \"method\": \"exit\"}";
        assert_eq!(receive(&one.repeat(3)).unwrap().len(), 3);
        assert_eq!(receive("").unwrap().len(), 0);
    }

    #[test]
    fn a_frame_that_is_not_valid_ends_the_conversation() {
        let long = format!("{}: 3\r\n", "a".repeat(5000));
        for (input, expected) in [
            (
                "Content-Length: 100000000000000\r\n\r\n",
                "message of 100000000000000 bytes: larger than 64 MiB",
            ),
            ("Content-Length: 67108865\r\n\r\n", "message of 67108865 bytes: larger than 64 MiB"),
            ("Content-Length: 67108864\r\n\r\n{", "input ends within a message"),
            ("Content-Length: 99999999999999999999\r\n\r\n", "malformed header `Content-Length: 999"),
            ("Content-Length: -1\r\n\r\n", "malformed header `Content-Length: -1`"),
            ("Content-Length: 3\n\n{}", "malformed header `Content-Length: 3`"),
            ("Content-Type: a\r\n\r\n", "message without Content-Length"),
            ("Content-Length: 3\r\n", "input ends within a message"),
            (&long, "malformed header `aaa"),
        ] {
            let error = receive(input).unwrap_err();
            assert!(error.starts_with(expected), "{input:.40}: {error}");
        }
    }

    #[test]
    fn a_message_that_is_not_valid_is_answered_and_the_next_one_is_read() {
        let input = "Content-Length: 2\r\n\r\n{]Content-Length: 18\r\n\r\n{\"method\": \"exit\"}";
        let mut wire = Wire::new(input.as_bytes(), Vec::new());
        assert!(matches!(wire.receive(), Ok(Some(Message::Notification(exit))) if exit.method == "exit"));
        let said = String::from_utf8(wire.output).unwrap();
        assert!(said.contains("\"code\":-32700") && said.contains("\"id\":null"), "{said}");
    }
}
