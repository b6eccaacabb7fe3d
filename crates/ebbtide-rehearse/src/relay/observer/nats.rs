//! The operations of NATS: the subscriptions of a client, and which messages of JetStream it acknowledges.

use std::collections::HashSet;

use super::Seen;
use super::jetstream::JetStream;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Nats {
    sent: Operations,
    received: Operations,
    subscriptions: HashSet<String>,
    /// The acknowledgement whose payload follows.
    acknowledging: Option<String>,
    jetstream: JetStream,
}

/// Subscriptions to replies, which end with their requests.
const INBOX: &str = "_INBOX.";
/// The subjects of acknowledgements.
const ACK: &str = "$JS.ACK.";
/// The payload that asks for more time, and is no acknowledgement.
const IN_PROGRESS: &[u8] = b"+WPI";
/// Of the answer to a request so much is kept: the settings of a consumer are shorter.
const ANSWER: u64 = 8 * 1024;

impl Nats {
    pub(super) fn sent(&mut self, byte: u8, seen: &mut Seen) {
        let line = match self.sent.take(byte) {
            None => return,
            Some(Piece::Payload(payload)) => return self.acknowledged(&payload),
            Some(Piece::Line(line)) => line,
        };
        let mut words = line.split_ascii_whitespace();
        let operation = words.next().unwrap_or_default().to_ascii_uppercase();
        match operation.as_str() {
            "PUB" | "HPUB" => {
                let Some(message) = Message::of(operation == "HPUB", words) else {
                    return self.jetstream.lost();
                };
                let acknowledges = message.subject.starts_with(ACK);
                self.acknowledging = acknowledges.then(|| message.subject.to_owned());
                let kept = if acknowledges { IN_PROGRESS.len() as u64 } else { 0 };
                if self.sent.payload(&message, kept) == 0 {
                    self.acknowledged(&[]);
                }
            }
            "SUB" => {
                let is_inbox = words.next().is_some_and(|subject| subject.starts_with(INBOX));
                if let Some(id) = words.next_back().filter(|_| !is_inbox) {
                    self.subscriptions.insert(id.to_owned());
                }
            }
            "UNSUB" => {
                if let Some(id) = words.next() {
                    self.subscriptions.remove(id);
                }
            }
            _ => {}
        }
        seen.subscribed = !self.subscriptions.is_empty();
    }

    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = self.received.skipped(bytes).split_first() {
            bytes = rest;
            let line = match self.received.take(*byte) {
                None => continue,
                Some(Piece::Payload(payload)) => {
                    self.jetstream.answered(&payload);
                    continue;
                }
                Some(Piece::Line(line)) => line,
            };
            let mut words = line.split_ascii_whitespace();
            let operation = words.next().unwrap_or_default().to_ascii_uppercase();
            if !matches!(operation.as_str(), "MSG" | "HMSG") {
                continue;
            }
            // The id of the subscription is behind the subject.
            let words = words.enumerate().filter(|(at, _)| *at != 1).map(|(_, word)| word);
            let Some(message) = Message::of(operation == "HMSG", words) else {
                return self.jetstream.lost();
            };
            let delivered = message.reply.filter(|reply| reply.starts_with(ACK));
            let kept = match delivered {
                Some(reply) => {
                    self.jetstream.delivered(reply);
                    0
                }
                None if message.subject.starts_with(INBOX) => ANSWER,
                None => 0,
            };
            self.received.payload(&message, kept);
        }
    }

    /// Returns how many messages of JetStream the client has not acknowledged, as far as that is certain.
    pub(super) fn unacknowledged(&self) -> u64 {
        self.jetstream.unacknowledged()
    }

    fn acknowledged(&mut self, payload: &[u8]) {
        if let Some(subject) = self.acknowledging.take().filter(|_| payload != IN_PROGRESS) {
            self.jetstream.acknowledged(&subject);
        }
    }
}

/// The line of a message.
#[derive(Debug)]
struct Message<'a> {
    subject: &'a str,
    reply: Option<&'a str>,
    /// The lengths of its headers, and of these and its payload.
    headers: u64,
    size: u64,
}

impl<'a> Message<'a> {
    fn of(has_headers: bool, words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let words: Vec<&str> = words.take(5).collect();
        let (subject, mut rest) = words.split_first()?;
        let mut number = || {
            let (last, before) = rest.split_last()?;
            rest = before;
            last.parse().ok()
        };
        let size = number()?;
        let headers = if has_headers { number()? } else { 0 };
        match rest {
            [] => Some(Self { subject, reply: None, headers, size }),
            [reply] => Some(Self { subject, reply: Some(reply), headers, size }),
            _ => None,
        }
    }
}

