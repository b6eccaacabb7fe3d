/// One job, as its queue gave it out.
///
/// From then on nobody else gets it until it is settled or its lease runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<R> {
    /// What the queue knows this delivery by when it is settled: not the job, which may be delivered again.
    pub receipt: R,
    /// The job's id, the same in each delivery: what logs and the report name it by.
    pub id: String,
    /// What the producer sent.
    pub payload: Vec<u8>,
    /// Which attempt this is, from 1. Those that were handed back don't count where the queue can tell them apart.
    pub attempt: u32,
}
