/// Where a queue is in Redis.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The stream: what waits and what is leased.
    pub(super) stream: String,
    /// A sorted set: what is not to be delivered before its time.
    pub(super) delayed: String,
    /// A stream: what was buried.
    pub(super) dead: String,
}

impl Keys {
    pub(super) fn new(name: String) -> Self {
        Self { delayed: format!("{name}:delayed"), dead: format!("{name}:dead"), stream: name }
    }
}
