//! Notes on what was observed beside the requests. A correct service may do all of it, so that none of it fails a check.

use super::blame::Blame;
use super::case::Case;
use crate::clock::seconds;
use crate::record::{AcceptQueue, LeftFile, Resources, StackTraces, Usage};
use crate::scenario::StopAt;
use crate::words;

/// Memory that grows by less is the usual variation.
const MEMORY: u64 = 64 * 1024 * 1024;
/// The same, of threads.
const THREADS: u64 = 64;
/// So many files are named.
const NAMED: usize = 5;

/// Returns the notes on what was observed in a run.
pub(super) fn observed(case: &Case<'_>) -> Vec<String> {
    let seen = &case.record.observed;
    let traces = seen.stack_traces.iter().map(stack_traces);
    // During start-up a service grows in any case.
    let resources = seen.resources.iter().filter(|_| case.terms.at == StopAt::Load);
    let cut = seen.truncated_line.iter().map(|line| truncated_line(line));
    // A queue whose connections were all accepted in time is no news.
    let has_lost_new = case.groups.iter().any(|group| {
        group.reason.connection() == Some(true) && group.blame != Blame::Usual && !group.after.is_empty()
    });
    let queues = seen.accept_queues.iter().filter(|_| has_lost_new).map(accept_queue);
    let grown = resources.flat_map(growth);
    traces.chain(cut).chain(queues).chain(grown).chain(left_behind(&seen.left_behind)).collect()
}

fn accept_queue(queue: &AcceptQueue) -> String {
    let connections = words::plural(queue.connections, "connection", "connections");
    let [before, after] =
        [queue.before_close_ms, queue.closed_after_ms].map(|ms| words::time(seconds(ms / 1000.0)));
    format!(
        "the accept queue of {} had {connections} {before} before the listener closed, {after} after the signal",
        queue.address
    )
}

fn stack_traces(traces: &StackTraces) -> String {
    let after = words::time(seconds(traces.after_ms / 1000.0));
    let error = traces.error_line.as_ref().map_or_else(String::new, |line| format!(" … `{line}`"));
    let first = &traces.first_line;
    match traces.count {
        0 | 1 => format!("the output has a stack trace {after} after the signal: `{first}`{error}"),
        more => {
            let count = words::count(more);
            format!(
                "the output has {count} stack traces, the first one {after} after the signal: `{first}`{error}"
            )
        }
    }
}

fn truncated_line(line: &str) -> String {
    format!("the output ends within a line, as if its last buffer was not written: `{line}`")
}

/// What grew during the drain, in a service that started no further process: one shares the memory of its parent, and would count twice.
fn growth(resources: &Resources) -> Vec<String> {
    let before = resources.peak_before;
    let Some(after) = resources.peak_after.filter(|after| after.processes <= before.processes) else {
        return Vec::new();
    };
    let grew = |of: fn(&Usage) -> u64, least: u64| {
        of(&after) > of(&before).saturating_mul(2) && of(&after).saturating_sub(of(&before)) >= least
    };
    let mut notes = Vec::new();
    if grew(|used| used.memory_bytes, MEMORY) {
        let [most, usual] = [after, before].map(|used| words::mebibytes(used.memory_bytes));
        notes.push(format!("the memory of the service grew during the shutdown: {most} after the signal, at most {usual} before it"));
    }
    if grew(|used| used.threads, THREADS) {
        let [most, usual] = [after, before].map(|used| words::count(used.threads));
        notes.push(format!("the threads of the service grew during the shutdown: {most} after the signal, at most {usual} before it"));
    }
    notes
}

