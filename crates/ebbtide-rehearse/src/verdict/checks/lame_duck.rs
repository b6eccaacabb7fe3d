//! Checks that new connections are accepted for as long as a platform may still route to the service.

use std::time::Duration;

use super::listener::first_refusal;
use crate::clock::At;
use crate::verdict::case::Case;
use crate::verdict::fate::Fate;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// Was no new connection refused while the platform may still have routed to the service?
pub(in crate::verdict) fn lame_duck_served(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::LameDuckServed, finding, evidence);
    let until = record.stop_began() + terms.min_lame_duck;
    let (time, began) = (words::limit(terms.min_lame_duck), record.stop_word());
    // Other offsets count from the signal.
    let from_begin = |at: At| match record.pre_stop {
        None => format!("at {}", record.offset(at)),
        Some(_) => format!("{} after it ({})", words::time(at.since(record.stop_began())), record.offset(at)),
    };
    let early = case.requests.iter().filter(|judged| judged.fate == Fate::RefusedEarly).count() as u64;
    match first_refusal(case) {
        Some(first) if early > 0 || first < until => {
            let early = words::plural(early, "new connection was", "new connections were");
            let ended = record
                .exit
                .filter(|(exit, _)| *exit <= until)
                .map(|(exit, _)| format!("; the process ended at {}", record.offset(exit)));
            found(
                Finding::Fail,
                format!(
                    "{early} refused within {time} of {began}, the first {}: a platform that still routes there loses them{}",
                    from_begin(first),
                    ended.unwrap_or_default()
                ),
            )
            .hint(
                "keep accepting for that time after the signal, or delay the signal (--pre-stop TIME, as a preStop hook does); a \
                 service that is built on ebbtide detects Kubernetes by KUBERNETES_SERVICE_HOST",
            )
        }
        first => {
            let Some(last) = last_accepted(case, until) else {
                return found(
                    Finding::Inconclusive,
                    format!("no new connection was tried within {time} of {began}"),
                )
                .hint("--storm opens new connections all the time");
            };
            let untried = until.since(last);
            if untried > UNTRIED.max(terms.min_lame_duck.checked_div(10).unwrap_or_default()) {
                let untried = words::time(untried);
                return found(
                    Finding::Inconclusive,
                    format!("no new connection was tried in the last {untried} of the {time} after {began}"),
                )
                .hint("--storm opens new connections all the time, if the machine has time for them");
            }
            let first = first.map_or_else(
                || "no refusal seen".to_owned(),
                |first| format!("first refusal {}", from_begin(first)),
            );
            found(Finding::Pass, format!("no new connection was refused within {time} of {began}; {first}"))
        }
    }
}

/// For so long at the end of a lame duck, or a tenth of it, no connection needs to be tried.
const UNTRIED: Duration = Duration::from_millis(100);

/// When a client began to open the last connection that was accepted between the beginning of the stop and `until`.
fn last_accepted(case: &Case<'_>, until: At) -> Option<At> {
    let during = case.record.stop_began()..until;
    let new = case.requests.iter().filter(|judged| judged.request.fresh && judged.accepted());
    new.map(|judged| judged.request.opened).filter(|opened| during.contains(opened)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, PreStopEnd, PreStopRun, Record};
    use crate::scenario::StopAt;
    use crate::verdict::samples::{SIGNALLED, found, good, request, terms};
    use crate::verdict::{Terms, Verdict, judge};

    fn routed(millis: u64) -> Terms {
        Terms { min_lame_duck: Duration::from_millis(millis), ..terms() }
    }

    /// The sample, with a new connection until shortly before the refusals.
    fn tried_to_the_end() -> Record {
        let mut record = good();
        record.traffic.requests.push(request(SIGNALLED + 450_000, Outcome::Answered { status: 200 }));
        record
    }

    #[test]
    fn a_lame_duck_is_known_as_far_as_connections_were_tried() {
        // The last one was opened 200 ms after the signal.
        let lame_duck = |millis| found(CheckId::LameDuckServed, &good(), &routed(millis));
        assert_eq!(lame_duck(300).verdict, Finding::Pass);
        let unknown = lame_duck(301);
        assert_eq!(unknown.verdict, Finding::Inconclusive);
        assert_eq!(
            unknown.evidence,
            "no new connection was tried in the last 101 ms of the 301 ms after the signal"
        );
    }

    // The sample refuses from 500 ms after the signal on.
    #[test]
    fn a_refusal_is_lost_until_the_lame_duck_ends_and_excused_from_then_on() {
        let run = judge(&good(), &routed(501));
        assert_eq!((run.verdict, run.lost_by_shutdown), (Verdict::Fail, 1));
        assert_eq!((run.requests.refused, run.requests.refused_early), (1, 1));
        let check = found(CheckId::LameDuckServed, &good(), &routed(501));
        assert_eq!(check.verdict, Finding::Fail);
        assert!(
            check.evidence.starts_with("1 new connection was refused within 501 ms of the signal"),
            "{check:?}"
        );
        let run = judge(&tried_to_the_end(), &routed(500));
        assert_eq!((run.verdict, run.lost_by_shutdown), (Verdict::Pass, 0));
        assert_eq!((run.requests.refused, run.requests.refused_early), (1, 0));
        // No process accepted it: only this check has it.
        let answered = found(CheckId::RequestsAnswered, &good(), &routed(501));
        assert_eq!(answered.verdict, Finding::Pass, "{answered:?}");
    }

    #[test]
    fn without_a_lame_duck_a_connection_that_was_being_opened_at_the_signal_is_not_lost() {
        let mut record = good();
        record.traffic.requests.push(request(SIGNALLED - 500, Outcome::Refused));
        assert_eq!(judge(&record, &terms()).lost_by_shutdown, 0);
        assert_eq!(judge(&record, &routed(1)).lost_by_shutdown, 1);
    }

    #[test]
    fn the_lame_duck_begins_with_the_hook_and_losses_in_it_are_those_of_the_stop() {
        let hooked = || Record {
            pre_stop: Some(PreStopRun {
                began: At(SIGNALLED - 50_000),
                ended: At(SIGNALLED),
                end: PreStopEnd::Done,
                before_grace: false,
            }),
            ..tried_to_the_end()
        };
        assert_eq!(judge(&hooked(), &routed(550)).verdict, Verdict::Pass);
        assert_eq!(judge(&hooked(), &routed(551)).verdict, Verdict::Fail);
        let mut record = hooked();
        record.traffic.requests.push(request(SIGNALLED - 40_000, Outcome::Refused));
        let check = found(CheckId::LameDuckServed, &record, &routed(60));
        assert!(
            check
                .evidence
                .contains("within 60 ms of the beginning of preStop, the first 11 ms after it (-39 ms)"),
            "{check:?}"
        );
        // Without a hook it was refused before the stop.
        record.pre_stop = None;
        assert_eq!(judge(&record, &routed(60)).requests.refused_early, 0);
    }

    #[test]
    fn without_new_connections_nothing_is_known_about_the_lame_duck() {
        let mut record = good();
        record.traffic.requests.retain(|request| request.begun < At(SIGNALLED));
        let check = found(CheckId::LameDuckServed, &record, &routed(400));
        assert_eq!(check.verdict, Finding::Inconclusive);
        let idle = Terms { at: StopAt::Idle, ..routed(400) };
        assert_eq!(found(CheckId::LameDuckServed, &record, &idle).verdict, Finding::Skipped);
    }
}
