//! Reads from the messages of a connection whether its client ends it in the protocol's way, and which deliveries the client settles.

mod amqp;
mod commands;
mod deliveries;
mod jetstream;
mod nats;
mod packets;

use self::amqp::Amqp;
use self::commands::Redis;
use self::nats::Nats;
use self::packets::{Mysql, Postgres};
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
    /// How many deliveries the client has not settled, as far as that is certain.
    pub(super) unacknowledged: u64,
}

/// Reads one connection. It keeps no more of a message than its head, and of deliveries their numbers.
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
        if self.seen.opaque {
            return;
        }
        match (&mut self.reader, bytes.first()) {
            (Reader::Postgres(reader), Some(first)) => reader.received(*first, &mut self.seen),
            (Reader::Rabbitmq(reader), _) => reader.received(bytes),
            (Reader::Nats(reader), _) => reader.received(bytes),
            _ => {}
        }
    }

    /// The service was asked to stop.
    pub(super) fn stopping(&mut self) {
        if let Reader::Rabbitmq(reader) = &mut self.reader {
            reader.stopping();
        }
    }

    /// Returns what was seen so far.
    pub(super) fn seen(&self) -> Seen {
        let unacknowledged = match &self.reader {
            _ if self.seen.opaque => 0,
            Reader::Rabbitmq(reader) => reader.unacknowledged(),
            Reader::Nats(reader) => reader.unacknowledged(),
            Reader::Postgres(_) | Reader::Mysql(_) | Reader::Redis(_) | Reader::Tcp => 0,
        };
        Seen { unacknowledged, ..self.seen }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// Returns what both sides show, with these parts.
    fn both(protocol: DependencyProtocol, sent: &[&[u8]], received: &[&[u8]]) -> Seen {
        let mut observer = Observer::new(protocol);
        let begin: &[u8] =
            if protocol == DependencyProtocol::Nats { b"CONNECT {}\r\n" } else { b"AMQP\x00\x00\x09\x01" };
        observer.sent(begin);
        sent.iter().for_each(|part| observer.sent(part));
        received.iter().for_each(|part| observer.received(part));
        observer.seen()
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_alike_however_they_are_divided(
            heads in proptest::collection::vec(prop_oneof![
                Just(&b"\x01\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x50"[..]),
                Just(&b"\x01\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x3c\x01a"[..]),
                Just(&b"MSG a 1 $JS.ACK.S.C.1.2.3.4.5 2\r\n"[..]),
                Just(&b"HPUB $JS.ACK.S.C.1.2.3.4.5 3 9\r\n"[..]),
            ], 0..4),
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            at in any::<proptest::sample::Index>(),
        ) {
            let all = heads.iter().flat_map(|head| [head, &bytes[..]].concat()).collect::<Vec<u8>>();
            let (first, second) = all.split_at(at.index(all.len() + 1));
            for protocol in [DependencyProtocol::Rabbitmq, DependencyProtocol::Nats] {
                let whole = both(protocol, &[&all], &[&all]);
                prop_assert_eq!(both(protocol, &[first, second], &[first, second]), whole);
            }
        }
    }
}
