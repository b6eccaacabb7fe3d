//! Failures by shape and reason: how many before the signal, how many after it, and whether the shutdown caused them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::blame::{Blame, blame, blame_at_exit, compared};
use super::case::JudgedRequest;
use super::earlier_failures::EarlierFailures;
use super::fate::{Column, Reason};
use crate::clock::At;
use crate::record::{Outcome, Progress, Record, Request, Shape};
use crate::words;

/// Requests of one shape that ended badly for one reason.
#[derive(Debug)]
pub(super) struct LossGroup<'a> {
    /// Whether they ended after a second signal.
    pub(super) second: bool,
    pub(super) shape: Shape,
    pub(super) reason: Reason,
    /// How many ended so before the signal, and of how many: of the same shape on the same route, or more if those were few.
    pub(super) before: (u64, u64),
    /// What they are compared with: the same, or if none ended so, those that ended in a similar way.
    usual: (u64, u64),
    /// Those after the signal.
    pub(super) after: Vec<&'a Request>,
    /// Of how many of the shape that were accepted and ended after the signal.
    pub(super) of: u64,
    pub(super) blame: Blame,
    /// Whether it has those that ended together with the process, or the others; `None`: all.
    at_exit: Option<bool>,
}

/// Groups the failures of `record`, and marks those that the shutdown caused.
pub(super) fn groups<'a>(record: &Record, requests: &mut [JudgedRequest<'a>]) -> Vec<LossGroup<'a>> {
    let mut earlier = EarlierFailures::default();
    // By route, shape, and whether the connection was new.
    let mut of = BTreeMap::<(usize, Shape, bool), u64>::new();
    let mut bad = BTreeMap::<(Shape, Reason, bool), Vec<(&'a Request, usize)>>::new();
    for judged in requests.iter().filter(|judged| judged.accepted()) {
        let request: &'a Request = judged.request;
        let (route, shape, reason) = (judged.route, request.shape, judged.reason());
        if judged.after {
            *of.entry((route, shape, request.fresh)).or_default() += 1;
            if let Some(reason) = reason {
                bad.entry((shape, reason, judged.second)).or_default().push((request, route));
            }
        } else {
            earlier.add(judged);
        }
    }
    let exit = record.exit.map(|(exit, _)| (exit, end_of_the_process(record, exit)));
    let is_at_exit = |request: &Request| {
        let (ended, is_closed) = (request.ended.0, ended_by_a_close(request));
        exit.as_ref().is_some_and(|(exit, end)| is_closed && request.begun <= *exit && end.contains(&ended))
    };
    let mut groups = Vec::<LossGroup<'a>>::new();
    for ((shape, reason, second), after) in bad {
        let connection = reason.connection();
        let first = after.first().and_then(|(_, route)| earlier.closest(connection, *route, shape));
        let before = first.map_or((0, 0), |counts| counts.of(reason));
        // A usual failure may have another reason because it comes at another moment of its request.
        let can_be_alike = matches!(reason.column(), Column::Lost | Column::Truncated);
        let usual = match first.filter(|_| before.0 == 0 && can_be_alike) {
            Some(counts) => counts.of_column(reason.column()),
            None => before,
        };
        let accepted = |connection: Option<bool>| {
            let alike = of.iter().filter(|((_, other, fresh), _)| {
                *other == shape && connection.is_none_or(|connection| connection == *fresh)
            });
            alike.map(|(_, count)| count).sum()
        };
        let (of, exposed) = (accepted(None), accepted(connection));
        let after: Vec<&Request> = after.into_iter().map(|(request, _)| request).collect();
        let group = |after: Vec<&'a Request>, at_exit| {
            let least = if before.0 == 0 { Blame::Unclear } else { Blame::Usual };
            let blame = blame(usual, (after.len() as u64, exposed)).max(least).min(reason.most_blame());
            LossGroup { shape, reason, second, before, usual, after, of, blame, at_exit }
        };
        // A usual failure that happens to end together with the process looks like one that the exit caused.
        let can_be_shutdown = reason.most_blame() == Blame::Shutdown;
        if usual.0 > 0 && can_be_shutdown && can_be_alike {
            let (at_exit, others): (Vec<_>, Vec<_>) =
                after.into_iter().partition(|request| is_at_exit(request));
            groups.extend((!others.is_empty()).then(|| group(others, Some(false))));
            groups.extend((!at_exit.is_empty()).then(|| group(at_exit, Some(true))));
        } else {
            groups.push(group(after, None));
        }
    }
    let ended_with_it: usize =
        groups.iter().filter(|group| group.at_exit == Some(true)).map(|group| group.after.len()).sum();
    for group in groups.iter_mut().filter(|group| group.at_exit == Some(true)) {
        group.blame = group.blame.max(blame_at_exit(group.usual, ended_with_it));
    }
    for column in [Column::Lost, Column::Truncated, Column::TimedOut, Column::Wrong] {
        let in_column = |group: &&mut LossGroup<'_>| {
            group.reason.column() == column && !group.second && group.blame != Blame::Shutdown
        };
        let expected = of.iter().filter_map(|((route, shape, fresh), of)| {
            Some(earlier.closest(Some(*fresh), *route, *shape)?.share(column) * *of as f64)
        });
        let found: usize = groups.iter_mut().filter(in_column).map(|group| group.after.len()).sum();
        // What is usual for each shape alone may not be for all of them together.
        let together = compared(expected.sum(), found as f64);
        for group in groups.iter_mut().filter(in_column) {
            let most = if group.before.0 == 0 { Blame::Shutdown } else { Blame::Unclear };
            group.blame = group.blame.max(together.min(most)).min(group.reason.most_blame());
        }
    }
    for judged in requests.iter_mut().filter(|judged| judged.after) {
        let Some(reason) = judged.reason() else { continue };
        let key = (judged.request.shape, reason, judged.second, Blame::Shutdown);
        judged.blamed |= groups.iter().any(|group| {
            (group.shape, group.reason, group.second, group.blame) == key
                && group.at_exit.is_none_or(|at_exit| at_exit == is_at_exit(judged.request))
        });
    }
    groups
}

