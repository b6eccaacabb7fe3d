use std::cell::{Cell, RefCell};
use std::fmt;

/// How many oddities are kept in words.
const KEPT: usize = 100;

/// Counts how the requests to one server ended, over the server's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whole responses.
    pub answered: u64,
    /// The handshake was done and the request written; then came a reset or an end without a byte of a response.
    pub lost: u64,
    /// The response began and did not end.
    pub cut: u64,
    /// No handshake, or the server said that it does not take the request (HTTP/2): safe to ask elsewhere.
    pub refused: u64,
    /// The connection was gone before anything of a request could be written on it.
    pub unsent: u64,
    /// A whole response that is not the expected one.
    pub odd: u64,
}

/// Counts what becomes of the requests, and keeps what is odd in words.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Cell<Counts>,
    oddities: RefCell<Vec<String>>,
}

impl Counts {
    /// Returns what both counted.
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

    /// Returns how many requests a client would have noticed the stop by, although it reached the server.
    pub const fn noticed(self) -> u64 {
        self.lost + self.cut + self.odd
    }
}

impl Tally {
    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// Returns what was odd so far, in words; the first hundred.
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
        self.note(format_args!("cut: {which}"));
    }

    pub(super) fn odd(&self, which: fmt::Arguments<'_>) {
        self.change(|counts| counts.odd += 1);
        self.note(format_args!("odd: {which}"));
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
