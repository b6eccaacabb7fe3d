/// What Redis knows a delivery by: the entry of the stream, and how often that has been delivered.
///
/// The second tells a delivery from a later one of the same job, to whomever that was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedisReceipt {
    pub(super) entry: String,
    pub(super) count: u64,
}