impl LossGroup<'_> {
    /// One sentence: how many, of how many that were accepted, when and why.
    pub(super) fn sentence(&self, record: &Record) -> String {
        let word = match self.reason.column() {
            Column::Truncated => "truncated",
            Column::TimedOut => "timed out",
            Column::Wrong => "answered wrongly",
            Column::Lost => "lost",
        };
        let (shape, count, of) = (self.shape, words::count(self.after.len() as u64), words::count(self.of));
        let began = if self.second { "the second signal" } else { record.stop_word() };
        let before = match self.before.0 {
            0 => String::new(),
            count => format!("; {} of {} before it", words::count(count), words::count(self.before.1)),
        };
        format!(
            "{shape}: {count} of {of} {word} after {began} ({}){before}: {}{}{}{}",
            when(&self.after, record),
            self.reason.text(),
            progress(&self.after, self.shape),
            with_the_process(&self.after, record),
            phases(&self.after)
        )
    }
}

/// Describes how far they came: how many messages had no echo, or how much of the bodies was received.
fn progress(lost: &[&Request], shape: Shape) -> String {
    let known = || lost.iter().filter_map(|request| request.progress);
    if shape == Shape::Websocket {
        return match known().map(|progress| progress.of.saturating_sub(progress.done)).sum() {
            0 => String::new(),
            count => format!("; {} not echoed", words::plural(count, "message", "messages")),
        };
    }
    if matches!(shape, Shape::ClientStream | Shape::BidiStream) {
        let sum = |of: fn(Progress) -> u64| words::plural(known().map(of).sum(), "message", "messages");
        return match shape {
            Shape::ClientStream => format!("; {} sent", sum(|messages| messages.of)),
            _ => format!("; {} not answered", sum(|messages| messages.of.saturating_sub(messages.done))),
        };
    }
    let done = || known().map(|progress| progress.done);
    let (Some(least), Some(most), Some(of)) = (done().min(), done().max(), known().map(|of| of.of).max())
    else {
        return String::new();
    };
    let way = if shape == Shape::Upload { "sent" } else { "received" };
    let done = match least == most {
        true => words::count(least),
        false => format!("{} to {}", words::count(least), words::count(most)),
    };
    format!("; {done} of {} bytes {way}", words::count(of))
}

fn when(lost: &[&Request], record: &Record) -> String {
    let ended = || lost.iter().map(|request| record.readable_at(request));
    let after = |at: Option<At>| record.offset(at.unwrap_or(record.signalled));
    let (first, last) = (after(ended().min()), after(ended().max()));
    if first == last { first } else { format!("{first} to {last}") }
}

/// The kernel closes a process's sockets shortly before its end can be seen.
const NEAR_MICROS: u64 = 5_000;

/// On a busy machine it closes them much earlier: within this time before the exit, a connection that ends after the last response
/// ended with the process.
const NEAR_BEHIND_THE_LAST_ANSWER_MICROS: u64 = 100_000;

/// From when on a connection's end is that of the process.
fn ends_from(record: &Record, exit: At) -> u64 {
    let answered = record
        .traffic
        .requests
        .iter()
        .filter(|request| request.ended <= exit && matches!(request.outcome, Outcome::Answered { .. }));
    let last = answered.map(|request| request.ended.0 + 1).max().unwrap_or_default();
    let near = exit.0.saturating_sub(NEAR_MICROS);
    near.min(last.max(exit.0.saturating_sub(NEAR_BEHIND_THE_LAST_ANSWER_MICROS)))
}

