//! Remarks that are not findings but help to interpret a verdict.

use super::blame::Blame;
use super::case::Case;
use super::observed::observed;
use super::unacknowledged::Unacknowledged;
use crate::record::PreStopEnd;
use crate::words;

/// Returns the remarks on a run.
pub(super) fn notes(case: &Case<'_>) -> Vec<String> {
    let record = case.record;
    let traffic = &record.traffic;
    let mut notes = Vec::new();
    if let Some(trouble) = &traffic.last_trouble {
        let count = words::plural(traffic.trouble, "attempt", "attempts");
        notes.push(format!("{count} failed on the client side and say nothing about the service: {trouble}"));
    }
    if let Some(at) = traffic.bound_reached {
        let at = words::time(at.since(record.load_began));
        notes.push(format!(
            "clients stopped sending {at} after the load began: the maximum number of requests was reached"
        ));
    }
    if let Some((_, path)) = &case.terms.state_page {
        notes.push(format!(
            "the load used {path}, since no other common path is answered: it reports the state of the service, so its bodies were not \
             compared; --url names a route of the service"
        ));
    }
    for group in case.groups.iter().filter(|group| group.blame == Blame::Usual) {
        notes.push(format!("not caused by the shutdown: {}", group.sentence(record)));
    }
    notes.extend(pre_stop(case));
    notes.extend(before(case));
    notes.extend(child(case));
    let counts = case.counts();
    if counts.foreign > 0 {
        let count = words::plural(counts.foreign, "new connection was", "new connections were");
        notes.push(format!(
            "{count} accepted by another program, which took the port after the service had ended: not counted"
        ));
    }
    if counts.unprocessed > 0 {
        let count = words::plural(counts.unprocessed, "request was", "requests were");
        notes.push(format!(
            "{count} refused by GOAWAY or REFUSED_STREAM: not processed, and safe to retry; not a loss"
        ));
    }
    let ours = counts.ended_by_clean_up;
    if ours > 0 {
        let ours = words::plural(ours, "request was", "requests were");
        notes.push(format!(
            "{ours} in flight at processes that outlived the service, and ended when these were killed: not counted"
        ));
    }
    notes.extend(varying(case));
    if traffic.idle_closed > 0 {
        let count = words::plural(traffic.idle_closed, "kept connection was", "kept connections were");
        notes.push(format!(
            "{count} closed by the service while idle, before a request was written: not a loss"
        ));
    }
    if traffic.unasked > 0 {
        let count = words::plural(traffic.unasked, "connection", "connections");
        notes.push(format!(
            "{count} had bytes from the service that no request had asked for, as of a second response: a client that keeps its connection \
             may take them for the response to its next request"
        ));
    }
    notes.extend(observed(case));
    notes.extend(Unacknowledged::of(record).iter().map(Unacknowledged::to_string));
    notes
}

/// A preStop hook that did not succeed. That is no loss by itself: the platform sends the signal all the same.
fn pre_stop(case: &Case<'_>) -> Option<String> {
    let hook = case.record.pre_stop.as_ref()?;
    let took = words::time(hook.ended.since(hook.began));
    match &hook.end {
        PreStopEnd::Done => None,
        PreStopEnd::Failed(why) => Some(format!(
            "preStop failed after {took}, and the signal was sent at once, as a platform does: {why}"
        )),
        PreStopEnd::Overran if hook.before_grace => Some(format!(
            "preStop was still running after {}, as long as the grace period: the signal was sent then",
            words::limit(case.terms.grace)
        )),
        PreStopEnd::Overran => Some(format!(
            "preStop was still running at the end of the grace period: the signal was sent then, and SIGKILL is due {} after it, \
             as the kubelet does",
            words::time(case.record.deadline(case.terms.grace).since(case.record.signalled))
        )),
        PreStopEnd::ServiceEnded => {
            Some(format!("the process ended {took} after preStop had begun: no signal was sent"))
        }
    }
}

/// A child process that accepted connections or listened after the service had ended. Its connections are judged as those of the
/// service.
fn child(case: &Case<'_>) -> Option<String> {
    let record = case.record;
    let (exit, _) = record.exit.filter(|_| record.children_until.is_some())?;
    let new = case.requests.iter().filter(|judged| judged.request.opened > exit && judged.accepted()).count();
    if new == 0 && record.children_listened.is_empty() {
        return None;
    }
    let new = words::plural(new as u64, "new connection was", "new connections were");
    let on = match record.children_listened.is_empty() {
        true => String::new(),
        false => format!(" on {}", record.children_listened.join(", ")),
    };
    // As the first process of a container it would have ended them.
    let elsewhere = match record.signal_state.is_some_and(|state| state.pid_one) {
        true => "",
        false => "; in a container the kernel kills it at the exit, as with --pid1",
    };
    Some(match record.orphans.is_empty() {
        false => {
            format!(
                "a child process of the service still listens{on} after the exit: {new} accepted{elsewhere}"
            )
        }
        true => format!(
            "a child process of the service listened{on} for a short time after the exit: {new} accepted{elsewhere}"
        ),
    })
}

