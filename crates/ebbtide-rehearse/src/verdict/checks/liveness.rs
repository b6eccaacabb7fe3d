//! Whether liveness stayed green: an orchestrator ends a container whose liveness fails, also in the middle of its drain.

use super::listener::state_text;
use crate::record::{POLL_LIMIT, ReadySample, ReadyState};
use crate::scenario::StopAt;
use crate::verdict::case::Case;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// So many connections in a row that were closed without an answer are no accident: a listener that closes resets one.
const IN_A_ROW: usize = 3;

/// Was liveness answered with less than 400 after the signal, as long as the service accepted connections?
pub(in crate::verdict) fn liveness_stays_green(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::LivenessStaysGreen, finding, evidence);
    if terms.liveness.is_none() {
        let why = match terms.at {
            StopAt::Startup => "liveness is not polled during start-up",
            StopAt::Idle | StopAt::Load | StopAt::Random => "no liveness was given",
        };
        return found(Finding::Skipped, why.into());
    }
    let began = record.stop_began();
    let before: Vec<&ReadySample> = record.liveness.iter().filter(|look| look.ended < began).collect();
    let never_green = before.iter().all(|look| look.state != ReadyState::Ready);
    let red = failure(&before).or(before.last().copied().filter(|_| never_green));
    if let Some(red) = red {
        let red = state_text(red.state);
        return found(Finding::Inconclusive, format!("liveness was {red} before the signal already"))
            .hint("--liveness names a path that is answered with 200 to 399 until the exit");
    }
    let after = after(case);
    let Some(failed) = failure(&after) else {
        let green = after.iter().filter(|look| look.state == ReadyState::Ready).count();
        let green = words::plural(green as u64, "green poll", "green polls");
        let refused = after.iter().rev().take_while(|look| look.state == ReadyState::Refused).last();
        let until = refused.map_or_else(
            || "no refusal at the end".to_owned(),
            |look| format!("refused from {} on", record.offset(look.begun)),
        );
        return found(Finding::Pass, format!("{green} after {}, {until}", record.stop_word()));
    };
    let at = record.offset(failed.begun);
    let (evidence, advice) = match failed.state {
        ReadyState::NoAnswer if is_silent(failed) => (
            format!("no answer within {} at {at}", words::limit(POLL_LIMIT)),
            "answer liveness from a thread or a task that the drain does not block",
        ),
        ReadyState::NoAnswer => (
            format!("connections were closed without an answer from {at} on"),
            "answer liveness as long as its listener is open",
        ),
        state => (
            format!("{} at {}", state_text(state), record.offset(record.poll_readable_at(failed))),
            "answer liveness with 200 until the exit: only readiness turns red",
        ),
    };
    let check = found(Finding::Fail, evidence);
    match terms.liveness == terms.readiness {
        true => check.hint("--liveness is the path of --ready, which turns red at the signal: give liveness a path of its own"),
        false => check.hint(advice),
    }
}

/// Returns the first poll after the signal with which liveness failed.
pub(in crate::verdict) fn liveness_failure<'a>(case: &Case<'a>) -> Option<&'a ReadySample> {
    failure(&after(case))
}

/// Returns the polls from the beginning of the stop until the end of the process.
fn after<'a>(case: &Case<'a>) -> Vec<&'a ReadySample> {
    let record = case.record;
    let end = record.killed.or(record.exit.map(|(at, _)| at));
    let is_within = |look: &&ReadySample| {
        look.begun >= record.stop_began()
            && match look.state {
                // What is read later was answered by then.
                ReadyState::Ready | ReadyState::Red(_) => !record.had_ended(look.begun),
                ReadyState::NoAnswer => end.is_none_or(|end| look.ended < end),
                ReadyState::Refused => true,
            }
    };
    record.liveness.iter().filter(is_within).collect()
}

/// Returns the first of `looks` at a failed liveness. A refusal is none: the listener has closed.
fn failure<'a>(looks: &[&'a ReadySample]) -> Option<&'a ReadySample> {
    let is_closed = |look: &&ReadySample| look.state == ReadyState::NoAnswer;
    let is_failed = |(at, look): &(usize, &&ReadySample)| match look.state {
        ReadyState::Red(_) => true,
        ReadyState::NoAnswer => {
            let row = looks.iter().skip(*at).take(IN_A_ROW);
            is_silent(look) || row.filter(|look| is_closed(look)).count() == IN_A_ROW
        }
        ReadyState::Ready | ReadyState::Refused => false,
    };
    looks.iter().enumerate().find(is_failed).map(|(_, look)| *look)
}

