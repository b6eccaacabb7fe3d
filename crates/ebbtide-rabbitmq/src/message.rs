use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

/// The header of the number of failed attempts.
const ATTEMPTS: &str = "ebbtide-attempts";

/// The header of the last attempt's error.
const ERROR: &str = "ebbtide-error";

/// The header in which a quorum queue counts earlier deliveries that were not acknowledged.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// Headers that copies must not have: what RabbitMQ recorded about deliveries and dead-lettering of the first
/// message, and what makes it route a message to further queues.
const NOT_COPIED: [&str; 10] = [
    DELIVERY_COUNT,
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "CC",
    "BCC",
];

/// A message's headers must fit into one frame, 128 KiB unless the server is configured otherwise.
const LONGEST_ERROR: usize = 8 * 1024;

/// Persistent: durable queues write the message to the disk.
const PERSISTENT: u8 = 2;

/// Higher than the priority of producers: a requeued job was in progress before every waiting one.
const FIRST: u8 = 9;

/// The properties of a job that settling it requires.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// The attempt, from 1.
    pub(super) attempt: u32,
    /// Whether an earlier consumer had it and did not settle it, and only this delivery shows it.
    pub(super) lapsed: bool,
    pub(super) payload: Vec<u8>,
    properties: BasicProperties,
}

/// The reason for another message for the same job.
#[derive(Debug)]
pub(super) enum Reason<'a> {
    Requeued,
    Failed(&'a str),
}

impl Message {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let properties = delivery.properties.clone();
        let number = |name| properties.headers().as_ref()?.inner().get(name).and_then(number);
        let failed = number(ATTEMPTS).unwrap_or(0);
        let counted = number(DELIVERY_COUNT);
        let before = counted.unwrap_or(u32::from(delivery.redelivered));
        let sent = properties.message_id().as_ref().map(ToString::to_string).filter(|id| !id.is_empty());
        Self {
            // The producer set no id: the job gets one with its first retry or requeue.
            id: sent.unwrap_or_else(|| Uuid::now_v7().to_string()),
            attempt: failed.saturating_add(before).saturating_add(1),
            lapsed: delivery.redelivered && counted.is_none(),
            payload: delivery.data.clone(),
            properties,
        }
    }

    /// Returns the properties of a new job with this id.
    pub(super) fn fresh(id: &str) -> BasicProperties {
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_message_id(ShortString::from(id))
    }

    /// Returns the properties of another message for this job. They are those of the job except for the expiration,
    /// which a delay queue would apply, and the user id, which only that user may set.
    pub(super) fn copy(&self, reason: &Reason<'_>) -> BasicProperties {
        let (old, new) = (&self.properties, Self::fresh(&self.id).with_headers(self.headers(reason)));
        let new = with(new, old.content_type(), BasicProperties::with_content_type);
        let new = with(new, old.content_encoding(), BasicProperties::with_content_encoding);
        let new = with(new, old.correlation_id(), BasicProperties::with_correlation_id);
        let new = with(new, old.reply_to(), BasicProperties::with_reply_to);
        let new = with(new, old.timestamp(), BasicProperties::with_timestamp);
        let new = with(new, old.kind(), BasicProperties::with_type);
        let new = with(new, old.app_id(), BasicProperties::with_app_id);
        match reason {
            Reason::Requeued => new.with_priority(FIRST),
            Reason::Failed(_) => with(new, old.priority(), BasicProperties::with_priority),
        }
    }

    fn headers(&self, reason: &Reason<'_>) -> FieldTable {
        let mut headers = FieldTable::default();
        for (name, value) in self.properties.headers().iter().flat_map(FieldTable::inner) {
            if !NOT_COPIED.contains(&name.as_str()) {
                headers.insert(name.clone(), value.clone());
            }
        }
        let failed = match reason {
            Reason::Requeued => self.attempt - 1,
            Reason::Failed(error) => {
                headers.insert(ERROR.into(), AMQPValue::LongString(shortened(error).into()));
                self.attempt
            }
        };
        headers.insert(ATTEMPTS.into(), AMQPValue::LongLongInt(failed.into()));
        headers
    }
}

fn with<T: Clone>(
    properties: BasicProperties,
    value: &Option<T>,
    set: fn(BasicProperties, T) -> BasicProperties,
) -> BasicProperties {
    match value {
        Some(value) => set(properties, value.clone()),
        None => properties,
    }
}

/// Reads a header. Another program may have written another type, or a value that is not a number.
fn number(value: &AMQPValue) -> Option<u32> {
    match *value {
        AMQPValue::ShortShortInt(number) => u32::try_from(number).ok(),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => u32::try_from(number).ok(),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => u32::try_from(number).ok(),
        AMQPValue::LongUInt(number) => Some(number),
        AMQPValue::LongLongInt(number) => u32::try_from(number).ok(),
        _ => None,
    }
}

fn shortened(error: &str) -> &str {
    let mut end = error.len().min(LONGEST_ERROR);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    &error[..end]
}
