//! Whether the routes of the load work: a route that answers nothing but errors proves nothing about its handler.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Answer, Endpoint, Outcome, Request, Shape};
use crate::verdict::case::Case;
use crate::verdict::fate::Fate;
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

/// The responses of one route: those before the signal, or else those after it for which the shutdown is not to blame.
#[derive(Default)]
struct RouteResponses {
    before: u64,
    count: u64,
    statuses: BTreeSet<SeenStatus>,
}

/// A status, and what makes the response less than it seems.
type SeenStatus = (u16, Lack);

/// Why a response with a good status proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lack {
    Nothing,
    /// It is a gRPC status: HTTP's is 200 also for a method that does not exist.
    Grpc(Option<u16>),
    /// It is the answer to the handshake of a WebSocket, and opened none.
    NoUpgrade,
    /// It is the answer to a request for server-sent events, and no stream of them.
    NoEvents,
}

/// Did each route of the load answer with 200 to 399, or with a declared status?
pub(in crate::verdict) fn routes_served(case: &Case<'_>) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RoutesServed, finding, evidence);
    let routes = responses(case);
    if routes.is_empty() {
        let blamed = case.requests.iter().any(|judged| judged.blamed && status(judged.request).is_some());
        let evidence = match blamed {
            true => {
                "no response was received before the signal, and what the shutdown caused says nothing about a route"
            }
            false => "no response was received",
        };
        return found(Finding::Inconclusive, evidence.into());
    }
    let useless: Vec<_> = routes
        .iter()
        .filter(|(_, seen)| !seen.statuses.iter().any(|status| is_served(*status, case.terms)))
        .collect();
    if useless.is_empty() {
        let different: BTreeSet<_> = routes.iter().map(|(route, _)| route).collect();
        let count = words::plural(different.len() as u64, "route", "routes");
        return found(
            Finding::Pass,
            format!("{count} answered with a status of 200 to 399, or with a declared one"),
        );
    }
    let lines: Vec<String> =
        useless.iter().map(|((at, route), seen)| sentence(case, at, route, seen)).collect();
    let names: Vec<String> = useless.iter().map(|((_, route), _)| format!("`{route}`")).collect();
    let hint = format!("--url SHAPE=METHOD:PATH replaces {}", names.join(" and "));
    let statuses: BTreeSet<SeenStatus> =
        useless.iter().flat_map(|(_, seen)| seen.statuses.iter().copied()).collect();
    let declarable: Vec<String> = statuses
        .iter()
        .filter(|(_, lack)| *lack == Lack::Nothing)
        .map(|(status, _)| status.to_string())
        .collect();
    let remedy = statuses.iter().find_map(|(status, _)| request_remedy(*status));
    let hint = remedy.map_or(hint.clone(), |remedy| format!("{hint}; {remedy}"));
    found(Finding::Inconclusive, lines.join("\n")).hint(match declarable.join(",").as_str() {
        "" => hint,
        statuses => format!("{hint}; if the status is intended: --expect-status {statuses}"),
    })
}

/// Returns the option that changes what a request with this response lacks, if that is likely.
fn request_remedy(status: u16) -> Option<&'static str> {
    match status {
        401 | 403 => Some("--header sends credentials"),
        400 | 415 | 422 => Some("--body and --header change what is sent"),
        421 => Some("--host names the host"),
        _ => None,
    }
}

fn responses<'a>(case: &Case<'a>) -> Vec<((&'a Endpoint, &'a str), RouteResponses)> {
    let mut by_number = BTreeMap::<(usize, Option<Shape>), RouteResponses>::new();
    for judged in case.requests.iter().filter(|judged| judged.fate != Fate::Foreign) {
        // A stream that ends with UNAVAILABLE at the stop was served until then.
        let Some(status) = status(judged.request).filter(|_| !judged.blamed) else { continue };
        // What answers a page opens no WebSocket, and the other way round.
        let own =
            Some(judged.request.shape).filter(|shape| matches!(shape, Shape::Websocket | Shape::Events));
        let seen = by_number.entry((judged.route, own)).or_default();
        if !judged.after && seen.before == 0 {
            *seen = RouteResponses::default();
        }
        if !judged.after || seen.before == 0 {
            seen.before += u64::from(!judged.after);
            seen.count += 1;
            seen.statuses.insert((status, lack(judged.request, status)));
        }
    }
    let keys: BTreeMap<usize, (&Endpoint, &str)> = case.routes.numbers().zip(case.routes.keys()).collect();
    by_number.into_iter().filter_map(|((number, _), seen)| Some((*keys.get(&number)?, seen))).collect()
}

