//! The messages of JetStream to a client, and which of them it acknowledges.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

/// So many messages, and so many consumers, are remembered.
const MOST: usize = 65_536;
const MOST_CONSUMERS: usize = 1024;

/// The messages of a connection that are not acknowledged.
#[derive(Debug, Default)]
pub(super) struct JetStream {
    /// By the stream and the name.
    consumers: HashMap<(String, String), Consumer>,
    open: usize,
    /// More than is remembered, or what cannot be read: nothing is counted any more.
    unclear: bool,
}

#[derive(Debug, Default)]
struct Consumer {
    /// What acknowledgements mean for it, once an answer of the server has shown that: messages without any look the same.
    policy: Option<AckPolicy>,
    /// The numbers of the messages in their stream. One that is delivered again has the same.
    open: BTreeSet<u64>,
    /// The greatest number that was acknowledged.
    acknowledged: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AckPolicy {
    Explicit,
    /// An acknowledgement covers earlier messages.
    All,
    #[serde(other)]
    Other,
}

/// The answer of the server to a request for a consumer, or for its settings.
#[derive(Debug, Deserialize)]
struct Settings {
    stream_name: String,
    name: String,
    config: Config,
}

#[derive(Debug, Deserialize)]
struct Config {
    ack_policy: AckPolicy,
}

impl JetStream {
    /// Reads a message whose reply goes to `subject`.
    pub(super) fn delivered(&mut self, subject: &str) {
        let Some((key, message)) = named(subject) else { return };
        if let Some(consumer) = self.consumer(key) {
            let is_new = consumer.open.insert(message);
            self.open = self.open.saturating_add(usize::from(is_new));
            if self.open > MOST {
                self.lost();
            }
        }
    }

    /// Reads an acknowledgement of any kind that is sent to `subject`.
    pub(super) fn acknowledged(&mut self, subject: &str) {
        let Some((key, message)) = named(subject) else { return };
        if let Some(consumer) = self.consumer(key) {
            consumer.acknowledged = consumer.acknowledged.max(message);
            let was_open = consumer.open.remove(&message);
            self.open = self.open.saturating_sub(usize::from(was_open));
        }
    }

    /// Reads the answer to a request.
    pub(super) fn answered(&mut self, answer: &[u8]) {
        if let Ok(settings) = serde_json::from_slice::<Settings>(answer)
            && let Some(consumer) = self.consumer((settings.stream_name, settings.name))
        {
            consumer.policy = Some(settings.config.ack_policy);
        }
    }

    /// What follows cannot be read.
    pub(super) fn lost(&mut self) {
        *self = Self { unclear: true, ..Self::default() };
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        let open = |consumer: &Consumer| match consumer.policy {
            Some(AckPolicy::Explicit) => consumer.open.len(),
            Some(AckPolicy::All) => {
                consumer.open.iter().filter(|number| **number > consumer.acknowledged).count()
            }
            Some(AckPolicy::Other) | None => 0,
        };
        self.consumers.values().map(open).sum::<usize>() as u64
    }

    fn consumer(&mut self, key: (String, String)) -> Option<&mut Consumer> {
        if !self.unclear && self.consumers.len() >= MOST_CONSUMERS && !self.consumers.contains_key(&key) {
            self.lost();
        }
        (!self.unclear).then(|| self.consumers.entry(key).or_default())
    }
}

/// Returns the stream, the consumer and the number of the message that the subject of an acknowledgement names:
/// `$JS.ACK.STREAM.CONSUMER.DELIVERIES.NUMBER.…`, of newer servers with a domain and an account before the stream.
fn named(subject: &str) -> Option<((String, String), u64)> {
    let words: Vec<&str> = subject.split('.').collect();
    let at = match words.len() {
        9 => 2,
        11.. => 4,
        _ => return None,
    };
    let [stream, consumer, _, number, ..] = words.get(at..)? else { return None };
    Some((((*stream).to_owned(), (*consumer).to_owned()), number.parse().ok()?))
}
