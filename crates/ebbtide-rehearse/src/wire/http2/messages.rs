//! The messages of a gRPC call: each has a flag and a length of four bytes before it.

use std::time::Duration;

use crate::record::Progress;

/// The bytes before a message.
const PREFIX: usize = 5;

/// A message that has waited this long for its answer when the call ends was read, and is lost. A later one may have crossed the end on
/// its way.
pub(super) const READ: Duration = Duration::from_millis(250);

/// The messages of a call that streams them.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    sent: u64,
    received: MessageCount,
    /// The last message has waited long for its answer.
    is_overdue: bool,
}

impl Messages {
    /// Counts a message to the service.
    pub(super) fn send(&mut self) {
        self.sent = self.sent.saturating_add(1);
        self.is_overdue = false;
    }

    /// Adds bytes from the service.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.received.add(bytes);
    }

    /// Notes that the last message should have been answered by now.
    pub(super) fn expect(&mut self) {
        self.is_overdue = true;
    }

    /// Returns whether each message was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.received.whole >= self.sent
    }

    /// Returns how many were received, and sent. If the service ended the call before the client `ended` its stream, a message that may have
    /// crossed the end does not count.
    pub(super) fn progress(&self, ended: bool) -> Progress {
        let crossed = u64::from(!ended && !self.is_overdue && !self.is_answered());
        Progress { done: self.received.whole, of: self.sent.saturating_sub(crossed) }
    }
}

/// Counts whole messages.
#[derive(Clone, Debug, Default)]
struct MessageCount {
    whole: u64,
    /// What was read of a prefix.
    prefix: Vec<u8>,
    /// The bytes of the current message that are still to come.
    rest: usize,
}

impl MessageCount {
    /// Adds `bytes` of the body.
    fn add(&mut self, mut bytes: &[u8]) {
        loop {
            let body = bytes.get(self.rest.min(bytes.len())..).unwrap_or_default();
            self.rest = self.rest.saturating_sub(bytes.len());
            bytes = body;
            if self.rest == 0 && self.prefix.len() == PREFIX {
                self.whole = self.whole.saturating_add(1);
                self.prefix.clear();
            }
            if bytes.is_empty() {
                return;
            }
            let (prefix, after) = bytes.split_at(bytes.len().min(PREFIX.saturating_sub(self.prefix.len())));
            self.prefix.extend_from_slice(prefix);
            bytes = after;
            if let [_, length @ ..] = self.prefix.as_slice()
                && let Ok(length) = length.try_into()
            {
                self.rest = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bytes: &[u8]) -> u64 {
        let (mut at_once, mut by_byte) = (MessageCount::default(), MessageCount::default());
        at_once.add(bytes);
        bytes.iter().for_each(|byte| by_byte.add(&[*byte]));
        assert_eq!(at_once.whole, by_byte.whole, "{bytes:?}");
        at_once.whole
    }

    #[test]
    fn a_message_may_cross_the_end_unless_it_has_waited() {
        let mut messages = Messages::default();
        messages.send();
        messages.receive(&[0; PREFIX]);
        assert!(messages.is_answered());
        messages.send();
        assert_eq!(messages.progress(false), Progress { done: 1, of: 1 });
        assert_eq!(messages.progress(true), Progress { done: 1, of: 2 });
        messages.expect();
        assert_eq!(messages.progress(false), Progress { done: 1, of: 2 });
    }

    #[test]
    fn a_message_counts_when_it_is_whole() {
        let message = b"\0\0\0\0\x02ok";
        let empty = [0; PREFIX];
        assert_eq!((count(b""), count(&empty), count(message)), (0, 1, 1));
        assert_eq!(count(&[&message[..], &empty, message].concat()), 3);
        assert_eq!(count(&[&message[..], &message[..6]].concat()), 1);
        assert_eq!(count(&[&message[..], &empty[..4]].concat()), 1);
    }
}