fn status(request: &Request) -> Option<u16> {
    match request.outcome {
        Outcome::Answered { .. } if request.answer.is_some_and(|answer| answer.no_number) => None,
        Outcome::Answered { status } => Some(status),
        // The handshake of a WebSocket.
        Outcome::CloseFrame { .. } => Some(UPGRADED),
        _ => None,
    }
}

/// That of a line.
const NO_STATUS: u16 = 0;
/// The status of the handshake of a WebSocket.
const UPGRADED: u16 = 101;

fn lack(request: &Request, status: u16) -> Lack {
    match request.shape {
        Shape::Websocket if status != UPGRADED => Lack::NoUpgrade,
        _ => match request.answer {
            Some(Answer { event_stream: Some(false), grpc: false, grpc_status: None, .. })
                if status < 400 =>
            {
                Lack::NoEvents
            }
            Some(answer) if answer.grpc || answer.grpc_status > Some(0) => Lack::Grpc(answer.grpc_status),
            _ => Lack::Nothing,
        },
    }
}

fn is_served((status, lack): SeenStatus, terms: &Terms) -> bool {
    lack == Lack::Nothing
        && (matches!(status, NO_STATUS | UPGRADED | 200..=399) || terms.expect_status.contains(&status))
}

fn sentence(case: &Case<'_>, at: &Endpoint, route: &str, seen: &RouteResponses) -> String {
    let at = case.at(at);
    let when = if seen.before > 0 { " before the signal" } else { "" };
    let count = words::plural(seen.count, "response", "responses");
    format!("{route}{at}: every response{when} had status {} ({count})", list(&seen.statuses))
}

