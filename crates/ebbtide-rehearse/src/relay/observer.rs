//! Reads from what a client sends whether it ends its connection in the protocol's way.

mod commands;
mod packets;

use self::commands::{Nats, Redis};
use self::packets::{Amqp, Mysql, Postgres};
use crate::record::DependencyProtocol;

/// What the messages of a connection showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    /// The client sent the last message of the protocol.
    pub(super) goodbye: bool,
    /// The client has subscriptions.
    pub(super) subscribed: bool,
    /// The messages cannot be read.
    pub(super) opaque: bool,
}

/// Reads one connection. It holds no more of a message than its head.
#[derive(Debug)]
pub(super) struct Observer {
    seen: Seen,
    begun: bool,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Postgres(Postgres),
    Mysql(Mysql),
    Redis(Redis),
    Rabbitmq(Amqp),
    Nats(Nats),
    Tcp,
}

/// The type of a TLS record with a handshake. No protocol that is read begins with it.
const HANDSHAKE: u8 = 0x16;

impl Observer {
    pub(super) fn new(protocol: DependencyProtocol) -> Self {
        let reader = match protocol {
            DependencyProtocol::Postgres => Reader::Postgres(Postgres::default()),
            DependencyProtocol::Mysql => Reader::Mysql(Mysql::default()),
            DependencyProtocol::Redis => Reader::Redis(Redis::default()),
            DependencyProtocol::Rabbitmq => Reader::Rabbitmq(Amqp::default()),
            DependencyProtocol::Nats => Reader::Nats(Nats::default()),
            DependencyProtocol::Tcp => Reader::Tcp,
        };
        Self { seen: Seen::default(), begun: false, reader }
    }

    /// Reads `bytes`, which the client sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if !self.begun && bytes.first() == Some(&HANDSHAKE) {
            self.seen.opaque = true;
        }
        self.begun |= !bytes.is_empty();
        for byte in bytes {
            if self.seen.opaque || self.seen.goodbye {
                return;
            }
            match &mut self.reader {
                Reader::Postgres(reader) => reader.sent(*byte, &mut self.seen),
                Reader::Mysql(reader) => reader.sent(*byte, &mut self.seen),
                Reader::Redis(reader) => reader.sent(*byte, &mut self.seen),
                Reader::Rabbitmq(reader) => reader.sent(*byte, &mut self.seen),
                Reader::Nats(reader) => reader.sent(*byte, &mut self.seen),
                Reader::Tcp => return,
            }
        }
    }

    /// Reads `bytes`, which the server sent.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        if let (Reader::Postgres(reader), Some(first)) = (&mut self.reader, bytes.first()) {
            reader.received(*first, &mut self.seen);
        }
    }

    /// Returns what was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an observer that has read `parts`.
    pub(super) fn reads(protocol: DependencyProtocol, parts: &[&[u8]]) -> Observer {
        let mut observer = Observer::new(protocol);
        parts.iter().for_each(|part| observer.sent(part));
        observer
    }

    /// Returns what `bytes` show (goodbye, subscribed, opaque), which is the same however they are divided.
    pub(super) fn whole_and_in_parts(protocol: DependencyProtocol, bytes: &[u8]) -> (bool, bool, bool) {
        let whole = reads(protocol, &[bytes]).seen();
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(reads(protocol, &[first, second]).seen(), whole, "divided at {at}");
        }
        (whole.goodbye, whole.subscribed, whole.opaque)
    }
}
