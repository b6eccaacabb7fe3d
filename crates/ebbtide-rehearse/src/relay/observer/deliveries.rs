//! The deliveries of RabbitMQ to a client, and what the client settles.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::amqp::Method;

/// So many open deliveries are remembered: the greatest prefetch count.
const MOST: usize = u16::MAX as usize;
/// So many consumers without acknowledgements, and so many questions without an answer, are remembered of a channel.
const MOST_CONSUMERS: usize = 1024;

const CHANNEL: u16 = 20;
const BASIC: u16 = 60;
const TX: u16 = 90;

/// The open deliveries of a connection. A delivery is read here before the client gets it, so that each is known when it is settled.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    channels: BTreeMap<u16, Channel>,
    /// The open deliveries of all channels.
    open: usize,
    /// Those that were open when their channel closed during the stop: the broker requeues them.
    requeued: u64,
    stopping: bool,
    /// More than is remembered, or what is not certain: nothing is counted any more.
    unclear: bool,
}

#[derive(Debug, Default)]
struct Channel {
    /// The tags of the deliveries that are not settled.
    open: BTreeSet<u64>,
    /// Whether each basic.consume and basic.get without an answer is one without acknowledgements, in their order.
    consuming: VecDeque<bool>,
    getting: VecDeque<bool>,
    /// The consumers without acknowledgements.
    automatic: HashSet<Vec<u8>>,
}

impl Deliveries {
    pub(super) fn sent(&mut self, method: Method<'_>) {
        if !self.unclear {
            let read = self.read_sent(method);
            self.check(method.channel, read);
        }
    }

    pub(super) fn received(&mut self, method: Method<'_>) {
        if !self.unclear {
            let read = self.read_received(method);
            self.check(method.channel, read);
        }
    }

    pub(super) fn stopping(&mut self) {
        self.stopping = true;
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        if self.unclear { 0 } else { self.requeued.saturating_add(self.open as u64) }
    }

    /// Reads a method of the client. `None`: what it means for the deliveries is not certain.
    fn read_sent(&mut self, method: Method<'_>) -> Option<()> {
        let mut arguments = Arguments(method.arguments);
        match (method.class, method.id) {
            // channel.open: what was asked for after the broker had closed the channel has no answer.
            (CHANNEL, 10) => self.closed(method.channel),
            // basic.consume
            (BASIC, 20) => {
                let channel = self.channels.entry(method.channel).or_default();
                let (_ticket, _queue) = (arguments.number::<2>()?, arguments.short()?);
                let (tag, bits) = (arguments.short()?, arguments.bits()?);
                let (automatic, no_wait) = (bits & 2 != 0, bits & 8 != 0);
                if !no_wait {
                    channel.consuming.push_back(automatic);
                } else if tag.is_empty() {
                    // The client never learns the name either.
                    return None;
                } else {
                    channel.consumes(tag, automatic);
                }
            }
            // basic.get
            (BASIC, 70) => {
                let (_ticket, _queue) = (arguments.number::<2>()?, arguments.short()?);
                let automatic = arguments.bits()? & 1 != 0;
                self.channels.entry(method.channel).or_default().getting.push_back(automatic);
            }
            // basic.ack and basic.nack
            (BASIC, 80 | 120) => {
                match (u64::from_be_bytes(arguments.number()?), arguments.bits()? & 1 != 0) {
                    // All of them, with those that are on their way.
                    (0, true) => return None,
                    (tag, true) => {
                        self.settle(method.channel, |open| *open = open.split_off(&tag.saturating_add(1)))
                    }
                    (tag, false) => self.settle(method.channel, |open| _ = open.remove(&tag)),
                }
            }
            // basic.reject
            (BASIC, 90) => {
                let tag = u64::from_be_bytes(arguments.number()?);
                self.settle(method.channel, |open| _ = open.remove(&tag));
            }
            // basic.recover-async has no answer, and a transaction may be rolled back.
            (BASIC, 100) | (TX, _) => return None,
            _ => {}
        }
        Some(())
    }

    /// The same of the broker.
    fn read_received(&mut self, method: Method<'_>) -> Option<()> {
        let mut arguments = Arguments(method.arguments);
        match (method.class, method.id) {
            // basic.consume-ok
            (BASIC, 21) => {
                let channel = self.channels.entry(method.channel).or_default();
                let automatic = channel.consuming.pop_front()?;
                channel.consumes(arguments.short()?, automatic);
            }
            // basic.deliver
            (BASIC, 60) => {
                let (consumer, tag) = (arguments.short()?, u64::from_be_bytes(arguments.number()?));
                let channel = self.channels.entry(method.channel).or_default();
                if !channel.automatic.contains(consumer) {
                    self.open = self.open.saturating_add(usize::from(channel.open.insert(tag)));
                }
            }
            // basic.get-ok
            (BASIC, 71) => {
                let tag = u64::from_be_bytes(arguments.number()?);
                let channel = self.channels.entry(method.channel).or_default();
                if !channel.getting.pop_front()? {
                    self.open = self.open.saturating_add(usize::from(channel.open.insert(tag)));
                }
            }
            // basic.get-empty
            (BASIC, 72) => {
                self.channels.entry(method.channel).or_default().getting.pop_front()?;
            }
            // basic.recover-ok: what came before it is requeued.
            (BASIC, 111) => self.settle(method.channel, BTreeSet::clear),
            // channel.close of the broker, and channel.close-ok: what came before it is requeued.
            (CHANNEL, 40 | 41) => self.closed(method.channel),
            _ => {}
        }
        Some(())
    }

    fn closed(&mut self, channel: u16) {
        let closed = self.channels.remove(&channel).unwrap_or_default().open.len();
        self.open = self.open.saturating_sub(closed);
        if self.stopping {
            self.requeued = self.requeued.saturating_add(closed as u64);
        }
    }

    fn settle(&mut self, channel: u16, settled: impl FnOnce(&mut BTreeSet<u64>)) {
        if let Some(channel) = self.channels.get_mut(&channel) {
            let before = channel.open.len();
            settled(&mut channel.open);
            self.open = self.open.saturating_sub(before.saturating_sub(channel.open.len()));
        }
    }

    fn check(&mut self, channel: u16, read: Option<()>) {
        let is_large = |channel: &Channel| {
            let most = channel.consuming.len().max(channel.getting.len()).max(channel.automatic.len());
            most > MOST_CONSUMERS
        };
        let too_many = self.open > MOST || self.channels.get(&channel).is_some_and(is_large);
        if read.is_none() || too_many {
            *self = Self { unclear: true, ..Self::default() };
        }
    }
}

impl Channel {
    fn consumes(&mut self, consumer: &[u8], automatic: bool) {
        if automatic {
            self.automatic.insert(consumer.to_vec());
        } else {
            self.automatic.remove(consumer);
        }
    }
}

/// Reads the arguments of a method one after the other.
struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    fn number<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn bits(&mut self) -> Option<u8> {
        self.number().map(|[bits]| bits)
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.bits()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}
