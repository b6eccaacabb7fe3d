//! Looks for the ids of requests in the output.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::record::{Endpoint, LoggedIds, NUMBER_LENGTH, Outcome, Record, Request, RequestIds};

/// An output of more than this is not read: a service that prints without limit must not delay its verdict.
const MOST: u64 = 256 * 1024 * 1024;
/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// With so few answered requests after the beginning of the stop, this many that ended last are looked for.
const LEAST: usize = 5;

/// Returns which ids of `record` the file `log` has. `None`: each request was answered, or there is no id in it.
pub(crate) fn logged_ids(record: &Record, log: &Path, ids: RequestIds) -> Option<LoggedIds> {
    let began = record.stop_began();
    let requests = || record.traffic.requests.iter().filter(|request| !request.is_line());
    let unanswered: Vec<&Request> =
        requests().filter(|request| request.ended >= began && is_unanswered(request)).collect();
    if unanswered.is_empty() {
        return None;
    }
    let found = File::open(log).and_then(|file| numbers(file, &ids.prefix())).ok()?;
    if found.is_empty() {
        return None;
    }
    let routes: BTreeSet<(&Endpoint, &str)> =
        unanswered.iter().map(|request| (&request.to, &*request.route)).collect();
    let mut logged = LoggedIds::default();
    for route in routes {
        let answered: Vec<&Request> = requests()
            .filter(|request| (&request.to, &*request.route) == route && is_answered(request))
            .collect();
        let after = answered.iter().filter(|request| request.ended >= began).count().max(LEAST);
        for request in answered.iter().rev().take(after) {
            logged.answered += 1;
            logged.answered_in_output += u64::from(found.contains(&request.id));
        }
    }
    logged.unanswered = unanswered.iter().map(|request| request.id).filter(|id| found.contains(id)).collect();
    Some(logged)
}

fn is_answered(request: &Request) -> bool {
    matches!(request.outcome, Outcome::Answered { .. })
}

/// Whether it has no response. One whose response is truncated was executed in any case.
fn is_unanswered(request: &Request) -> bool {
    matches!(
        request.outcome,
        Outcome::ClosedBeforeSend { .. }
            | Outcome::Unanswered { .. }
            | Outcome::StreamReset { response_begun: false, .. }
            | Outcome::TimedOut
    )
}

/// Returns the numbers that follow `prefix` in `input`.
fn numbers(input: File, prefix: &str) -> io::Result<HashSet<u64>> {
    let mut found = HashSet::new();
    if input.metadata()?.len() > MOST {
        return Ok(found);
    }
    let mut input = input.take(MOST);
    let (prefix, mut buffer) = (prefix.as_bytes(), Vec::with_capacity(2 * CHUNK));
    let length = prefix.len() + NUMBER_LENGTH;
    while input.by_ref().take(CHUNK as u64).read_to_end(&mut buffer)? > 0 {
        found.extend(buffer.windows(length).filter_map(|window| number(window.strip_prefix(prefix)?)));
        // The next chunk may have the rest of an id.
        let read = buffer.len().saturating_sub(length - 1);
        buffer.drain(..read);
    }
    Ok(found)
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::At;
    use crate::record::Close;
    use crate::verdict::samples::{SIGNALLED, good, request};

    const LOST: Outcome = Outcome::Unanswered { close: Close::Eof };

    /// Returns what is found in an output with the ids of the requests `logged`, behind `head`, after a run that lost the requests of 1.3 s and 1.4 s.
    fn seen(head: &str, logged: &[u64]) -> Option<LoggedIds> {
        let folder = tempfile::tempdir().unwrap();
        let (log, ids) = (folder.path().join("log"), RequestIds::draw());
        let lines = logged.iter().map(|number| format!("{{\"id\":\"{}\"}}\n", ids.of(*number)));
        fs::write(&log, head.to_owned() + &lines.collect::<String>()).unwrap();
        let mut record = good();
        record.traffic.requests.extend([1_300_000, 1_400_000].map(|begun| request(begun, LOST)));
        logged_ids(&record, &log, ids)
    }

    #[test]
    fn ids_of_unanswered_requests_are_found_beside_those_of_answered_ones() {
        let logged = |unanswered: &[u64], answered_in_output| {
            Some(LoggedIds {
                unanswered: unanswered.iter().copied().collect(),
                answered: 3,
                answered_in_output,
            })
        };
        let answered = [900_000, 999_500, 1_200_000];
        assert_eq!(seen("", &[&answered[..], &[1_300_000]].concat()), logged(&[1_300_000], 3));
        assert_eq!(seen("", &[999_500, 1_400_000, 1_400_000]), logged(&[1_400_000], 1));
        assert_eq!(seen("", &answered), logged(&[], 3));
        // Those of another run, or none.
        assert_eq!(seen(&format!("{}\n", RequestIds::draw().of(1_300_000)), &[]), None);
        assert_eq!(seen("GET / 200\n", &[]), None);
    }

    #[test]
    fn an_id_is_found_wherever_it_is_in_the_output() {
        for before in [0, CHUNK - 36, CHUNK - 20, CHUNK - 1, CHUNK, 3 * CHUNK - 7] {
            let logged = seen(&"x".repeat(before), &[1_300_000, 1_400_000]).unwrap();
            assert!(logged.unanswered.into_iter().eq([1_300_000, 1_400_000]), "{before}");
        }
    }

    #[test]
    fn without_an_unanswered_request_nothing_is_looked_for() {
        let record = good();
        assert!(record.signalled == At(SIGNALLED));
        assert_eq!(logged_ids(&record, Path::new("/no/such/file"), RequestIds::default()), None);
    }
}
