use std::cell::{Cell, RefCell};
use std::fmt;

/// How many anomalies are kept as text.
const KEPT: usize = 100;

/// Counts the outcomes of the requests to one server, over its lifetime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete responses.
    pub answered: u64,
    /// Established connection, request written, then a reset or an end without a byte of a response.
    pub lost: u64,
    /// The response began but is incomplete.
    pub cut: u64,
    /// No connection, or the server reported that it did not process the request (HTTP/2): safe to retry elsewhere.
    pub refused: u64,
    /// The connection ended before any byte of a request could be written.
    pub unsent: u64,
    /// A complete response that is not the expected one.
    pub odd: u64,
}

/// Counts the outcomes of the requests, and keeps the anomalies as text.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Cell<Counts>,
    oddities: RefCell<Vec<String>>,
}

impl Counts {
    /// Returns the sum of both.
    pub const fn and(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            lost: self.lost + other.lost,
            cut: self.cut + other.cut,
            refused: self.refused + other.refused,
            unsent: self.unsent + other.unsent,
            odd: self.odd + other.odd,
        }
    }

    /// Returns the number of requests that reached the server and whose client noticed the shutdown.
    pub const fn noticed(self) -> u64 {
        self.lost + self.cut + self.odd
    }
}

impl Tally {
    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// Returns the anomalies so far as text: the first hundred.
    pub fn oddities(&self) -> Vec<String> {
        self.oddities.borrow().clone()
    }

    pub(super) fn answered(&self) {
        self.change(|counts| counts.answered += 1);
    }

    pub(super) fn refused(&self) {
        self.change(|counts| counts.refused += 1);
    }

    pub(super) fn unsent(&self) {
        self.change(|counts| counts.unsent += 1);
    }

    pub(super) fn lost(&self, which: fmt::Arguments<'_>) {
        self.change(|counts| counts.lost += 1);
        self.note(format_args!("lost: {which}"));
    }

    pub(super) fn cut(&self, which: fmt::Arguments<'_>) {
        self.change(|counts| counts.cut += 1);
        self.note(format_args!("truncated: {which}"));
    }

    pub(super) fn odd(&self, which: fmt::Arguments<'_>) {
        self.change(|counts| counts.odd += 1);
        self.note(format_args!("unexpected: {which}"));
    }

    fn change(&self, how: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        how(&mut counts);
        self.counts.set(counts);
    }

    fn note(&self, what: fmt::Arguments<'_>) {
        let mut oddities = self.oddities.borrow_mut();
        if oddities.len() < KEPT {
            oddities.push(what.to_string());
        }
    }
}
