//! The frames of AMQP 0-9-1: how a client ends its connection, and which deliveries it settles.

use super::Seen;
use super::deliveries::Deliveries;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Amqp {
    header: Vec<u8>,
    began: bool,
    sent: Frames,
    received: Frames,
    deliveries: Deliveries,
}

const HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
const CONNECTION: u16 = 10;
const CLOSE: [u16; 2] = [50, 51];

impl Amqp {
    pub(super) fn sent(&mut self, byte: u8, seen: &mut Seen) {
        if !self.began {
            self.header.push(byte);
            if self.header.len() == HEADER.len() {
                self.began = true;
                seen.opaque = self.header != HEADER;
            }
            return;
        }
        let Some(frame) = self.sent.take(byte) else { return };
        let Some(method) = Method::of(&frame) else { return };
        seen.goodbye = method.class == CONNECTION && CLOSE.contains(&method.id);
        self.deliveries.sent(method);
    }

    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = self.received.skipped(bytes).split_first() {
            bytes = rest;
            if let Some(method) = self.received.take(*byte).as_deref().and_then(Method::of) {
                self.deliveries.received(method);
            }
        }
    }

    pub(super) fn stopping(&mut self) {
        self.deliveries.stopping();
    }

    /// Returns how many deliveries the client has not settled, as far as that is certain.
    pub(super) fn unacknowledged(&self) -> u64 {
        self.deliveries.unacknowledged()
    }
}

/// A method, with the beginning of its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'a> {
    pub(super) channel: u16,
    pub(super) class: u16,
    pub(super) id: u16,
    pub(super) arguments: &'a [u8],
}

impl<'a> Method<'a> {
    fn of(frame: &'a [u8]) -> Option<Self> {
        let &[METHOD, a, b, _, _, _, _, c, d, e, f, ref arguments @ ..] = frame else { return None };
        let [channel, class, id] = [[a, b], [c, d], [e, f]].map(u16::from_be_bytes);
        Some(Self { channel, class, id, arguments })
    }
}

const METHOD: u8 = 1;
/// So much of a method is kept: its ids, and what comes before the last argument that is read, the bits of basic.consume behind a number and two
/// short strings.
const KEPT: usize = 4 + 2 + 256 + 256 + 1;

/// Collects the methods of one direction, and skips what else there is.
#[derive(Debug, Default)]
struct Frames {
    frame: Vec<u8>,
    skip: u64,
}