/// The longest line of an operation that is kept: longer ones are refused by the server, except CONNECT and INFO, which are not read.
const LONGEST: usize = 4096;

/// Collects the lines of one direction, and what is kept of the payload behind each.
#[derive(Debug, Default)]
struct Operations {
    line: Vec<u8>,
    payload: Vec<u8>,
    /// What is skipped, then kept, and then skipped.
    before: u64,
    kept: u64,
    behind: u64,
}

enum Piece {
    Line(String),
    /// As much of the payload as is kept.
    Payload(Vec<u8>),
}

impl Operations {
    /// Announces the payload of `message`, of which up to `most` bytes are kept. Returns how many these are.
    fn payload(&mut self, message: &Message<'_>, most: u64) -> u64 {
        let payload = message.size.saturating_sub(message.headers);
        self.before = message.headers;
        self.kept = payload.min(most);
        // With the end of the line.
        self.behind = payload.saturating_sub(self.kept).saturating_add(2);
        self.kept
    }

    fn take(&mut self, byte: u8) -> Option<Piece> {
        if self.before > 0 {
            self.before -= 1;
            return None;
        }
        if self.kept > 0 {
            self.kept -= 1;
            self.payload.push(byte);
            return (self.kept == 0).then(|| Piece::Payload(std::mem::take(&mut self.payload)));
        }
        if self.behind > 0 {
            self.behind -= 1;
            return None;
        }
        if byte != b'\n' {
            if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            return None;
        }
        let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
        self.line.clear();
        Some(Piece::Line(line))
    }