/// When a request ends that ends together with the process, which ended at `exit`.
///
/// The time of the rehearsal's SIGKILL is exact. What was in flight then ended with the process, whenever its client noticed; unless another
/// process held its connection.
fn end_of_the_process(record: &Record, exit: At) -> RangeInclusive<u64> {
    let from = record.killed.map_or_else(|| ends_from(record, exit), |killed| killed.0);
    let until = if record.children_until.is_none() { u64::MAX } else { exit.0.saturating_add(NEAR_MICROS) };
    from..=until
}

/// Returns whether the end of its connection ended it. One that the service answered in its own way ended earlier, and by other means.
fn ended_by_a_close(request: &Request) -> bool {
    !matches!(request.outcome, Outcome::Answered { .. } | Outcome::Malformed)
}

/// Returns whether each of them ended together with the process.
pub(super) fn all_ended_with_the_process(lost: &[&Request], record: &Record) -> bool {
    record.exit.is_some_and(|(exit, _)| {
        let end = end_of_the_process(record, exit);
        lost.iter().all(|request| ended_by_a_close(request) && end.contains(&request.ended.0))
    })
}

/// Describes which of them ended together with the process.
fn with_the_process(lost: &[&Request], record: &Record) -> String {
    let Some((exit, _)) = record.exit else { return String::new() };
    let end = end_of_the_process(record, exit);
    let until = *end.end();
    let near = |request: &&&Request| {
        ended_by_a_close(request) && request.begun <= exit && end.contains(&request.ended.0)
    };
    let later = |request: &&&Request| request.begun > exit || request.ended.0 > until;
    let how = match record.killed {
        Some(_) => "when SIGKILL ended the process at the end of the grace period",
        None => "when the process ended",
    };
    // On a busy machine the end is seen later than the connections' ends.
    let early = lost.iter().filter(near).any(|request| request.ended.0 < exit.0.saturating_sub(NEAR_MICROS));
    let seen = if early { "seen at " } else { "" };
    let after = record.offset(exit);
    let mut text = String::new();
    for (count, when) in [
        (lost.iter().filter(near).count(), how.to_owned()),
        (
            lost.iter().filter(later).count(),
            "by clients that continued after the process had ended".to_owned(),
        ),
    ] {
        match count {
            0 => {}
            count if count == lost.len() => text += &format!("; all {when} ({seen}{after})"),
            count => text += &format!("; {} {when} ({seen}{after})", words::count(count as u64)),
        }
    }
    text
}