/// Whether the connection was accepted and not answered within the limit.
fn is_silent(look: &ReadySample) -> bool {
    look.state == ReadyState::NoAnswer && look.ended.since(look.begun) >= POLL_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::Record;
    use crate::verdict::samples::{SIGNALLED, found, good, terms};
    use crate::verdict::{Terms, Verdict, judge};

    const RED: ReadyState = ReadyState::Red(503);
    const SECOND: u64 = 1_000_000;

    fn given() -> Terms {
        Terms { liveness: Some(("127.0.0.1:80".parse().unwrap(), "/livez".into())), ..terms() }
    }

    /// A run that exits 5 s after the signal, with a green poll before it, and then these: each begins at a time from the signal, and takes another.
    fn run(looks: &[(u64, u64, ReadyState)]) -> Record {
        let mut record = good();
        record.exit = record.exit.map(|(_, ended)| (At(SIGNALLED + 5 * SECOND), ended));
        let look = |begun, took, state| ReadySample { begun: At(begun), ended: At(begun + took), state };
        record.liveness = vec![look(SIGNALLED - 2000, 1000, ReadyState::Ready)];
        let after = looks.iter().map(|(at, took, state)| look(SIGNALLED + at, *took, *state));
        record.liveness.extend(after);
        record
    }

    #[track_caller]
    fn says(looks: &[(u64, u64, ReadyState)], finding: Finding, evidence: &str) {
        let check = found(CheckId::LivenessStaysGreen, &run(looks), &given());
        assert_eq!((check.verdict, check.evidence.as_str()), (finding, evidence), "{looks:?}");
    }

    #[test]
    fn an_error_status_or_silence_after_the_signal_fails() {
        use ReadyState::{NoAnswer, Ready, Refused};
        says(&[(10_000, 1000, Ready), (20_000, 1000, RED)], Finding::Fail, "red (503) at +21 ms");
        says(&[(20_000, SECOND, NoAnswer)], Finding::Fail, "no answer within 1 s at +20 ms");
        let closed = [20_000, 30_000, 40_000].map(|at| (at, 100, NoAnswer));
        says(&closed, Finding::Fail, "connections were closed without an answer from +20 ms on");
        // What a listener does that closes, and a process that ends.
        let passed = "1 green poll after the signal, refused from +40 ms on";
        let ready = (10_000, 1000, Ready);
        says(&[ready, (20_000, 100, NoAnswer), (40_000, 1000, Refused)], Finding::Pass, passed);
        let passed = "1 green poll after the signal, no refusal at the end";
        says(&[ready, (4_500_000, SECOND, NoAnswer)], Finding::Pass, passed);
        says(&[ready, (6_000_000, 1000, RED)], Finding::Pass, passed);
    }

    #[test]
    fn a_liveness_that_was_red_before_the_signal_is_inconclusive_and_no_pass() {
        let mut record = run(&[(10_000, 1000, RED)]);
        record.liveness[0].state = RED;
        let check = found(CheckId::LivenessStaysGreen, &record, &given());
        assert_eq!(check.verdict, Finding::Inconclusive, "{check:?}");
        assert_eq!(judge(&record, &given()).verdict, Verdict::Inconclusive);
        record.liveness[0].state = ReadyState::Refused;
        let check = found(CheckId::LivenessStaysGreen, &record, &given());
        assert!(check.evidence.contains("red (connection refused) before the signal"), "{check:?}");
    }

    #[test]
    fn the_readiness_path_is_no_liveness_path() {
        let terms = given();
        let shared = Terms { readiness: terms.liveness.clone(), ..terms };
        let check = found(CheckId::LivenessStaysGreen, &run(&[(10_000, 1000, RED)]), &shared);
        assert!(check.hint.unwrap().contains("a path of its own"));
        // Without one nothing is judged.
        let check = found(CheckId::LivenessStaysGreen, &run(&[]), &Terms { liveness: None, ..shared });
        assert_eq!((check.verdict, check.evidence.as_str()), (Finding::Skipped, "no liveness was given"));
    }
}