/// The routes whose responses after the signal were compared with no usual body.
fn varying(case: &Case<'_>) -> Option<String> {
    let is_answered = |number: &usize| {
        case.by_route.get(*number).is_some_and(|tally| tally.after.answered > tally.after.wrong)
    };
    let names: Vec<&str> = case
        .routes
        .numbers()
        .zip(case.routes.keys())
        .filter(|(number, _)| case.varying.contains(number) && is_answered(number))
        .map(|(_, (_, route))| route)
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "the bodies of {} vary: after the signal only an empty or an incomplete one would be noticed",
            names.join(", ")
        )
    })
}

/// Failures before the signal.
fn before(case: &Case<'_>) -> Option<String> {
    let bad = case.before();
    let (count, of) = (words::count(bad.bad()), words::count(bad.accepted()));
    (bad.bad() > 0).then(|| format!("{count} of {of} requests failed before the signal: the baseline"))
}

#[cfg(test)]
mod tests {
    use crate::clock::At;
    use crate::record::{Answer, Close, Orphan, Outcome, Request};
    use crate::verdict::samples::{good, request, terms};
    use crate::verdict::{Terms, Verdict, judge};

    const RESET: Outcome = Outcome::Unanswered { close: Close::Reset };

    #[test]
    fn a_good_run_has_no_notes() {
        assert_eq!(judge(&good(), &terms()).notes, Vec::<String>::new());
    }

    #[test]
    fn a_status_page_that_the_rehearsal_chose_may_report_the_shutdown() {
        let mut record = good();
        let usual = record.traffic.requests.first().unwrap().clone();
        let page = |begun, answer| Request {
            begun: At(begun),
            ended: At(begun + 1000),
            route: "GET /status".into(),
            answer: Some(answer),
            ..usual.clone()
        };
        let answer = usual.answer.unwrap();
        let draining = Answer { length: answer.length + 6, digest: answer.digest + 1, ..answer };
        record.traffic.requests = (0..10).map(|number| page(900_000 + number * 10_000, answer)).collect();
        record.traffic.requests.extend((0..10).map(|number| page(1_100_000 + number * 10_000, draining)));
        let named = judge(&record, &terms());
        assert_eq!(named.verdict, Verdict::Fail, "compared if it was named");
        let chosen = Terms { state_page: Some((usual.to.clone(), "/status".to_owned())), ..terms() };
        let run = judge(&record, &chosen);
        assert_eq!(run.verdict, Verdict::Pass, "{:?}", run.checks);
        assert!(run.notes.iter().any(|note| note.contains("--url names a route")), "{:?}", run.notes);
        // Its status, and whether it has a body at all, still count.
        for outcome in [500, 404] {
            let mut record = record.clone();
            record.traffic.requests.push(Request {
                outcome: Outcome::Answered { status: outcome },
                ..page(1_300_000, draining)
            });
            assert_eq!(judge(&record, &chosen).verdict, Verdict::Fail, "{outcome}");
        }
        record.traffic.requests.push(page(1_300_000, Answer { length: 0, ..draining }));
        assert_eq!(judge(&record, &chosen).verdict, Verdict::Fail);
    }

    #[test]
    fn a_program_that_takes_the_port_after_the_exit_is_not_the_service() {
        let exit = good().exit.unwrap().0.0;
        for outcome in [Outcome::Malformed, RESET, Outcome::Answered { status: 500 }, Outcome::TimedOut] {
            let mut record = good();
            record.traffic.requests.push(request(exit + 1, outcome));
            let run = judge(&record, &terms());
            assert_eq!((run.verdict, run.requests.foreign), (Verdict::Pass, 1), "{:?}", run.checks);
            assert!(run.notes.iter().any(|note| note.contains("another program")), "{:?}", run.notes);
            // Opened while the service was there, or while a process of it was: its own.
            record.traffic.requests.push(request(exit - 1, outcome));
            assert_eq!(judge(&record, &terms()).verdict, Verdict::Fail);
            let mut record = good();
            record.orphans = vec![Orphan { pid: 1, name: "child".into() }];
            (record.children_until, record.children_listened) = (Some(At(exit + 2)), vec!["[::1]:80".into()]);
            record.traffic.requests.push(request(exit + 1, outcome));
            let run = judge(&record, &terms());
            assert!(
                run.notes
                    .iter()
                    .any(|note| note.starts_with("a child process of the service still listens on"))
            );
            assert_eq!(run.requests.foreign, 0);
        }
    }

    #[test]
    fn a_child_process_that_was_gone_at_the_first_look_accepted_what_was_opened_until_then() {
        let exit = good().exit.unwrap().0.0;
        let mut record = good();
        record.children_until = Some(At(exit + 2));
        assert_eq!(judge(&record, &terms()).notes, Vec::<String>::new());
        record.traffic.requests.push(request(exit + 1, RESET));
        let run = judge(&record, &terms());
        assert_eq!((run.verdict, run.requests.foreign), (Verdict::Fail, 0), "{:?}", run.checks);
        let note =
            "a child process of the service listened for a short time after the exit: 1 new connection was";
        assert!(run.notes.iter().any(|found| found.starts_with(note)), "{:?}", run.notes);
    }
}
