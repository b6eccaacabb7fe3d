//! Which unanswered requests the service had read, as its output shows.

use serde::Serialize;

use super::case::Case;
use super::fate::Column;
use crate::words;

/// The requests without a response that the shutdown lost, by the ids in the output of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Executed {
    /// How many there are.
    pub unanswered: u64,
    /// How many have their id in the output: the service has read them, and may have executed them.
    pub in_output: u64,
    /// How many have not, if the output has the id of each answered request that was looked for. `None`: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_in_output: Option<u64>,
    /// How many answered requests were looked for.
    #[serde(skip)]
    answered: u64,
}

impl Executed {
    /// Returns what is known of the requests that were lost before a second signal. `None`: nothing.
    pub(super) fn of(case: &Case<'_>) -> Option<Self> {
        let logged = case.record.logged.as_ref()?;
        let is_silent = |column| matches!(column, Column::Lost | Column::TimedOut);
        let lost = case.requests.iter().filter(|judged| {
            let is_counted = judged.blamed && !judged.second && !judged.request.is_line();
            is_counted && judged.reason().is_some_and(|reason| is_silent(reason.column()))
        });
        let (unanswered, in_output) = lost.fold((0, 0), |(all, found), judged| {
            (all + 1, found + u64::from(logged.unanswered.contains(&judged.request.id)))
        });
        // A service that does not log each request, or whose last output was lost, may have read one that is not there.
        let logs_each = logged.answered > 0 && logged.answered_in_output == logged.answered;
        let executed = Self {
            unanswered,
            in_output,
            not_in_output: logs_each.then_some(unanswered - in_output),
            answered: logged.answered,
        };
        (unanswered > 0 && (in_output > 0 || logs_each)).then_some(executed)
    }

    /// Describes it in a line.
    pub(super) fn sentence(self) -> String {
        let of = |count| {
            format!("{} of {} unanswered requests", words::count(count), words::count(self.unanswered))
        };
        let answered = words::count(self.answered);
        match (self.in_output, self.not_in_output) {
            (0, _) => format!(
                "{} have their x-request-id in the output of the service; {answered} of {answered} answered ones have it",
                of(0)
            ),
            (read, None | Some(0)) => {
                format!("{} were read by the service: their x-request-id is in its output", of(read))
            }
            (read, Some(absent)) => format!(
                "{} were read by the service: their x-request-id is in its output; that of {} is not, that of {answered} of {answered} \
                 answered ones is",
                of(read),
                words::count(absent)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{Close, LoggedIds, Outcome, Record};
    use crate::verdict::samples::{good, request, terms};
    use crate::verdict::{CheckId, judge};

    /// A run that lost three requests.
    fn lossy(logged: Option<LoggedIds>) -> Record {
        let mut record = Record { logged, ..good() };
        let lost = Outcome::Unanswered { close: Close::Reset };
        record.traffic.requests.extend([1_200_001, 1_300_000, 1_400_000].map(|begun| request(begun, lost)));
        record
    }

    /// Returns what is said of three lost requests, of which these have their id in the output, as those of so many of 40 answered ones.
    fn said(unanswered: &[u64], answered_in_output: u64) -> (Option<(u64, Option<u64>)>, Option<String>) {
        let unanswered = unanswered.iter().copied().collect();
        let run = judge(&lossy(Some(LoggedIds { unanswered, answered: 40, answered_in_output })), &terms());
        let check = run.checks.iter().find(|check| check.id == CheckId::RequestsAnswered).unwrap();
        let line = check.evidence.lines().find(|line| line.contains("x-request-id")).map(str::to_owned);
        assert!(run.executed.is_none_or(|executed| executed.unanswered == 3));
        (run.executed.map(|executed| (executed.in_output, executed.not_in_output)), line)
    }

    #[test]
    fn a_request_whose_id_is_in_the_output_was_read() {
        let (counts, line) = said(&[1_300_000, 1_400_000], 40);
        assert_eq!(counts, Some((2, Some(1))));
        assert_eq!(
            line.as_deref(),
            Some(
                "2 of 3 unanswered requests were read by the service: their x-request-id is in its output; that of 1 is not, that of 40 of 40 \
                 answered ones is"
            )
        );
        let (counts, line) = said(&[1_200_001, 1_300_000, 1_400_000], 40);
        assert_eq!(counts, Some((3, Some(0))));
        assert!(line.unwrap().ends_with("x-request-id is in its output"));
    }

    #[test]
    fn a_request_whose_id_is_not_there_is_counted_only_if_those_of_answered_ones_all_are() {
        assert_eq!(said(&[1_300_000], 39).0, Some((1, None)));
        assert!(said(&[1_300_000], 39).1.unwrap().ends_with("is in its output"));
        assert_eq!(said(&[], 39), (None, None));
        let (counts, line) = said(&[], 40);
        assert_eq!(counts, Some((0, Some(3))));
        assert_eq!(
            line.as_deref(),
            Some(
                "0 of 3 unanswered requests have their x-request-id in the output of the service; 40 of 40 answered ones have it"
            )
        );
    }

    #[test]
    fn without_ids_in_the_output_nothing_is_said() {
        let run = judge(&lossy(None), &terms());
        assert_eq!((run.executed, run.lost_by_shutdown), (None, 3));
    }
}
