use super::Place;

/// Why a file, or a part of it, was not checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file's name.
    pub path: String,
    /// The place in it, if its text could be read.
    pub place: Option<Place>,
    /// What is wrong: a noun phrase without a full stop.
    pub message: String,
    /// Whether the check is incomplete because of it. A template that is not rendered is a note and not a failure.
    pub is_failure: bool,
}

/// The message about a template, of which no text can be read before a tool renders it.
pub(crate) const UNRENDERED: &str = "template that is not rendered";

impl Problem {
    /// Creates a problem with a whole file.
    pub(crate) fn file(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), place: None, message: message.into(), is_failure: true }
    }

    /// Creates a note that a file is left out.
    pub(crate) fn note(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { is_failure: false, ..Self::file(path, message) }
    }
}
