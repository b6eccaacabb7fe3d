use super::compare::Difference;

/// A difference between the corpus and the check that is to stay, or to be mended later.
#[derive(Debug)]
pub(super) struct Known {
    file: &'static str,
    /// As it is printed: `unexpected: K009 error`.
    difference: &'static str,
    #[expect(dead_code, reason = "for the reader, and printed by Debug if the difference is gone")]
    reason: &'static str,
}

/// The differences, each with its reason.
pub(super) const KNOWN: &[Known] = &[];

impl Known {
    pub(super) fn is_about(&self, file: &str, difference: &Difference) -> bool {
        self.file == file && self.difference == difference.short()
    }
}
