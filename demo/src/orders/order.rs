use serde::{Deserialize, Serialize};

/// What a customer sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) item: String,
    #[serde(default = "one")]
    pub(crate) quantity: i32,
}

/// A stored order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) quantity: i32,
    pub(crate) state: String,
    pub(crate) created_at: String,
}

/// How far an order is. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is in the table, and whether it has a job is unknown.
    Stored,
    /// It has a job in the queue.
    Queued,
    /// A worker has it.
    Processing,
    Done,
}

/// How many orders there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) stored: i64,
    pub(crate) queued: i64,
    pub(crate) processing: i64,
    pub(crate) done: i64,
}

impl NewOrder {
    const LONGEST_ITEM: usize = 200;
    const MOST: i32 = 10_000;

    /// Says what is wrong with the order, in words for the customer.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.item.trim().is_empty() || self.item.len() > Self::LONGEST_ITEM {
            Err(format!("`item` must be 1 to {} bytes long, and not blank", Self::LONGEST_ITEM))
        } else if !(1..=Self::MOST).contains(&self.quantity) {
            Err(format!("`quantity` must be 1 to {}", Self::MOST))
        } else if self.item.contains('\0') {
            Err("`item` must not contain a NUL character".to_owned())
        } else {
            Ok(())
        }
    }
}

impl State {
    /// Returns the name in the table and in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Done => "done",
        }
    }
}

impl Counts {
    /// Takes the count of one state from the table.
    pub(crate) fn set(&mut self, state: &str, count: i64) {
        match state {
            "stored" => self.stored = count,
            "queued" => self.queued = count,
            "processing" => self.processing = count,
            "done" => self.done = count,
            other => tracing::warn!(state = other, count, "orders in a state that is not ours"),
        }
    }
}

fn one() -> i32 {
    1
}