fn left_behind(files: &[LeftFile]) -> Option<String> {
    let named: Vec<String> =
        files.iter().take(NAMED).map(|file| format!("{} ({})", file.path, file.kind)).collect();
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| format!("left behind: {}{more}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Close, LeftKind, Observed, Outcome, Record};
    use crate::verdict::samples::{SIGNALLED, good, request, terms};
    use crate::verdict::{Terms, Verdict, judge};

    /// Returns the notes on a good run with this, which passes.
    fn notes(observed: Observed) -> Vec<String> {
        let run = judge(&Record { observed, ..good() }, &terms());
        assert_eq!(run.verdict, Verdict::Pass);
        run.notes
    }

    #[test]
    fn a_stack_trace_is_a_note_and_no_failure() {
        let noted = |count| {
            let traces = StackTraces {
                count,
                after_ms: 120.0,
                first_line: "Traceback (most recent call last):".to_owned(),
                error_line: Some("KeyboardInterrupt".to_owned()),
            };
            notes(Observed { stack_traces: Some(traces), ..Observed::default() })
        };
        assert_eq!(
            noted(1),
            [
                "the output has a stack trace 120 ms after the signal: `Traceback (most recent call last):` … `KeyboardInterrupt`"
            ]
        );
        assert!(noted(3)[0].starts_with("the output has 3 stack traces, the first one 120 ms after"));
    }

    #[test]
    fn an_accept_queue_is_noted_beside_lost_connections_alone() {
        let queue = AcceptQueue {
            address: "127.0.0.1:80".to_owned(),
            connections: 3,
            before_close_ms: 2.0,
            closed_after_ms: 598.0,
        };
        let observed = Observed { accept_queues: vec![queue], ..Observed::default() };
        assert_eq!(notes(observed.clone()), Vec::<String>::new());
        let mut record = Record { observed, ..good() };
        record
            .traffic
            .requests
            .push(request(SIGNALLED + 598_000, Outcome::Unanswered { close: Close::Reset }));
        let note = "the accept queue of 127.0.0.1:80 had 3 connections 2.00 ms before the listener closed, 598 ms after the signal";
        let run = judge(&record, &terms());
        assert!(run.notes.iter().any(|found| found == note), "{:?}", run.notes);
    }

    #[test]
    fn a_truncated_line_is_noted() {
        let observed = Observed { truncated_line: Some("GET /ite".to_owned()), ..Observed::default() };
        let note = "the output ends within a line, as if its last buffer was not written: `GET /ite`";
        assert_eq!(notes(observed), [note]);
    }

    #[test]
    fn only_what_clearly_grows_during_the_drain_is_noted() {
        let used = |mebibytes: u64, threads, processes| Usage {
            memory_bytes: mebibytes * 1024 * 1024,
            threads,
            descriptors: 9,
            processes,
        };
        let noted = |before, after| {
            let resources =
                Resources { peak_before: before, at_signal: before, peak_after: after, before_exit: after };
            notes(Observed { resources: Some(resources), ..Observed::default() })
        };
        assert_eq!(
            noted(used(60, 10, 1), Some(used(310, 9, 1))),
            [
                "the memory of the service grew during the shutdown: 310 MiB after the signal, at most 60 MiB before it"
            ]
        );
        assert_eq!(
            noted(used(60, 10, 1), Some(used(60, 90, 1))),
            [
                "the threads of the service grew during the shutdown: 90 after the signal, at most 10 before it"
            ]
        );
        let resources = Resources {
            peak_before: used(60, 10, 1),
            at_signal: used(60, 10, 1),
            peak_after: Some(used(310, 90, 1)),
            before_exit: None,
        };
        let observed = Observed { resources: Some(resources), ..Observed::default() };
        let at_startup = judge(&Record { observed, ..good() }, &Terms { at: StopAt::Startup, ..terms() });
        assert_eq!(at_startup.notes, Vec::<String>::new());
        for (before, after) in [
            (used(60, 10, 1), None),
            (used(60, 10, 1), Some(used(120, 20, 1))),
            (used(10, 2, 1), Some(used(73, 65, 1))),
            // A copy of the process.
            (used(200, 50, 1), Some(used(401, 150, 2))),
        ] {
            assert_eq!(noted(before, after), Vec::<String>::new(), "{before:?} {after:?}");
        }
    }

    #[test]
    fn files_that_are_left_are_named_up_to_a_number() {
        let file = |number: usize| LeftFile { path: format!("/tmp/{number}"), kind: LeftKind::TemporaryFile };
        let noted =
            |count| notes(Observed { left_behind: (0..count).map(file).collect(), ..Observed::default() });
        assert_eq!(noted(0), Vec::<String>::new());
        assert_eq!(noted(2), ["left behind: /tmp/0 (temporary file), /tmp/1 (temporary file)"]);
        assert!(noted(7)[0].ends_with("/tmp/4 (temporary file) and 2 more"));
    }
}
