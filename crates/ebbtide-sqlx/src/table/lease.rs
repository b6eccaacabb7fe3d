/// What a job that is a row of a table is settled by: the row, and which of its deliveries this is.
///
/// Each delivery of a job has a number of its own, counted in the row. A settlement is carried out only while the row
/// still has that number, so that whoever's lease ran out cannot settle what somebody else has by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobLease {
    pub(crate) id: i64,
    pub(crate) delivery: i64,
}

impl JobLease {
    /// Returns the job's id, the one that `push` returned.
    pub fn id(&self) -> i64 {
        self.id
    }
}
