use std::fmt;

use crate::http::conn::message::{Framing, Message};

/// Bytes that look like something else in their place.
const TRICKS: [&[u8]; 6] = [
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\r",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
];

/// However a client's requests are split into reads, and whenever they are answered: `Message` never reports that
/// nothing follows a request when something does, and reports it if the request arrived alone.
pub(crate) fn message(data: &[u8]) {
    let (first, second) = data.split_at(data.len() / 2);
    let wire = RequestBytes::write(&mut Choices::new(first));
    Reading { wire, choices: Choices::new(second), message: Message::default(), handed: 0 }.read_all();
}

/// The server's side: the bytes passed to the parser, and the state that results.
struct Reading<'a> {
    wire: RequestBytes,
    choices: Choices<'a>,
    message: Message,
    handed: usize,
}

/// A request that has begun.
struct BegunRequest {
    number: usize,
    /// Whether its first byte was the first of a read, so that everything about it can be determined.
    alone: bool,
}

impl Reading<'_> {
    fn read_all(mut self) {
        let (mut next, mut current) = (0, None::<BegunRequest>);
        // Where the next request would begin if no part of it had been passed on together with another.
        let mut clean_at = Some(0);
        while self.handed < self.wire.bytes.len() {
            let length = (1 + self.choices.next()).min(self.wire.bytes.len() - self.handed);
            let bytes = &self.wire.bytes[self.handed..self.handed + length];
            let whole = current.is_none().then(|| self.message.head(bytes));
            if whole.is_none() {
                self.message.more(bytes);
            }
            self.handed += length;
            if let (Some(whole), Some(sent)) = (whole, self.wire.requests.get(next))
                && is_alone(sent, clean_at)
            {
                assert_eq!(whole, self.handed >= sent.head_end, "{} of {:?}", self.handed, self.wire);
            }
            loop {
                if current.is_none()
                    && let Some(sent) = self.wire.requests.get(next)
                    && self.handed >= sent.head_end
                {
                    current = Some(BegunRequest { number: next, alone: is_alone(sent, clean_at) });
                    next += 1;
                }
                let Some(begun) = &current else { break };
                self.judge(begun);
                let (end, framing) = {
                    let sent = &self.wire.requests[begun.number];
                    (sent.end, sent.framing)
                };
                // The answer may be delayed.
                if self.handed < end || self.choices.next() % 4 == 3 {
                    break;
                }
                let next_began = self.message.ended(framing);
                let wrong = next_began && self.handed == end;
                assert!(!wrong || !begun.alone, "{} of {:?}", self.handed, self.wire);
                clean_at = (self.handed == end).then_some(end);
                current = None;
            }
        }
    }

    fn judge(&self, begun: &BegunRequest) {
        let sent = &self.wire.requests[begun.number];
        let nothing_follows = self.message.nothing_follows(sent.framing);
        let something_follows = self.handed > sent.end;
        assert!(!(nothing_follows && something_follows), "{} of {:?}", self.handed, self.wire);
        assert!(nothing_follows || something_follows || !begun.alone, "{} of {:?}", self.handed, self.wire);
    }
}

/// The bytes that a client that follows RFC 9112 sends on one connection: any requests, one after the other.
#[derive(Default)]
struct RequestBytes {
    bytes: Vec<u8>,
    requests: Vec<Sent>,
}

/// The position of a request.
#[derive(Debug)]
struct Sent {
    begin: usize,
    head_end: usize,
    end: usize,
    framing: Framing,
    /// Whether empty lines precede it (RFC 9112 §2.2): nothing is guaranteed about its beginning then.
    after_empty_lines: bool,
}

/// Makes decisions from the data of a fuzzer; zero when none is left.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn content(&mut self) -> Vec<u8> {
        let choice = self.next();
        match TRICKS.get(choice % 16) {
            Some(trick) => trick.to_vec(),
            None => {
                let (taken, rest) = self.0.split_at(self.0.len().min(choice / 16));
                self.0 = rest;
                taken.to_vec()
            }
        }
    }
}

impl RequestBytes {
    /// Adds requests until the choices are exhausted, sixteen at most.
    fn write(choices: &mut Choices<'_>) -> Self {
        let mut wire = Self::default();
        while wire.requests.len() < 16 && (!choices.is_over() || wire.requests.is_empty()) {
            wire.request(choices);
        }
        wire
    }

