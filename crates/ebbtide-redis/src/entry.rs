use ebbtide::queue::Delivery;
use redis::{FromRedisValue, ParsingError, Value};

/// The field of the payload.
pub(super) const PAYLOAD: &str = "payload";

/// The field of the job's id, once it differs from the id of its entry.
const JOB: &[u8] = b"ebbtide-job";

/// The field of the number of attempts in earlier entries.
const TRIES: &[u8] = b"ebbtide-tries";

/// New entries as Redis returns them: ids and fields, names and values alternating.
pub(super) type Fields = Vec<(String, Vec<Vec<u8>>)>;

/// The receipt of a delivery: the entry of the stream, and how often it has been delivered.
///
/// The count distinguishes this delivery from a later one of the same job, to the same or another consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedisReceipt {
    pub(super) entry: String,
    pub(super) count: u64,
}

/// An entry of the stream, as delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    id: String,
    /// Names and values, alternating.
    fields: Vec<Vec<u8>>,
    count: u64,
}

impl Entry {
    /// Reads a new entry as `XREADGROUP` returns it.
    pub(super) fn new(id: String, fields: Vec<Vec<u8>>) -> Self {
        Self { id, fields, count: 1 }
    }

    pub(super) fn receipt(&self) -> RedisReceipt {
        RedisReceipt { entry: self.id.clone(), count: self.count }
    }

    /// Returns the job in the entry, or `None` if it has no payload.
    pub(super) fn into_delivery(self) -> Option<Delivery<RedisReceipt>> {
        let receipt = self.receipt();
        let (mut payload, mut id, mut tries) = (None, self.id, 0_u64);
        let mut fields = self.fields.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            match name.as_slice() {
                name if name == PAYLOAD.as_bytes() => payload = Some(value),
                JOB => id = String::from_utf8_lossy(&value).into_owned(),
                TRIES => tries = String::from_utf8_lossy(&value).parse().unwrap_or(0),
                _ => {}
            }
        }
        let attempt = u32::try_from(tries.saturating_add(self.count)).unwrap_or(u32::MAX);
        Some(Delivery { receipt, id, payload: payload?, attempt })
    }
}

/// Reads an entry as the scripts return it, with its delivery count.
impl FromRedisValue for Entry {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, fields, count) = FromRedisValue::from_redis_value(value)?;
        Ok(Self { id, fields, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[&str], count: u64) -> Entry {
        let fields = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
        Entry { id: "7-1".to_owned(), fields, count }
    }

    #[test]
    fn attempts_include_those_of_earlier_entries() {
        let delivery =
            entry(&["payload", "x", "ebbtide-job", "3-0", "ebbtide-tries", "4"], 2).into_delivery();
        let delivery = delivery.unwrap();
        assert_eq!(
            (delivery.id.as_str(), delivery.attempt, delivery.payload.as_slice()),
            ("3-0", 6, b"x".as_slice())
        );
        assert_eq!(delivery.receipt, RedisReceipt { entry: "7-1".to_owned(), count: 2 });
    }

    #[test]
    fn invalid_entry_fields_are_ignored() {
        assert_eq!(entry(&["body", "x"], 1).into_delivery(), None);
        assert_eq!(entry(&["payload"], 1).into_delivery(), None);
        assert_eq!(entry(&[], 1).into_delivery(), None);
        let odd = entry(&["payload", "", "ebbtide-tries", "many"], u64::MAX).into_delivery().unwrap();
        assert_eq!((odd.attempt, odd.payload.len()), (u32::MAX, 0));
        let most = u64::MAX.to_string();
        assert_eq!(
            entry(&["payload", "", "ebbtide-tries", &most], 1).into_delivery().unwrap().attempt,
            u32::MAX
        );
    }
}
