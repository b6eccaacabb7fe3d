use crate::input::Place;
use crate::model::{Slot, Word};

/// What a finding's fix does, before it is known where in the text that is.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    pub(crate) description: String,
    pub(crate) change: Change,
}

/// A change of a file that keeps its comments and its form.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Replaces a value, which keeps its quotes.
    Set(Place, String),
    /// Adds a setting with this value.
    Add(Slot, String),
    /// Removes the line of a setting, which this value is of. Its comment stays, in a line of its own.
    Remove(Place),
    /// Adds a line before the instruction that has this place.
    LineBefore(Place, String),
    /// Puts `exec` before a command of a script, at this offset in it.
    Exec(Word, usize),
}
