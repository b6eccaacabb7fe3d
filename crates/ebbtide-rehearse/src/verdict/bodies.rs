//! The answers of one route with one status before the signal, and how one after it compares.

use std::collections::BTreeSet;

use super::baseline::Compared;
use super::fate::{Doubt, Reason};
use crate::record::{Answer, FIXED_FROM, Framing, Shape};

/// What the answers have in common.
#[derive(Debug)]
pub(super) struct RouteBodies {
    pub(super) count: u64,
    /// The length of the shortest body.
    pub(super) least: u64,
    most: u64,
    /// That of every body; `None`: they differ. The same of the headers, which an answer may lack.
    pub(super) digest: Option<u64>,
    location: Option<Option<u64>>,
    content_type: Option<Option<u64>>,
    /// Which shapes got them.
    pub(super) shapes: BTreeSet<Shape>,
}

/// [`FIXED_FROM`], to compare counts with.
const ENOUGH: u64 = FIXED_FROM as u64;

impl RouteBodies {
    /// Begins with `answer`.
    pub(super) fn of(answer: &Answer) -> Self {
        Self {
            count: 1,
            least: answer.length,
            most: answer.length,
            digest: Some(answer.digest),
            location: Some(answer.location),
            content_type: Some(answer.content_type),
            shapes: BTreeSet::new(),
        }
    }

    /// Adds `answer`.
    pub(super) fn add(&mut self, answer: &Answer) {
        self.count = self.count.saturating_add(1);
        self.least = self.least.min(answer.length);
        self.most = self.most.max(answer.length);
        self.digest = self.digest.filter(|known| *known == answer.digest);
        self.location = self.location.filter(|known| *known == answer.location);
        self.content_type = self.content_type.filter(|known| *known == answer.content_type);
    }

    /// Compares an answer that came after the signal.
    pub(super) fn compare(&self, answer: &Answer) -> Compared {
        let has_other_type = self.content_type.is_some_and(|known| known != answer.content_type);
        match self.compare_body(answer) {
            // Bodies that vary do not show it, as a page about maintenance in the place of JSON.
            Compared::AsUsual | Compared::Unverified(_) if has_other_type && self.count >= ENOUGH => {
                Compared::Unusual(Reason::OtherContentType)
            }
            compared => compared,
        }
    }

    fn compare_body(&self, answer: &Answer) -> Compared {
        let fixed = self.least == self.most;
        let always = self.digest.filter(|_| self.count >= ENOUGH);
        if self.count >= ENOUGH && self.location.is_some_and(|known| known != answer.location) {
            return Compared::Unusual(Reason::OtherLocation);
        }
        match answer.framing {
            Framing::NoBody => Compared::AsUsual,
            // Among lengths that vary, the shortest one so far is no sign of truncation.
            Framing::Close if !fixed => Compared::Unverified(Doubt::Unframed),
            Framing::Close if answer.length < self.least => Compared::Unusual(Reason::TruncatedUnframed),
            _ if answer.length == 0 && self.least > 0 => Compared::Unusual(Reason::Empty),
            _ => match always {
                Some(always) if always == answer.digest => Compared::AsUsual,
                Some(_) if answer.length != self.least => Compared::Unusual(Reason::OtherBody),
                // One with a time of day in it has the same length, and changes anyway.
                Some(_) => Compared::Unverified(Doubt::Body),
                None => Compared::AsUsual,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, media_type};
    use crate::verdict::samples::request;

    /// How the last one of these answers, by the digest of its body and its type, compares with those before it.
    fn compared(seen: &[(u64, Option<&str>)]) -> Compared {
        let usual = request(0, Outcome::Answered { status: 200 }).answer.unwrap();
        let mut answers = seen.iter().map(|(digest, kind)| {
            let content_type = kind.map(|kind| media_type(kind.as_bytes()));
            Answer { digest: *digest, content_type, ..usual }
        });
        let last = answers.next_back().unwrap();
        let mut bodies = RouteBodies::of(&answers.next().unwrap());
        answers.for_each(|answer| bodies.add(&answer));
        bodies.compare(&last)
    }

    const JSON: Option<&str> = Some("application/json");
    const HTML: Option<&str> = Some("text/html; charset=utf-8");

    #[test]
    fn another_content_type_is_another_answer_where_it_never_changed() {
        for varies in [0, 1] {
            let after = |kind| {
                let before = (0..10).map(|number| (number * varies, JSON));
                compared(&before.chain([(0, kind)]).collect::<Vec<_>>())
            };
            let other = Compared::Unusual(Reason::OtherContentType);
            assert_eq!((after(HTML), after(None)), (other, other));
            // Neither a parameter nor the case makes another type.
            assert_eq!(after(Some("Application/JSON ;charset=utf-8")), Compared::AsUsual);
        }
    }

    #[test]
    fn a_content_type_that_varies_or_was_seen_too_seldom_is_not_compared() {
        let mixed = (0..10).map(|number| (0, JSON.filter(|_| number < 9))).chain([(0, HTML)]);
        assert_eq!(compared(&mixed.collect::<Vec<_>>()), Compared::AsUsual);
        assert_eq!(compared(&[(0, JSON), (0, JSON), (0, HTML)]), Compared::AsUsual);
    }

    #[test]
    fn another_type_decides_where_another_body_is_doubtful() {
        let mut answers = [(7, JSON); 10];
        answers[9] = (8, HTML);
        assert_eq!(compared(&answers), Compared::Unusual(Reason::OtherContentType));
        answers[9] = (8, JSON);
        assert_eq!(compared(&answers), Compared::Unverified(Doubt::Body));
    }
}