fn list(statuses: &BTreeSet<SeenStatus>) -> String {
    let text = |(status, lack): &SeenStatus| match lack {
        Lack::Grpc(None) => format!("{status} with a gRPC status"),
        Lack::Grpc(Some(code)) => format!("{status} with the gRPC status {}", words::grpc_status(*code)),
        Lack::NoEvents => format!("{status} without an event stream (text/event-stream)"),
        Lack::NoUpgrade => format!("{status} instead of the upgrade to a WebSocket"),
        Lack::Nothing => status.to_string(),
    };
    statuses.iter().map(text).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::verdict::samples::{good, request, terms};
    use crate::verdict::{Verdict, judge};

    fn with(route: &str, answers: &[(u64, u16)]) -> Record {
        let mut record = good();
        record.traffic.requests.extend(answers.iter().map(|(begun, status)| Request {
            route: route.into(),
            ..request(*begun, Outcome::Answered { status: *status })
        }));
        record
    }

    fn found(record: &Record, terms: &Terms) -> (Check, Verdict) {
        (crate::verdict::samples::found(CheckId::RoutesServed, record, terms), judge(record, terms).verdict)
    }

    #[test]
    fn a_route_that_answers_only_errors_is_inconclusive_unless_its_status_is_declared() {
        let missing = with("GET /gone", &[(900_000, 404), (1_200_000, 404)]);
        let (check, verdict) = found(&missing, &terms());
        assert_eq!((check.verdict, verdict), (Finding::Inconclusive, Verdict::Inconclusive));
        assert_eq!(check.evidence, "GET /gone: every response before the signal had status 404 (1 response)");
        let hint = check.hint.unwrap_or_default();
        assert!(hint.contains("`GET /gone`") && hint.ends_with("--expect-status 404"), "{hint}");
        assert!(!hint.contains("--header"), "{hint}");
        let secret = with("GET /a", &[(900_000, 401)]);
        let hint = found(&secret, &terms()).0.hint.unwrap_or_default();
        assert!(hint.contains("; --header sends credentials; if the status is intended"), "{hint}");
        let declared = Terms { expect_status: vec![404], ..terms() };
        assert_eq!(found(&missing, &declared).1, Verdict::Pass);
        let other = Terms { expect_status: vec![403], ..terms() };
        assert_eq!(found(&missing, &other).1, Verdict::Inconclusive);
    }

    #[test]
    fn a_grpc_status_is_no_useful_response() {
        let mut record = with("GET /a", &[(900_000, 200)]);
        assert_eq!(found(&record, &terms()).0.verdict, Finding::Pass);
        record.traffic.requests.last_mut().and_then(|request| request.answer.as_mut()).unwrap().grpc = true;
        let (check, verdict) = found(&record, &terms());
        assert_eq!((check.verdict, verdict), (Finding::Inconclusive, Verdict::Inconclusive));
        assert!(check.evidence.contains("had status 200 with a gRPC status"), "{check:?}");
        assert_eq!(check.hint.as_deref(), Some("--url SHAPE=METHOD:PATH replaces `GET /a`"));
    }

    #[test]
    fn a_page_is_no_stream_of_events_also_where_it_is_a_useful_page() {
        let streamed = |event_stream| {
            let mut record = with("GET /", &[(900_000, 200), (910_000, 200)]);
            let last = record.traffic.requests.last_mut().unwrap();
            last.shape = Shape::Events;
            last.answer.as_mut().unwrap().event_stream = event_stream;
            record
        };
        let terms = Terms { shapes: vec![Shape::Storm, Shape::Events], ..terms() };
        let (check, _) = found(&streamed(Some(false)), &terms);
        assert_eq!(check.verdict, Finding::Inconclusive);
        assert!(
            check.evidence.contains("status 200 without an event stream (text/event-stream) (1 response)"),
            "{check:?}"
        );
        assert!(!check.hint.unwrap().contains("--expect-status"));
        // One is, and of an older record it is not known.
        for event_stream in [Some(true), None] {
            let (check, _) = found(&streamed(event_stream), &terms);
            assert_eq!(check.verdict, Finding::Pass, "{check:?}");
            assert!(check.evidence.starts_with("1 route answered"), "{check:?}");
        }
        // A WebSocket is none either, on the same path.
        let mut record = streamed(None);
        record.traffic.requests.last_mut().unwrap().shape = Shape::Websocket;
        assert!(found(&record, &terms).0.evidence.contains("instead of the upgrade"));
    }

    #[test]
    fn one_useful_response_before_the_signal_is_enough_and_one_after_it_is_not() {
        assert_eq!(
            found(&with("GET /a", &[(900_000, 404), (910_000, 204)]), &terms()).0.verdict,
            Finding::Pass
        );
        let late = with("GET /a", &[(900_000, 404), (1_200_000, 200)]);
        assert_eq!(found(&late, &terms()).0.verdict, Finding::Inconclusive);
        // A slow route may have no response before the signal.
        assert_eq!(found(&with("GET /a", &[(1_200_000, 200)]), &terms()).0.verdict, Finding::Pass);
        assert_eq!(found(&with("GET /a", &[(1_200_000, 404)]), &terms()).0.verdict, Finding::Inconclusive);
    }

    #[test]
    fn what_the_shutdown_caused_is_no_fault_of_the_route() {
        let streamed = |ended: &[(u64, u16)]| {
            let statuses: Vec<_> = ended.iter().map(|(ended, _)| (*ended, 200)).collect();
            let mut record = with("POST /a.A/Watch", &statuses);
            let streams =
                record.traffic.requests.iter_mut().filter(|request| request.route.starts_with("POST"));
            for (stream, (_, status)) in streams.zip(ended) {
                stream.answer.as_mut().unwrap().grpc_status = Some(*status);
            }
            record
        };
        // Streams that lasted until the signal, and had no status before it.
        let unavailable = streamed(&[(1_200_000, 14), (1_200_000, 14)]);
        let (check, verdict) = found(&unavailable, &terms());
        assert_eq!((check.verdict, verdict), (Finding::Pass, Verdict::Fail), "{check:?}");
        // The opposite: it failed before the signal, or with a status that is the caller's fault.
        assert_eq!(
            found(&streamed(&[(900_000, 14), (1_200_000, 14)]), &terms()).0.verdict,
            Finding::Inconclusive
        );
        assert_eq!(found(&streamed(&[(1_200_000, 12)]), &terms()).0.verdict, Finding::Inconclusive);
        let mut nothing_else = unavailable;
        nothing_else.traffic.requests.retain(|request| request.route.starts_with("POST"));
        let check = found(&nothing_else, &terms()).0;
        assert!(check.evidence.starts_with("no response was received before the signal"), "{check:?}");
    }

    #[test]
    fn a_declared_status_excuses_no_loss() {
        let declared = Terms { expect_status: vec![404, 503], ..terms() };
        for status in [404, 503] {
            // Only after the signal.
            let record = with("GET /a", &[(900_000, 200), (910_000, 200), (1_200_000, status)]);
            assert_eq!(found(&record, &declared).1, Verdict::Fail);
            // Now and then before the signal.
            let record = with("GET /a", &[(900_000, 200), (910_000, 200), (920_000, status)]);
            assert_eq!(judge(&record, &declared).requests.wrong, 1);
            // Always.
            let record = with("GET /a", &[(900_000, status), (1_200_000, status)]);
            assert_eq!(found(&record, &declared).1, Verdict::Pass);
        }
    }
}