    /// Returns what is left of `bytes` behind what is skipped.
    fn skipped<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let skip = match self {
            Self { before: before @ 1.., .. } => before,
            Self { kept: 0, behind, .. } => behind,
            Self { .. } => return bytes,
        };
        let skipped = usize::try_from(*skip).unwrap_or(usize::MAX).min(bytes.len());
        *skip = skip.saturating_sub(skipped as u64);
        bytes.get(skipped..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Observer;
    use super::super::tests::whole_and_in_parts;
    use crate::record::DependencyProtocol::Nats;

    #[test]
    fn subscriptions_of_nats_end_with_unsub() {
        for (sent, seen) in [
            (&b"CONNECT {\"verbose\":false}\r\nPING\r\n"[..], false),
            (b"SUB orders 1\r\n", true),
            (b"sub orders workers 1\r\nUNSUB 1\r\n", false),
            (b"SUB orders 1\r\nSUB items 2\r\nUNSUB 1\r\n", true),
            // A message that looks like an operation.
            (b"PUB orders 7\r\nSUB a 1\r\nHPUB orders r 3 8\r\nSUB b 2\r\r\n", false),
            (b"PUB $JS.ACK.a 7\r\nSUB a 1\r\n", false),
            (b"SUB _INBOX.x.* 1\r\n", false),
        ] {
            let found = whole_and_in_parts(Nats, sent);
            assert_eq!(found, (false, seen, false), "{}", String::from_utf8_lossy(sent));
        }
    }

    /// What one side says.
    enum Says {
        Client(String),
        Server(String),
    }
    use Says::{Client, Server};

    /// The answer with the settings of `consumer`.
    fn settings(consumer: &str, policy: &str) -> Says {
        let kind = "io.nats.jetstream.api.v1.consumer_create_response";
        let config = format!("{{\"durable_name\":\"{consumer}\",\"ack_policy\":\"{policy}\"}}");
        let json = format!(
            "{{\"type\":\"{kind}\",\"stream_name\":\"JOBS\",\"name\":\"{consumer}\",\"config\":{config}}}"
        );
        Server(format!("MSG _INBOX.a.b 1 {}\r\n{json}\r\n", json.len()))
    }

    fn subject(consumer: &str, message: u64) -> String {
        format!("$JS.ACK.JOBS.{consumer}.1.{message}.{message}.1700000000000000000.0")
    }

    /// A message whose payload looks like a message.
    fn message(consumer: &str, message: u64) -> Says {
        let payload = format!("MSG jobs 2 {} 0\r\n", subject(consumer, 99));
        Server(format!("MSG jobs 2 {} {}\r\n{payload}\r\n", subject(consumer, message), payload.len()))
    }

    fn answer(consumer: &str, message: u64, payload: &str) -> Says {
        Client(format!("PUB {} {}\r\n{payload}\r\n", subject(consumer, message), payload.len()))
    }

    /// Returns how many messages are left, the same in whole parts and byte by byte.
    #[track_caller]
    fn left(conversation: &[Says]) -> u64 {
        let counts = [usize::MAX, 1, 3].map(|part| {
            let mut observer = Observer::new(Nats);
            observer.received(b"INFO {}\r\n");
            observer.sent(b"CONNECT {}\r\n");
            for says in conversation {
                match says {
                    Client(text) => text.as_bytes().chunks(part).for_each(|bytes| observer.sent(bytes)),
                    Server(text) => text.as_bytes().chunks(part).for_each(|bytes| observer.received(bytes)),
                }
            }
            observer.seen().unacknowledged
        });
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        counts[0]
    }

    fn after_three(policy: &str, more: Vec<Says>) -> u64 {
        let mut all = vec![settings("a", policy)];
        all.extend((1..=3).map(|number| message("a", number)));
        all.extend(more);
        left(&all)
    }

    #[test]
    fn messages_of_jetstream_that_are_not_acknowledged_are_left() {
        assert_eq!(after_three("explicit", vec![]), 3);
        let each = ["", "+ACK", "-NAK {\"delay\":1}"];
        let each = each.into_iter().zip(1..).map(|(payload, number)| answer("a", number, payload));
        assert_eq!(after_three("explicit", each.collect()), 0);
        assert_eq!(after_three("explicit", vec![answer("a", 2, "+TERM")]), 2);
        assert_eq!(after_three("explicit", vec![answer("a", 2, "+NXT 5")]), 2);
        assert_eq!(after_three("explicit", vec![answer("a", 2, "+WPI")]), 3);
        // A message that is delivered again, one of another consumer, and headers.
        assert_eq!(after_three("explicit", vec![message("a", 3), answer("a", 3, "+ACK")]), 2);
        assert_eq!(after_three("explicit", vec![answer("b", 3, "+ACK")]), 3);
        let headers = format!("HPUB {} reply 4 8\r\n+WPI+ACK\r\n", subject("a", 1));
        assert_eq!(after_three("explicit", vec![Client(headers)]), 2);
        let headers = format!("HMSG jobs 2 {} 5 5\r\n+ACK\n\r\n", subject("a", 4));
        assert_eq!(after_three("explicit", vec![Server(headers)]), 4);
        // With the domain and the account.
        let long = |consumer| format!("$JS.ACK.hub.hash.JOBS.{consumer}.1.7.7.1700000000000000000.0.random");
        assert_eq!(after_three("explicit", vec![Server(format!("MSG jobs 2 {} 0\r\n\r\n", long("a")))]), 4);
    }

    #[test]
    fn the_policy_of_a_consumer_says_what_an_acknowledgement_covers() {
        assert_eq!(after_three("all", vec![answer("a", 2, "+ACK")]), 1);
        assert_eq!(after_three("explicit", vec![answer("a", 2, "+ACK")]), 2);
        assert_eq!(after_three("none", vec![]), 0);
        assert_eq!(after_three("another", vec![]), 0);
        // The settings may come behind the first messages, or never.
        assert_eq!(left(&[message("a", 1), settings("a", "explicit")]), 1);
        assert_eq!(left(&[message("a", 1), settings("b", "explicit")]), 0);
    }

    #[test]
    fn nothing_is_claimed_of_what_is_not_certain() {
        for unclear in [
            Server("MSG jobs 2 a b c 0\r\n\r\n".to_owned()),
            Server("MSG jobs 2 many\r\n".to_owned()),
            Client("PUB jobs many\r\n".to_owned()),
            Client(format!("PUB {} reply 4\r\n", "a".repeat(5000))),
        ] {
            assert_eq!(after_three("explicit", vec![unclear]), 0);
        }
        let many = |count| {
            let all: Vec<Says> = (1..=count).map(|number| message("a", number)).collect();
            let mut observer = Observer::new(Nats);
            observer.sent(b"CONNECT {}\r\n");
            for says in [settings("a", "explicit")].into_iter().chain(all) {
                if let Server(text) = says {
                    observer.received(text.as_bytes());
                }
            }
            observer.seen().unacknowledged
        };
        assert_eq!((many(65_536), many(65_537)), (65_536, 0));
    }
}
