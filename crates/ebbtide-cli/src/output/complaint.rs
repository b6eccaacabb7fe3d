//! Words on stderr when something is wrong.

use std::io::Write;

use ebbtide_rehearse::NotRehearsed;

use super::paint::{DIM, FAIL, HINT};

/// Says what is wrong, and what to do about it.
pub(crate) fn complain(what: &str, hint: Option<&str>) {
    let mut err = anstream::stderr().lock();
    // Nobody can be told that stderr is gone.
    let _gone = writeln!(err, "{FAIL}error{FAIL:#}: {what}");
    if let Some(hint) = hint {
        let _gone = writeln!(err, "{HINT}hint{HINT:#}: {hint}");
    }
}

/// Says why a service could not be rehearsed, with what it printed last.
pub(crate) fn not_rehearsed(error: &NotRehearsed) {
    complain(&error.to_string(), error.hint());
    let mut err = anstream::stderr().lock();
    if !error.tail().is_empty() {
        let _gone = writeln!(err, "its last output:");
    }
    for line in error.tail() {
        let _gone = writeln!(err, "  {DIM}|{DIM:#} {line}");
    }
}