fn phases(lost: &[&Request]) -> String {
    let mut names: Vec<&str> =
        lost.iter().filter_map(|request| request.phase).map(|phase| phase.name()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(" [{}]", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Close;
    use crate::verdict::Case;
    use crate::verdict::samples::{SIGNALLED, good, request, terms};

    #[test]
    fn failures_as_frequent_as_before_are_not_attributed_to_the_shutdown() {
        assert_eq!(blame((0, 1000), (1, 100)), Blame::Shutdown);
        assert_eq!(blame((10, 1000), (1, 100)), Blame::Usual);
        assert_eq!(blame((10, 1000), (4, 100)), Blame::Usual);
        assert_eq!(blame((10, 1000), (7, 100)), Blame::Unclear);
        assert_eq!(blame((10, 1000), (60, 100)), Blame::Shutdown);
    }

    const CLOSED: Outcome = Outcome::Unanswered { close: Close::Eof };
    const ANSWERED: Outcome = Outcome::Answered { status: 200 };

    /// What each group of failures is blamed on, with its size, and how many the shutdown lost: 110 requests before the signal, of which `usual`
    /// were closed, and then one of each of `after`.
    fn blamed(usual: usize, after: &[(Shape, u64, Outcome)]) -> (Vec<(usize, Blame)>, u64) {
        let mut record = good();
        let before = (0..110).map(|number| if number < usual { CLOSED } else { ANSWERED });
        record.traffic.requests = before.map(|outcome| request(1000, outcome)).collect();
        record.traffic.requests.extend(after.iter().map(|(shape, ended, outcome)| Request {
            shape: *shape,
            ended: At(*ended),
            ..request(ended - 1000, *outcome)
        }));
        let terms = terms();
        let case = Case::new(&record, &terms);
        (case.groups.iter().map(|group| (group.after.len(), group.blame)).collect(), case.lost())
    }

    #[test]
    fn what_ends_together_with_the_process_is_no_usual_failure() {
        let exit = good().exit.unwrap().0.0;
        let at = |ended, outcome| (Shape::Storm, ended, outcome);
        let early = SIGNALLED + 100_000;
        // The share of usual failures is two in 110.
        assert_eq!(blamed(2, &[at(early, CLOSED)]), (vec![(1, Blame::Usual)], 0));
        assert_eq!(blamed(2, &[at(exit, CLOSED)]), (vec![(1, Blame::Unclear)], 0));
        assert_eq!(blamed(2, &[at(exit, CLOSED), at(exit, CLOSED)]), (vec![(2, Blame::Shutdown)], 2));
        let apart = [at(early, CLOSED), at(exit, CLOSED), at(exit - 1000, CLOSED)];
        assert_eq!(blamed(2, &apart), (vec![(1, Blame::Usual), (2, Blame::Shutdown)], 2));
        // Those of other shapes ended with it too.
        let shapes = [(Shape::Keepalive, exit, CLOSED), (Shape::Open, exit, CLOSED)];
        assert_eq!(blamed(2, &shapes), (vec![(1, Blame::Shutdown), (1, Blame::Shutdown)], 2));
        // Where nearly every second one fails, the last ones do too.
        assert_eq!(blamed(50, &[at(exit, CLOSED), at(exit, CLOSED)]).1, 0);
    }

    #[test]
    fn a_new_connection_fails_as_often_as_new_ones_did() {
        let blame = |earlier: Outcome, is_new: bool| {
            let mut record = good();
            let early = |fresh, outcome| Request { fresh, ..request(1000, outcome) };
            let open = |request| Request { shape: Shape::Open, ..request };
            let each = |number| if number < 3 { earlier } else { ANSWERED };
            // The clients of `open` keep their connections until the signal, and open others from then on.
            record.traffic.requests = (0..110)
                .flat_map(|number| {
                    let (new, kept) =
                        if is_new { (each(number), ANSWERED) } else { (ANSWERED, each(number)) };
                    [early(true, new), open(early(false, kept))]
                })
                .collect();
            let late = |number| if number == 0 { CLOSED } else { ANSWERED };
            let later = (0..60).map(|number| open(request(SIGNALLED + 100_000, late(number))));
            record.traffic.requests.extend(later);
            let terms = terms();
            Case::new(&record, &terms).groups.iter().map(|group| group.blame).collect::<Vec<_>>()
        };
        assert_eq!(blame(CLOSED, true), [Blame::Usual]);
        // What kept connections failed for excuses no new one.
        assert_eq!(blame(CLOSED, false), [Blame::Shutdown]);
        // One failed in another moment of its request.
        assert_eq!(blame(Outcome::Unanswered { close: Close::Reset }, true), [Blame::Unclear]);
    }

    #[test]
    fn more_failures_than_similar_ones_before_are_losses() {
        let reset = Outcome::Unanswered { close: Close::Reset };
        let blame = |count: u64| {
            let mut record = good();
            let early = (0..110).map(|number| request(1000, if number < 2 { reset } else { ANSWERED }));
            record.traffic.requests = early.collect();
            for shape in [Shape::Storm, Shape::Open] {
                let late = |number| if number < count { CLOSED } else { ANSWERED };
                let late =
                    (0..100).map(|number| Request { shape, ..request(SIGNALLED + 100_000, late(number)) });
                record.traffic.requests.extend(late);
            }
            let terms = terms();
            Case::new(&record, &terms).groups.iter().map(|group| group.blame).collect::<Vec<_>>()
        };
        assert_eq!(blame(2), [Blame::Unclear; 2]);
        // Each shape alone could be by chance.
        assert_eq!(blame(8), [Blame::Shutdown; 2]);
    }

    #[test]
    fn a_response_that_is_not_http_did_not_end_with_the_process() {
        let mut record = good();
        let exit = record.exit.unwrap().0.0;
        let sentence = |record: &Record| {
            let terms = terms();
            Case::new(record, &terms).groups[0].sentence(record)
        };
        let mut lost = |outcome| {
            record.traffic.requests.push(Request { ended: At(exit), ..request(exit - 1000, outcome) });
            let found = sentence(&record);
            record.traffic.requests.pop();
            found
        };
        assert!(lost(CLOSED).contains("when the process ended"));
        let found = lost(Outcome::Malformed);
        assert!(found.contains("not HTTP") && !found.contains("process ended"), "{found}");
    }

    #[test]
    fn failures_that_are_usual_for_each_shape_alone_may_be_too_many_together() {
        let each = |shape| [CLOSED, ANSWERED, ANSWERED].map(|outcome| (shape, SIGNALLED + 100_000, outcome));
        let after = |shapes: &[Shape]| {
            let after: Vec<_> = shapes.iter().flat_map(|shape| each(*shape)).collect();
            blamed(2, &after).0
        };
        assert_eq!(after(&[Shape::Storm]), [(1, Blame::Usual)]);
        assert_eq!(after(&[Shape::Storm, Shape::Keepalive, Shape::Open]), [(1, Blame::Unclear); 3]);
    }
}