    fn request(&mut self, choices: &mut Choices<'_>) {
        let choice = choices.next();
        let after_empty_lines = choice & 0xc0 == 0xc0;
        if after_empty_lines {
            self.bytes.extend_from_slice(if choice & 0x20 == 0 { b"\r\n" } else { b"\r\n\r\n" });
        }
        let begin = self.bytes.len();
        let line: &[u8] = if choice & 4 == 0 { b"PUT / HTTP/1.1\r\n" } else { b"PUT / HTTP/1.1\r\nX: 0\r\n" };
        self.bytes.extend_from_slice(line);
        let (head_end, framing) = match choice & 3 {
            0 => self.body(b"\r\n", &[], Framing::Length(0)),
            1 => {
                let body = choices.content();
                let length = format!("Content-Length: {}\r\n\r\n", body.len());
                self.body(length.as_bytes(), &body, Framing::Length(body.len() as u64))
            }
            _ => {
                let mut body = Vec::new();
                for _ in 0..choices.next() % 4 {
                    chunk(&mut body, &choices.content(), choice);
                }
                body.extend_from_slice(if choice & 8 == 0 { b"0\r\n" } else { b"00;last\r\nTrailer: 0\r\n" });
                body.extend_from_slice(b"\r\n");
                self.body(b"Transfer-Encoding: chunked\r\n\r\n", &body, Framing::Chunked)
            }
        };
        let end = self.bytes.len();
        self.requests.push(Sent { begin, head_end, end, framing, after_empty_lines });
    }

    fn body(&mut self, rest_of_head: &[u8], body: &[u8], framing: Framing) -> (usize, Framing) {
        self.bytes.extend_from_slice(rest_of_head);
        let head_end = self.bytes.len();
        self.bytes.extend_from_slice(body);
        (head_end, framing)
    }
}

impl fmt::Debug for RequestBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in \"{}\"", self.requests, self.bytes.escape_ascii())
    }
}

fn chunk(body: &mut Vec<u8>, content: &[u8], choice: usize) {
    if !content.is_empty() {
        let extension = if choice & 16 == 0 { "" } else { ";a=\"0\"" };
        body.extend_from_slice(format!("{:x}{extension}\r\n", content.len()).as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
}

fn is_alone(sent: &Sent, clean_at: Option<usize>) -> bool {
    clean_at == Some(sent.begin) && !sent.after_empty_lines
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn a_following_request_is_never_missed() {
        on_seeds_and_at_random("message", message);
    }

    /// Lets hyper read the bytes, and returns the lengths of the bodies that it saw.
    async fn seen(bytes: Vec<u8>) -> Vec<usize> {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let lengths = Arc::new(std::sync::Mutex::new(Vec::new()));
        let failed = AtomicUsize::new(0);
        let service = service_fn(async |request: http::Request<Incoming>| {
            match request.into_body().collect().await {
                Ok(body) => lengths.lock().unwrap().push(body.to_bytes().len()),
                Err(_) => drop(failed.fetch_add(1, Ordering::SeqCst)),
            }
            Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
        });
        let serving = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service);
        let talk = async {
            client.write_all(&bytes).await.unwrap();
            client.shutdown().await.unwrap();
            client.read_to_end(&mut Vec::new()).await.unwrap();
        };
        let (_, ()) = tokio::join!(serving, talk);
        assert_eq!(failed.into_inner(), 0, "\"{}\"", bytes.escape_ascii());
        Arc::into_inner(lengths).unwrap().into_inner().unwrap()
    }

    /// The fuzz targets' expectations match what the parser sees.
    #[tokio::test]
    async fn the_generated_requests_are_those_that_hyper_parses() {
        use proptest::strategy::{Strategy as _, ValueTree as _};
        let mut runner = proptest::test_runner::TestRunner::default();
        let inputs = proptest::collection::vec(proptest::num::u8::ANY, 0..150);
        for _ in 0..500 {
            let data = inputs.new_tree(&mut runner).unwrap().current();
            let wire = RequestBytes::write(&mut Choices::new(&data));
            let lengths = seen(wire.bytes.clone()).await;
            assert_eq!(lengths.len(), wire.requests.len(), "{wire:?}");
            for (sent, length) in wire.requests.iter().zip(lengths) {
                match sent.framing {
                    Framing::Length(framed) => assert_eq!(framed, length as u64, "{wire:?}"),
                    Framing::Chunked => assert!(length <= sent.end - sent.head_end, "{wire:?}"),
                }
            }
        }
    }
}