impl Frames {
    /// Returns what is left of `bytes` behind what is skipped.
    fn skipped<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip = self.skip.saturating_sub(skipped as u64);
        bytes.get(skipped..).unwrap_or_default()
    }

    /// Takes `byte`. Returns the head of a frame and, of a method, the beginning of its payload, when these are complete.
    fn take(&mut self, byte: u8) -> Option<Vec<u8>> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.frame.push(byte);
        let &[kind, _, _, a, b, c, d, ref payload @ ..] = self.frame.as_slice() else { return None };
        let size = u32::from_be_bytes([a, b, c, d]);
        let kept = if kind == METHOD { usize::try_from(size).unwrap_or(KEPT).min(KEPT) } else { 0 };
        if payload.len() < kept {
            return None;
        }
        // With the octet at the end of the frame.
        self.skip = u64::from(size).saturating_sub(kept as u64).saturating_add(1);
        Some(std::mem::take(&mut self.frame))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Observer;
    use super::super::tests::whole_and_in_parts;
    use crate::record::DependencyProtocol::Rabbitmq;

    fn frame(kind: u8, channel: u8, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 0, channel][..], &size, body, &[0xce]].concat()
    }

    fn method(channel: u8, class: u8, id: u8, arguments: &[u8]) -> Vec<u8> {
        frame(1, channel, &[&[0, class, 0, id][..], arguments].concat())
    }

    #[test]
    fn connection_close_ends_a_connection_of_rabbitmq() {
        // start-ok, channel.close, a body that looks like a close, a heartbeat.
        let open = [
            super::HEADER.to_vec(),
            method(0, 10, 11, &[0, 50]),
            method(1, 20, 40, &[0, 50]),
            frame(3, 1, &[0, 10, 0, 50]),
            frame(8, 0, &[]),
        ]
        .concat();
        assert_eq!(whole_and_in_parts(Rabbitmq, &open), (false, false, false));
        for close in [50, 51] {
            let closed = [open.clone(), method(0, 10, close, &[])].concat();
            assert_eq!(whole_and_in_parts(Rabbitmq, &closed), (true, false, false));
        }
        assert_eq!(whole_and_in_parts(Rabbitmq, b"AMQP\x00\x01\x00\x00"), (false, false, true));
    }

    /// What one side says.
    enum Says {
        Client(Vec<u8>),
        Broker(Vec<u8>),
    }
    use Says::{Broker, Client};

    fn short(text: &str) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    /// basic.consume of channel 1 with these bits (2: no-ack, 8: no-wait), and a table that is longer than what is kept.
    fn consume(tag: &str, bits: u8) -> Says {
        let arguments = [&[0, 0][..], &short("jobs"), &short(tag), &[bits], &[7; 2000]].concat();
        Client(method(1, 60, 20, &arguments))
    }

    fn consuming(tag: &str) -> Says {
        Broker(method(1, 60, 21, &short(tag)))
    }

    fn number(number: u64) -> [u8; 8] {
        number.to_be_bytes()
    }

    /// basic.deliver to the consumer `consumer`, with a header and a body that looks like an acknowledgement.
    fn deliver(channel: u8, consumer: &str, tag: u64) -> Says {
        let arguments = [&short(consumer)[..], &number(tag), &[0], &short(""), &short("jobs")].concat();
        let body = method(1, 60, 80, &[&number(0)[..], &[1]].concat());
        Broker(
            [method(channel, 60, 60, &arguments), frame(2, channel, &[0; 20]), frame(3, channel, &body)]
                .concat(),
        )
    }

    fn get(no_ack: bool) -> Says {
        Client(method(1, 60, 70, &[&[0, 0][..], &short("jobs"), &[u8::from(no_ack)]].concat()))
    }

    fn got(tag: u64) -> Says {
        Broker(method(1, 60, 71, &[&number(tag)[..], &[0], &short(""), &short("jobs"), &[0; 4]].concat()))
    }

    fn nothing_got() -> Says {
        Broker(method(1, 60, 72, &short("")))
    }

    /// basic.ack (80), basic.reject (90) or basic.nack (120).
    fn settle(id: u8, tag: u64, bits: u8) -> Says {
        Client(method(1, 60, id, &[&number(tag)[..], &[bits]].concat()))
    }

    /// Returns how many deliveries are left, the same in whole parts and byte by byte.
    #[track_caller]
    fn left(conversation: &[Says]) -> u64 {
        let counts = [usize::MAX, 1, 3].map(|part| {
            let mut observer = Observer::new(Rabbitmq);
            observer.sent(super::HEADER);
            observer.stopping();
            for says in conversation {
                match says {
                    Client(bytes) => bytes.chunks(part).for_each(|bytes| observer.sent(bytes)),
                    Broker(bytes) => bytes.chunks(part).for_each(|bytes| observer.received(bytes)),
                }
            }
            observer.seen().unacknowledged
        });
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        counts[0]
    }

    /// Three deliveries to a consumer that acknowledges them.
    fn three() -> Vec<Says> {
        let mut three = vec![consume("a", 0), consuming("a")];
        three.extend((1..=3).map(|tag| deliver(1, "a", tag)));
        three
    }

    fn after_three(more: Vec<Says>) -> u64 {
        left(&three().into_iter().chain(more).collect::<Vec<_>>())
    }

    #[test]
    fn deliveries_that_are_not_settled_are_left() {
        assert_eq!(after_three(vec![]), 3);
        assert_eq!(after_three(vec![settle(80, 1, 0), settle(90, 2, 1), settle(120, 3, 2)]), 0);
        assert_eq!(after_three(vec![settle(80, 2, 0)]), 2);
        // Multiple.
        assert_eq!(after_three(vec![settle(80, 2, 1)]), 1);
        assert_eq!(after_three(vec![settle(120, 3, 3)]), 0);
        // The bit of basic.reject is another one.
        assert_eq!(after_three(vec![settle(90, 3, 1)]), 2);
        // A tag of another channel.
        assert_eq!(after_three(vec![deliver(2, "a", 1), settle(80, 3, 1)]), 1);
        // Deliveries that cross the end of the connection.
        let close = || Client(method(0, 10, 50, &[0, 200, 0, 0, 0, 0, 0]));
        assert_eq!(after_three(vec![close(), deliver(1, "a", 4)]), 4);
        assert_eq!(after_three(vec![settle(80, 3, 1), close()]), 0);
    }

    #[test]
    fn what_needs_no_acknowledgement_is_not_left() {
        let [acknowledges, not] = [0, 2];
        for (bits, count) in [(acknowledges, 1), (not, 0)] {
            // Named by the client; named by the broker; named, and without an answer.
            assert_eq!(left(&[consume("a", bits), consuming("a"), deliver(1, "a", 1)]), count);
            assert_eq!(left(&[consume("", bits), consuming("amq.1"), deliver(1, "amq.1", 1)]), count);
            assert_eq!(left(&[consume("a", bits | 8), deliver(1, "a", 1)]), count);
        }
        // A name that is used again.
        assert_eq!(
            left(&[consume("a", 2), consuming("a"), consume("a", 0), consuming("a"), deliver(1, "a", 1)]),
            1
        );
        assert_eq!(left(&[get(true), get(false), nothing_got(), got(1)]), 1);
        assert_eq!(left(&[get(false), get(true), nothing_got(), got(1)]), 0);
        assert_eq!(left(&[get(false), got(1), settle(80, 1, 0)]), 0);
    }

    #[test]
    fn a_channel_that_closes_after_the_signal_leaves_its_deliveries() {
        let close = || Client(method(1, 20, 40, &[0, 200, 0, 0, 0, 0, 0]));
        let closed = || Broker(method(1, 20, 41, &[]));
        assert_eq!(after_three(vec![settle(80, 1, 0), close(), closed()]), 2);
        // Opened again, with tags from 1 on.
        assert_eq!(
            after_three(vec![
                close(),
                closed(),
                consume("a", 0),
                consuming("a"),
                deliver(1, "a", 1),
                settle(80, 1, 0)
            ]),
            3
        );
        assert_eq!(
            after_three(vec![Broker(method(1, 20, 40, &[1, 150, 0, 0, 0, 0, 0]))]),
            3,
            "closed by the broker"
        );
        let mut before = Observer::new(Rabbitmq);
        before.sent(super::HEADER);
        for says in three().into_iter().chain([close(), closed()]) {
            match says {
                Client(bytes) => before.sent(&bytes),
                Broker(bytes) => before.received(&bytes),
            }
        }
        before.stopping();
        assert_eq!(before.seen().unacknowledged, 0, "closed before the signal");
    }

    #[test]
    fn what_a_closed_channel_was_asked_for_has_no_answer() {
        let closed_by_broker = Broker(method(1, 20, 40, &[1, 150, 0, 0, 0, 0, 0]));
        let open = Client(method(1, 20, 10, &[0]));
        let crossing = [consume("a", 0), consuming("a"), closed_by_broker, consume("", 2), get(true), open];
        let again = [consume("", 0), consuming("amq.1"), deliver(1, "amq.1", 1), get(false), got(2)];
        assert_eq!(left(&crossing.into_iter().chain(again).collect::<Vec<_>>()), 2);
    }

    #[test]
    fn recovered_deliveries_are_settled_at_the_answer() {
        let recover = || Client(method(1, 60, 110, &[1]));
        let recovered = || Broker(method(1, 60, 111, &[]));
        assert_eq!(after_three(vec![recover(), deliver(1, "a", 4), recovered(), deliver(1, "a", 5)]), 1);
    }

    #[test]
    fn nothing_is_claimed_of_what_is_not_certain() {
        for unclear in [
            // recover-async has no answer, `all` covers what is on its way, and a transaction may be rolled back.
            Client(method(1, 60, 100, &[1])),
            settle(80, 0, 1),
            Client(method(1, 90, 10, &[])),
            // Arguments that end early.
            Client(method(1, 60, 80, &[0])),
            Broker(method(1, 60, 60, &[5, 0])),
            consume("", 8),
        ] {
            assert_eq!(after_three(vec![unclear, deliver(1, "a", 4)]), 0);
        }
        // More than are remembered.
        let all = |number: u64| {
            let mut all = vec![consume("a", 0), consuming("a")];
            all.extend((1..=number).map(|tag| deliver(1, "a", tag)));
            let mut observer = Observer::new(Rabbitmq);
            observer.sent(super::HEADER);
            for says in all {
                match says {
                    Client(bytes) => observer.sent(&bytes),
                    Broker(bytes) => observer.received(&bytes),
                }
            }
            observer.seen().unacknowledged
        };
        assert_eq!(all(65_535), 65_535);
        assert_eq!(all(65_536), 0);
    }
}
