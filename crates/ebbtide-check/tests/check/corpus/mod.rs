//! The corpus: realistic files with the findings that a reader of the facts expects, compared with those of the check.

mod compare;
mod expectation;
mod known;
mod precision;
mod tally;
